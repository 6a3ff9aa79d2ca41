internal import Glibc

/// A value behind a lock, with threads that wait for it to change.
///
/// `@unchecked Sendable`: the value is touched under the lock alone.
@safe final class Monitor<Value: Sendable>: @unchecked Sendable {
    private var value: Value
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let change: UnsafeMutablePointer<pthread_cond_t>

    init(_ value: Value) {
        self.value = value
        unsafe mutex = .allocate(capacity: 1)
        unsafe change = .allocate(capacity: 1)
        unsafe pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(change, &attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(change)
        unsafe pthread_mutex_destroy(mutex)
        unsafe change.deallocate()
        unsafe mutex.deallocate()
    }

    func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return body(&value)
    }

    /// Waits, `milliseconds` at most, until `body` has a result.
    func wait<Result>(milliseconds: Int64, until body: (inout Value) -> Result?) -> Result? {
        let deadline = deadline(in: milliseconds)
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while true {
            if let result = body(&value) { return result }
            var deadline = deadline
            guard unsafe pthread_cond_timedwait(change, mutex, &deadline) == 0 else { return body(&value) }
        }
    }

    /// Lets one waiting thread look again.
    func wakeOne() {
        unsafe pthread_cond_signal(change)
    }

    /// Lets all waiting threads look again.
    func wakeAll() {
        unsafe pthread_cond_broadcast(change)
    }

    private func deadline(in milliseconds: Int64) -> timespec {
        let end = uptime() + milliseconds
        return timespec(tv_sec: Int(end / 1000), tv_nsec: Int(end % 1000) * 1_000_000)
    }
}

/// Milliseconds of the clock that deadlines are judged by. It is coarse (4 ms) and costs almost nothing.
func uptime() -> Int64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
    return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
}

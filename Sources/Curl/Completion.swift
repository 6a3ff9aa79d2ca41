internal import Glibc
internal import Values

/// A value that one thread waits for and another brings, once.
///
/// `@unchecked Sendable`: `value` is read and written with the mutex held.
@safe final class Completion<Value: Sendable>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let arrival = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var value: Value?

    init() {
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe arrival.initialize(to: pthread_cond_t())
        unsafe pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(arrival, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(arrival)
        unsafe pthread_mutex_destroy(mutex)
        unsafe arrival.deallocate()
        unsafe mutex.deallocate()
    }

    /// Only the first value counts.
    func bring(_ value: Value) {
        unsafe pthread_mutex_lock(mutex)
        self.value = self.value ?? value
        unsafe pthread_cond_signal(arrival)
        unsafe pthread_mutex_unlock(mutex)
    }

    /// Waits until the value is there; `nil` when it is not at `moment`, in milliseconds of the system's uptime.
    func wait(until moment: Int64) -> Value? {
        var end = timespec(tv_sec: Int(moment / 1000), tv_nsec: Int(moment % 1000) * 1_000_000)
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        while value == nil, Clock.system.uptime() < moment {
            guard unsafe pthread_cond_timedwait(arrival, mutex, &end) != 0 else { continue }
            // Too early where a preloaded library takes this clock for the wall's.
            unsafe pthread_mutex_unlock(mutex)
            Clock.system.pause(1)
            unsafe pthread_mutex_lock(mutex)
        }
        return value
    }
}

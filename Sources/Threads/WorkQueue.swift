internal import Glibc

/// Work that waits for a thread: bounded, first come first served.
///
/// `@unchecked Sendable`: everything is read and written with the mutex held.
@safe package final class WorkQueue: @unchecked Sendable {
    package typealias Work = @Sendable () -> Void

    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let arrival = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var waiting: [Work] = []
    private var threads = 0
    private var idle = 0
    private var isClosed = false
    private let mostThreads: Int
    private let mostWaiting: Int

    /// Threads are started as work needs them.
    package init(mostThreads: Int, mostWaiting: Int) {
        self.mostThreads = mostThreads
        self.mostWaiting = mostWaiting
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe arrival.initialize(to: pthread_cond_t())
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(arrival, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(arrival)
        unsafe pthread_mutex_destroy(mutex)
        unsafe arrival.deallocate()
        unsafe mutex.deallocate()
    }

    /// Takes the work; false when there is no room for it, or the queue is closed.
    package func submit(_ work: @escaping Work) -> Bool {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        guard !isClosed, idle > waiting.count || threads < mostThreads || waiting.count < mostWaiting else {
            return false
        }
        waiting.append(work)
        if idle < waiting.count, threads < mostThreads {
            threads += 1
            spawn { [self] in serve() }
        } else {
            unsafe pthread_cond_signal(arrival)
        }
        return true
    }

    /// Takes nothing more; what is there is done.
    package func close() {
        unsafe pthread_mutex_lock(mutex)
        isClosed = true
        unsafe pthread_cond_broadcast(arrival)
        unsafe pthread_mutex_unlock(mutex)
    }

    /// Whether all that was taken is done.
    package var isDone: Bool {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return waiting.isEmpty && threads == idle
    }

    private func serve() {
        while let work = next() { work() }
    }

    private func next() -> Work? {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        idle += 1
        while waiting.isEmpty, !isClosed { unsafe pthread_cond_wait(arrival, mutex) }
        idle -= 1
        guard !waiting.isEmpty else {
            threads -= 1
            return nil
        }
        return waiting.removeFirst()
    }
}

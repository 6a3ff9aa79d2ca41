import Glibc
import Synchronization
import Testing
import Threads

/// Runs the body in so many threads at once and waits for all.
func withThreads(_ count: Int, _ body: @escaping @Sendable () throws -> Void) throws {
    let failures = Mutex<[any Error]>([])
    let threads = try (0..<count).map { _ in
        try #require(
            spawn {
                do { try body() } catch { failures.withLock { $0.append(error) } }
            })
    }
    for thread in threads { _ = pthread_join(thread, nil) }
    if let error = failures.withLock({ $0.first }) { throw error }
}

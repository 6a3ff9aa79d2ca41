package import Glibc

/// Starts a thread of its own for `body`. Its stack has 512 KiB: libcurl, OpenSSL and JSON need less. Signals go to
/// other threads; SIGPIPE, which a broken connection may raise here, goes nowhere. `nil` when the system has no more.
package func spawn(_ body: @escaping @Sendable () -> Void) -> pthread_t? {
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    unsafe pthread_attr_setstacksize(&attributes, 512 * 1024)
    defer { unsafe pthread_attr_destroy(&attributes) }
    var thread = pthread_t()
    let start = unsafe Unmanaged.passRetained(Start(body))
    guard unsafe pthread_create(&thread, &attributes, run, start.toOpaque()) == 0 else {
        unsafe start.release()
        return nil
    }
    return thread
}

private final class Start {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
    }
}

private func run(_ start: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let start = unsafe start else { return nil }
    var signals = sigset_t()
    unsafe sigemptyset(&signals)
    for signal in [SIGPIPE, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD] {
        unsafe sigaddset(&signals, signal)
    }
    unsafe pthread_sigmask(SIG_BLOCK, &signals, nil)
    unsafe Unmanaged<Start>.fromOpaque(start).takeRetainedValue().body()
    return nil
}

internal import Glibc

/// Starts a thread for `body`; nil when the system has no more. Its stack has 512 KiB: reading a provider's JSON
/// happens on such threads. Signals are for the thread in `Server.run`.
func spawn(_ body: @escaping @Sendable () -> Void) -> pthread_t? {
    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    defer { unsafe pthread_attr_destroy(&attributes) }
    unsafe pthread_attr_setstacksize(&attributes, 512 * 1024)
    let start = unsafe Unmanaged.passRetained(Start(body))
    var thread = pthread_t()
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
    blockSignals()
    unsafe Unmanaged<Start>.fromOpaque(start).takeRetainedValue().body()
    return nil
}

/// How many processors there are.
func processorCount() -> Int {
    sysconf(Int32(_SC_NPROCESSORS_ONLN))
}

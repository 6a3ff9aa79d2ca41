internal import CFastCGI
internal import Glibc

/// The signals that end or remind us. Every thread blocks them; `Server.run` reads them from a descriptor.
private let signals = [SIGTERM, SIGINT, SIGUSR1, SIGHUP]

/// Blocks our signals in this thread and in all it starts from now on.
func blockSignals() {
    var set = signalSet()
    unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
}

/// Prepares libfcgi, and takes its signal handlers out again: they only make its own `accept` return.
func prepareLibrary() -> Bool {
    guard FCGX_Init() == 0 else { return false }
    signal(SIGPIPE, SIG_IGN)
    for number in [SIGTERM, SIGUSR1] { signal(number, SIG_DFL) }
    return true
}

/// A descriptor from which the signals are read.
func signalDescriptor() -> Int32 {
    var set = signalSet()
    return unsafe signalfd(-1, &set, Int32(SFD_CLOEXEC | SFD_NONBLOCK))
}

/// The next signal that came, if one did.
func nextSignal(from descriptor: Int32) -> Int32? {
    var news = signalfd_siginfo()
    let size = MemoryLayout<signalfd_siginfo>.size
    guard unsafe read(descriptor, &news, size) == size else { return nil }
    return Int32(news.ssi_signo)
}

private func signalSet() -> sigset_t {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for number in signals { unsafe sigaddset(&set, number) }
    return set
}

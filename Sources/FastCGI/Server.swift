internal import CFastCGI
internal import Glibc
package import Logging
package import Threads
package import Web

/// How much the server takes.
package struct ServerLimits: Sendable {
    /// Threads of the check lane.
    package var checkThreads: Int
    /// Bytes of one request, parameters and body together.
    package var requestBytes: Int
    /// Milliseconds that a stop waits for errands.
    package var stopping: Int64

    package init(checkThreads: Int, requestBytes: Int, stopping: Int64 = 4000) {
        self.checkThreads = checkThreads
        self.requestBytes = requestBytes
        self.stopping = stopping
    }
}

/// The FastCGI server: listeners, the check lane and the errand lane.
package final class Server: Sendable {
    private let listeners: [Listener]
    private let threads: [CheckThread]
    private let errands: WorkQueue

    /// Listens. `group` may connect to a Unix socket.
    package init(
        listen address: ListenAddress, group: String?, responder: any Responder, limits: ServerLimits,
        errands: WorkQueue, log: Logger
    ) throws(ListenFailure) {
        let listeners = try Listener.open(address, group: group)
        let count = ConnectionCount()
        FCGX_Init()
        self.listeners = listeners
        self.errands = errands
        threads = (0..<max(1, limits.checkThreads)).map { _ in
            CheckThread(
                listeners: listeners, responder: responder, limits: limits, errands: errands, count: count, log: log)
        }
    }

    /// Serves until `stop` says so. `onHangUp` is called for every SIGHUP.
    package func run(onHangUp: @escaping @Sendable () -> Void) {
        let signals = Signals()
        let joined = threads.map { thread in spawn { thread.run() } }
        while signals.next() == SIGHUP { onHangUp() }
        for thread in threads { thread.stop() }
        for thread in joined { pthread_join(thread, nil) }
        for listener in listeners { listener.stop() }
        errands.close()
    }
}

/// The signals that end the process or tell it something: taken by one thread, and blocked in all others.
/// libfcgi's own handlers only make its accept return, which we do not use.
private struct Signals {
    private var set = sigset_t()

    init() {
        signal(SIGPIPE, SIG_IGN)
        signal(SIGUSR1, SIG_IGN)
        unsafe sigemptyset(&set)
        for number in [SIGTERM, SIGINT, SIGHUP] {
            signal(number, SIG_DFL)
            unsafe sigaddset(&set, number)
        }
        unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Waits for the next one.
    func next() -> Int32 {
        var set = set
        var number: Int32 = 0
        while unsafe sigwait(&set, &number) != 0 {}
        return number
    }
}

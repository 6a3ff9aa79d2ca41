internal import CFastCGI
internal import Glibc
package import Logging
internal import Threads
package import Web

/// The FastCGI server: listeners, check threads, and the end of it all.
package final class Server: Sendable {
    private let service: Service
    private let mailboxes: [Mailbox]
    private let running = Monitor(0)
    private let stopRequest: Int32

    /// Opens the listeners; nothing is served before `run`. `group`: who may use a Unix socket besides ourselves.
    /// `background`: what the responder starts by itself; its end is waited for, too.
    package convenience init(
        listen addresses: [ListenAddress], group: String? = nil, responder: any Responder, errands: ErrandLane,
        background: ErrandLane, limits: Limits = Limits(), log: Logger
    ) throws(ListenFailure) {
        try self.init(
            listen: addresses, group: group, responder: responder, errands: errands, background: background,
            limits: limits, patience: Patience(), log: log)
    }

    init(
        listen addresses: [ListenAddress], group: String?, responder: any Responder, errands: ErrandLane,
        background: ErrandLane, limits: Limits, patience: Patience, log: Logger
    ) throws(ListenFailure) {
        guard prepareLibrary() else { throw .system("libfcgi", reason: "cannot be initialised") }
        blockSignals()
        var listeners: [Listener] = []
        for address in addresses {
            listeners += try Listener.open(address, group: group, insecure: limits.insecureRemotePeers)
        }
        service = Service(
            listeners: listeners, responder: responder, errands: errands, background: background, limits: limits,
            patience: patience, log: log)
        mailboxes = (0..<limits.checkThreads).map { _ in Mailbox() }
        stopRequest = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    }

    deinit {
        close(stopRequest)
    }

    /// Serves until SIGTERM, SIGINT or SIGUSR1 comes, or until `stop`; returns when all is answered, at most 4.5 s
    /// later. `onHangUp` is called for SIGHUP.
    package func run(onHangUp: @Sendable () -> Void = {}) {
        for mailbox in mailboxes { start(mailbox) }
        waitForEnd(onHangUp)
        end()
    }

    /// Lets `run` return. May be called from any thread, and more than once.
    package func stop() {
        var one: UInt64 = 1
        _ = unsafe write(stopRequest, &one, 8)
    }

    private func start(_ mailbox: Mailbox) {
        running.withLock { $0 += 1 }
        let thread = spawn { [service, running] in
            do {
                var thread = CheckThread(service, mailbox)
                thread.run()
            }
            running.withLock { $0 -= 1 }
            running.wakeAll()
        }
        guard let thread else { preconditionFailure("the system has no thread for us") }
        pthread_detach(thread)
    }

    private func waitForEnd(_ onHangUp: @Sendable () -> Void) {
        let signals = signalDescriptor()
        defer { close(signals) }
        var waiting = [stopRequest, signals].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while true {
            _ = unsafe poll(&waiting, nfds_t(waiting.count), -1)
            guard waiting[0].revents == 0 else { return }
            switch nextSignal(from: signals) {
            case nil: continue
            case SIGHUP: onHangUp()
            default: return
            }
        }
    }

    /// New connections find no socket; what is in the backlog, under way or parked is still answered.
    private func end() {
        let deadline = uptime() + service.patience.stop
        for listener in service.listeners { listener.file?.remove() }
        service.stop()
        for mailbox in mailboxes { mailbox.wake() }
        let areOver = running.wait(milliseconds: deadline - uptime()) { $0 == 0 ? true : nil } ?? false
        // In this order: errands start background work, never the other way round.
        let areDone = [service.errands, service.background].map { $0.stop(milliseconds: max(0, deadline - uptime())) }
        if !areOver || areDone.contains(false) { service.log.warning("stopped before everything was answered") }
        for listener in service.listeners { close(listener.descriptor) }
    }
}

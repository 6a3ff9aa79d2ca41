internal import CFastCGI
internal import Logging
internal import Synchronization
internal import Web

/// What the threads of one server share.
final class Service: Sendable {
    let responder: any Responder
    let errands: ErrandLane
    /// For work that no request is parked with; it is waited for at the end, too.
    let background: ErrandLane
    let limits: Limits
    let patience: Patience
    let log: Logger
    let listeners: [Listener]
    private let stopWanted = Atomic(false)
    private let connections = Atomic(0)
    private let isShort = Atomic(false)
    private let mostConnections: Int

    /// Descriptors left to session stores, requests to providers and the log.
    private static let reserve = 64

    init(
        listeners: [Listener], responder: any Responder, errands: ErrandLane, background: ErrandLane, limits: Limits,
        patience: Patience, log: Logger
    ) {
        self.listeners = listeners
        self.responder = responder
        self.errands = errands
        self.background = background
        self.limits = limits
        self.patience = patience
        self.log = log
        mostConnections = max(16, fcgi_descriptor_limit() - Self.reserve)
    }

    /// Whether one more connection leaves descriptors for everything else.
    var hasRoom: Bool { connections.load(ordering: .relaxed) < mostConnections }

    var isStopping: Bool { stopWanted.load(ordering: .relaxed) }

    func stop() {
        stopWanted.store(true, ordering: .relaxed)
    }

    func connectionOpened() {
        connections.add(1, ordering: .relaxed)
    }

    func connectionClosed() {
        connections.subtract(1, ordering: .relaxed)
    }

    /// No connection could be accepted. Said once, until one is again.
    func noteShortage(_ reason: String) {
        guard !isShort.exchange(true, ordering: .relaxed) else { return }
        log.error("cannot accept connections for now", metadata: ["reason": "\(reason)"])
    }

    func noteAccepted() {
        guard isShort.load(ordering: .relaxed), isShort.exchange(false, ordering: .relaxed) else { return }
        log.notice("accepting connections again")
    }

    /// Whether descriptors are short just now.
    var isPressed: Bool { isShort.load(ordering: .relaxed) }
}

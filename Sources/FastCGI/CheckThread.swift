internal import Glibc
internal import Logging
internal import Web

/// One thread of the check lane: an epoll set with the listeners and this thread's connections. It answers what can be
/// answered at once and parks the rest on the errand lane. It never waits for anything but its epoll set.
struct CheckThread: ~Copyable {
    let service: Service
    let mailbox: Mailbox
    var peers = PeerTable()
    var exchange = Exchange()
    var scratch: [UInt8]
    var now = uptime()
    let set = EpollSet()
    private var nextTick: Int64 = 0
    /// When the listeners are watched again, after there was no room.
    private var listensAt: Int64?
    private var stopping = Stopping.no

    private enum Stopping {
        case no
        /// Nothing is accepted any more; what is under way ends by this time.
        case lingering(until: Int64)
    }

    private static let tick: Int64 = 250

    init(_ service: Service, _ mailbox: Mailbox) {
        self.service = service
        self.mailbox = mailbox
        scratch = Array(repeating: 0, count: service.limits.requestBytes + 8192)
        _ = set.add(mailbox.descriptor)
        listen()
    }

    /// Works until the service stops.
    mutating func run() {
        while !isOver {
            let count = waitForEvents()
            now = uptime()
            for index in 0..<count { handle(set.ready(index)) }
            if now >= nextTick { tick() }
            if service.isStopping { stop(isQuiet: count == 0) }
        }
        for connection in mailbox.shut() { hangUp(connection) }
        for connection in peers.connections(where: { _ in true }) { hangUp(connection) }
    }

    private var isOver: Bool {
        guard case .lingering(let end) = stopping else { return false }
        return peers.count == 0 || now >= end
    }

    private mutating func waitForEvents() -> Int {
        let isCalm = peers.count == 0 && listensAt == nil && !service.isStopping
        let milliseconds: Int32 = if case .lingering = stopping { 20 } else { isCalm ? -1 : Int32(Self.tick) }
        return set.wait(milliseconds: milliseconds)
    }

    private mutating func handle(_ descriptor: Int32) {
        if descriptor == mailbox.descriptor {
            for connection in mailbox.take() { settle(connection, .answered) }
        } else if let listener = service.listeners.first(where: { $0.descriptor == descriptor }) {
            accept(from: listener)
        } else {
            read(descriptor)
        }
    }

    private mutating func tick() {
        nextTick = now + Self.tick
        let (now, patience, isPressed) = (now, service.patience, service.isPressed)
        for connection in peers.connections(where: { $0.isExpired(at: now, patience, isPressed: isPressed) }) {
            hangUp(connection)
        }
        if let time = listensAt, now >= time { listen() }
    }
}

extension CheckThread {
    /// Takes one connection, and serves it at once if its request is there: most web servers have sent it by then.
    @discardableResult
    private mutating func accept(from listener: Listener) -> Bool {
        guard service.hasRoom else {
            pauseListening("as many connections as the limit on open files allows")
            return false
        }
        let (connection, isNear) = listener.accept()
        guard connection >= 0 else {
            if [EMFILE, ENFILE, ENOMEM, ENOBUFS].contains(errno) { pauseListening(systemError()) }
            return false
        }
        guard isNear || service.limits.insecureRemotePeers else {
            close(connection)
            service.log.warning("refused a connection from another machine")
            return true
        }
        service.connectionOpened()
        service.noteAccepted()
        settle(connection, look(connection))
        return true
    }

    private mutating func listen() {
        listensAt = nil
        for listener in service.listeners { set.add(shared: listener.descriptor) }
    }

    /// A listener that cannot be served would wake this thread again and again.
    private mutating func pauseListening(_ reason: String) {
        service.noteShortage(reason)
        for listener in service.listeners { set.remove(listener.descriptor) }
        listensAt = now + 100
    }
}

extension CheckThread {
    /// Serves what is in the backlog and has been sent already, then ends connections as they become quiet.
    private mutating func stop(isQuiet: Bool) {
        switch stopping {
        case .no:
            let end = now + 500
            for listener in service.listeners { while now < end, accept(from: listener) { now = uptime() } }
            for listener in service.listeners { set.remove(listener.descriptor) }
            listensAt = nil
            stopping = .lingering(until: now + 1000)
        case .lingering:
            guard isQuiet else { return }
            for connection in peers.connections(where: \.isIdle) { hangUp(connection) }
        }
    }
}

extension Peer {
    fileprivate var isIdle: Bool { if case .idle = phase { true } else { false } }
}

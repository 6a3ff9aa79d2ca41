internal import CFastCGI
internal import Glibc
internal import HTTPTypes
internal import Logging
internal import Synchronization
internal import Threads
internal import Web

/// One thread of the check lane: an epoll set of its own over the listeners and over its connections. Whatever is
/// known at once is answered here; whatever may wait is handed to the errand lane with its request.
///
/// `@unchecked Sendable`: `run` and what it calls belong to one thread; others use `returned` and `wake` only.
@safe final class CheckThread: @unchecked Sendable {
    private let listeners: [Listener]
    private let responder: any Responder
    private let limits: ServerLimits
    private let errands: WorkQueue
    private let log: Logger
    private let count: ConnectionCount
    private let epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    private let wakeup = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    private var connections: [Int32: Connection] = [:]
    private var exchange = Exchange()
    private var writer = ResponseWriter()
    private let buffer: UnsafeMutableBufferPointer<UInt8>
    private var pausedUntil: Int64?
    /// Connections that come back from the errand lane.
    private let returned = Mutex<[Int32]>([])
    private let isStopping = Atomic(false)
    private let parked = Atomic(0)

    init(
        listeners: [Listener], responder: any Responder, limits: ServerLimits, errands: WorkQueue,
        count: ConnectionCount, log: Logger
    ) {
        self.listeners = listeners
        self.responder = responder
        self.limits = limits
        self.errands = errands
        self.count = count
        self.log = log
        // One record may be padded beyond the limit.
        unsafe buffer = .allocate(capacity: limits.requestBytes + 1024)
    }

    deinit {
        close(epoll)
        close(wakeup)
        unsafe buffer.deallocate()
    }

    /// Serves until it is stopped and has nothing more to do.
    func run() {
        watch(wakeup, UInt32(EPOLLIN.rawValue))
        watchListeners()
        unsafe withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: 64) { events in
            while !isStopping.load(ordering: .acquiring) {
                let ready = unsafe epoll_wait(epoll, events.baseAddress, 64, waitingTime)
                for index in 0..<max(0, Int(ready)) { unsafe handle(events[index]) }
                tick()
            }
        }
        finishAll()
    }

    /// Asks the thread to stop; it answers what has arrived first.
    func stop() {
        isStopping.store(true, ordering: .releasing)
        wake()
    }

    private func wake() {
        eventfd_write(wakeup, 1)
    }

    private func handle(_ event: epoll_event) {
        let descriptor = unsafe event.data.fd
        if let listener = listeners.first(where: { $0.descriptor == descriptor }) {
            accept(from: listener)
        } else if descriptor == wakeup {
            var times: eventfd_t = 0
            unsafe eventfd_read(wakeup, &times)
            takeReturned()
        } else if let connection = connections[descriptor] {
            advance(connection)
        }
    }
}

// MARK: - Connections

extension CheckThread {
    private func accept(from listener: Listener) {
        for _ in 0..<64 {
            guard count.mayGrow else { return pauseAccepting("too many connections") }
            let descriptor = postern_accept(listener.descriptor)
            guard descriptor >= 0 else {
                let isShort = [EMFILE, ENFILE, ENOMEM, ENOBUFS].contains(errno)
                return isShort ? pauseAccepting(unsafe String(cString: strerror(errno))) : ()
            }
            guard !listener.isLocal || postern_is_loopback(descriptor) == 1 else {
                close(descriptor)
                continue
            }
            count.add(1)
            advance(Connection(descriptor: descriptor, now: uptime()))
        }
    }

    /// Takes the connection on: answers if a whole request is there, waits if part of one is, drops it if it can
    /// never be one.
    private func advance(_ connection: Connection) {
        guard let arrived = unsafe connection.peek(into: buffer) else { return drop(connection) }
        guard arrived > 0 else { return wait(for: connection, isPartial: false) }
        let bytes = unsafe Span(_unsafeElements: UnsafeBufferPointer(start: buffer.baseAddress, count: arrived))
        switch RecordScan.judge(bytes, limit: limits.requestBytes) {
        case .whole: serve(connection)
        case .partial: wait(for: connection, isPartial: true)
        case .bodyTooLong: refuseBody(connection)
        case .broken(let breach):
            log.debug("FastCGI connection dropped", metadata: ["reason": "\(breach)"])
            drop(connection)
        }
    }

    private func serve(_ connection: Connection) {
        guard let request = exchange.begin(on: connection.descriptor) else { return forget(connection) }
        switch responder.answer(request) {
        case .now(let response):
            writer.write(response)
            settle(connection, exchange.finish(with: writer.bytes))
        case .later(let work): park(connection, work)
        }
    }

    private func settle(_ connection: Connection, _ ending: Exchange.Ending) {
        switch ending {
        case .closed: forget(connection)
        case .kept:
            connection.deadline = uptime() + Connection.idle
            if connection.isPartial || !connection.isWatched { watch(connection, isPartial: false) }
        }
    }

    /// Level-triggered while nothing has arrived; edge-triggered once part of a request has, or epoll would report
    /// the same part for ever.
    private func wait(for connection: Connection, isPartial: Bool) {
        if isPartial != connection.isPartial || !connection.isWatched {
            if isPartial { connection.deadline = uptime() + Connection.patience }
            watch(connection, isPartial: isPartial)
        }
    }

    private func watch(_ connection: Connection, isPartial: Bool) {
        let events = UInt32(EPOLLIN.rawValue) | (isPartial ? UInt32(EPOLLET.rawValue) : 0)
        var event = unsafe epoll_event(events: events, data: epoll_data_t(fd: connection.descriptor))
        let operation = connection.isWatched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD
        guard unsafe epoll_ctl(epoll, operation, connection.descriptor, &event) == 0 else { return drop(connection) }
        connection.isWatched = true
        connection.isPartial = isPartial
        connections[connection.descriptor] = connection
    }

    private func drop(_ connection: Connection) {
        close(connection.descriptor)
        forget(connection)
    }

    /// The descriptor is closed already.
    private func forget(_ connection: Connection) {
        connections[connection.descriptor] = nil
        count.add(-1)
    }
}

// MARK: - Errands

extension CheckThread {
    /// Hands the request to the errand lane; the thread goes on with a new one.
    private func park(_ connection: Connection, _ work: @escaping @Sendable () -> Response) {
        release(connection)
        let parkedExchange = exchange
        exchange = Exchange()
        let descriptor = connection.descriptor
        parked.add(1, ordering: .relaxed)
        let isTaken = errands.submit { [self] in
            finish(parkedExchange, descriptor, with: work())
        }
        if !isTaken { finish(parkedExchange, descriptor, with: Response(.serviceUnavailable)) }
    }

    /// Of any thread.
    private func finish(_ exchange: Exchange, _ descriptor: Int32, with response: Response) {
        var writer = ResponseWriter()
        writer.write(response)
        switch exchange.finish(with: writer.bytes) {
        case .closed: count.add(-1)
        case .kept:
            returned.withLock { $0.append(descriptor) }
            wake()
        }
        parked.subtract(1, ordering: .relaxed)
    }

    /// Answers 413 without reading the body in, and closes.
    private func refuseBody(_ connection: Connection) {
        release(connection)
        let parkedExchange = exchange
        exchange = Exchange()
        let descriptor = connection.descriptor
        let isTaken = errands.submit { [count] in
            defer { count.add(-1) }
            guard parkedExchange.beginWithoutBody(on: descriptor) else { return }
            parkedExchange.discardBody(limit: 1024 * 1024)
            var writer = ResponseWriter()
            writer.write(Response(.contentTooLarge))
            _ = parkedExchange.finish(with: writer.bytes, keeping: false)
        }
        guard !isTaken else { return }
        close(descriptor)
        count.add(-1)
    }

    /// Out of the epoll set: nobody but the errand looks at the connection.
    private func release(_ connection: Connection) {
        if connection.isWatched { epoll_ctl(epoll, EPOLL_CTL_DEL, connection.descriptor, nil) }
        connections[connection.descriptor] = nil
    }

    private func takeReturned() {
        for descriptor in returned.withLock({ exchangeWithEmpty(&$0) }) {
            let connection = Connection(descriptor: descriptor, now: uptime())
            connection.deadline = uptime() + Connection.idle
            watch(connection, isPartial: false)
        }
    }

    private func exchangeWithEmpty(_ list: inout [Int32]) -> [Int32] {
        defer { list = [] }
        return list
    }
}

// MARK: - Time

extension CheckThread {
    private func uptime() -> Int64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC_COARSE, &time)
        return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// Milliseconds that epoll may wait: a coarse tick while there is a deadline, else as long as it likes.
    private var waitingTime: Int32 {
        if pausedUntil != nil { return 50 }
        return connections.isEmpty ? -1 : 250
    }

    private func tick() {
        let now = uptime()
        if let pausedUntil, now >= pausedUntil { resumeAccepting() }
        for connection in connections.values where connection.deadline <= now { drop(connection) }
    }

    /// Without descriptors, accepting again and again would only burn time.
    private func pauseAccepting(_ reason: String) {
        guard pausedUntil == nil else { return }
        log.warning("no more connections are taken for a moment", metadata: ["reason": "\(reason)"])
        for listener in listeners { epoll_ctl(epoll, EPOLL_CTL_DEL, listener.descriptor, nil) }
        pausedUntil = uptime() + 100
    }

    private func resumeAccepting() {
        pausedUntil = nil
        watchListeners()
    }

    private func watchListeners() {
        for listener in listeners { watch(listener.descriptor, UInt32(EPOLLIN.rawValue) | UInt32(EPOLLEXCLUSIVE.rawValue)) }
    }

    private func watch(_ descriptor: Int32, _ events: UInt32) {
        var event = unsafe epoll_event(events: events, data: epoll_data_t(fd: descriptor))
        unsafe epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event)
    }

    /// What has arrived is answered, what is parked is waited for, what is idle is closed.
    private func finishAll() {
        for listener in listeners { accept(from: listener) }
        for connection in connections.values { advance(connection) }
        let end = uptime() + limits.stopping
        while parked.load(ordering: .relaxed) > 0, uptime() < end { usleep(5000) }
        takeReturned()
        for connection in connections.values { drop(connection) }
    }
}

/// Connections of all check threads, bounded so that the store and the provider find descriptors, too.
final class ConnectionCount: Sendable {
    private let count = Atomic(0)
    private let most: Int

    private static let reserve = 64

    init() {
        var limit = rlimit()
        let isKnown = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        most = max(16, (isKnown ? Int(clamping: limit.rlim_cur) : 1024) - Self.reserve)
    }

    var mayGrow: Bool { count.load(ordering: .relaxed) < most }

    func add(_ difference: Int) {
        count.add(difference, ordering: .relaxed)
    }
}

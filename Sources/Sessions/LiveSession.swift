package import Identity
internal import Synchronization
package import Values
package import Web

/// What the application is told of a session, made once for each role that a web server can ask us in.
///
/// They never change, and are a class so that the many who look at them share one.
package final class IdentityFields: Sendable {
    package let responder: FieldBlock
    package let authorizer: FieldBlock
    /// When they may be used, if not always: something in them ends.
    let use: Range<Timestamp>?

    package init(responder: FieldBlock, authorizer: FieldBlock, use: Range<Timestamp>? = nil) {
        self.responder = responder
        self.authorizer = authorizer
        self.use = use
    }
}

extension IdentityFields: Equatable {
    package static func == (one: IdentityFields, other: IdentityFields) -> Bool {
        one.responder == other.responder && one.authorizer == other.authorizer && one.use == other.use
    }
}

/// The fields of one session, made anew when they may not be used any more.
package struct FieldMemory: ~Copyable, Sendable {
    private let first: IdentityFields
    private let renewed = Mutex<IdentityFields?>(nil)

    package init(_ first: IdentityFields) {
        self.first = first
    }

    /// Those for now; `make` makes new ones.
    package func fields(at now: @autoclosure () -> Timestamp, _ make: () -> IdentityFields) -> IdentityFields {
        guard first.use != nil else { return first }
        let now = now()
        return renewed.withLock { renewed in
            let known = renewed ?? first
            if let use = known.use, use.contains(now) { return known }
            let new = make()
            renewed = new
            return new
        }
    }
}

/// A session that was opened: kept in memory, shared by all who ask for it.
package final class LiveSession: Sendable {
    package let session: Session
    /// All that a check asks of the session's times.
    let moments: SessionMoments
    package let fields: FieldMemory
    let ticket: Ticket
    let version: Int64
    /// Seconds since 1970; the last request that this process saw.
    private let seen: Atomic<Int64>
    /// Seconds since 1970; the last that the store was told of.
    private let stored: Atomic<Int64>
    /// Milliseconds of uptime before which no refresh is tried.
    private let nextAttempt = Atomic<Int64>(.min)
    private let failures = Atomic<Int64>(0)

    init(_ session: Session, ticket: Ticket, version: Int64, fields: IdentityFields) {
        self.session = session
        moments = SessionMoments(of: session)
        self.ticket = ticket
        self.version = version
        self.fields = FieldMemory(fields)
        seen = Atomic(session.seen.seconds)
        stored = Atomic(session.seen.seconds)
    }

    package var identity: Identity { session.identity }

    var lastSeen: Timestamp { Timestamp(seconds: seen.load(ordering: .relaxed)) }

    /// Notes a request. True when the store should be told, which is once in `step` seconds.
    func touch(_ now: Timestamp, step: Int64) -> Bool {
        if now.seconds > seen.load(ordering: .relaxed) { seen.store(now.seconds, ordering: .relaxed) }
        let known = stored.load(ordering: .relaxed)
        guard now.since(Timestamp(seconds: known)) >= step else { return false }
        return stored.compareExchange(expected: known, desired: now.seconds, ordering: .relaxed).exchanged
    }

    /// Takes what another process saw.
    func learn(seen moment: Timestamp) {
        if moment > lastSeen { seen.store(moment.seconds, ordering: .relaxed) }
    }

    // MARK: Refresh

    /// Whether the last refresh failed or takes too long: nobody waits for the next one.
    var isInTrouble: Bool { failures.load(ordering: .relaxed) > 0 }

    func mayAttempt(_ uptime: Int64) -> Bool {
        uptime >= nextAttempt.load(ordering: .relaxed)
    }

    /// Notes a refresh that failed, and gives the milliseconds until the next: 2, 4, 8, 16, 30 seconds.
    func attemptFailed(_ uptime: Int64) -> Int64 {
        let count = failures.add(1, ordering: .relaxed).newValue
        let pause = count < 5 ? Int64(1000) << count : 30_000
        nextAttempt.store(uptime + pause, ordering: .relaxed)
        return pause
    }

    /// Notes a refresh that brought not all, after those of the session of before.
    func staysInTrouble(after former: LiveSession, _ uptime: Int64) {
        failures.store(former.failures.load(ordering: .relaxed), ordering: .relaxed)
        _ = attemptFailed(uptime)
    }

    /// Notes a refresh that takes too long to wait for.
    func isSlow() {
        _ = failures.compareExchange(expected: 0, desired: 1, ordering: .relaxed)
    }

    /// Nothing is tried again: somebody else of another process is at it.
    func postpone(until uptime: Int64) {
        nextAttempt.store(uptime, ordering: .relaxed)
    }
}

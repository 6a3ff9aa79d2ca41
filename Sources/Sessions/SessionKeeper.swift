internal import Synchronization
package import Values
internal import Web

/// What a cookie's value stands for.
package enum Finding: Sendable {
    /// No session: none was ever, or it is over. Never an error.
    case none
    case live(LiveSession)
    /// Good, and its tokens are due: a refresh should start that nobody waits for.
    case due(LiveSession)
    /// Its access token is over: not good until it was refreshed.
    case expired(LiveSession)
    /// The store does not answer: nobody can tell.
    case storeFailed(String)
}

/// How long sessions last.
package struct SessionTimes: Sendable {
    /// Seconds without a request; 0 is no limit.
    package var idleTimeout: Int64
    /// Seconds before the access token's end at which it is due.
    package var refreshBefore: Int64
    /// Seconds after the access token's end that a session is good while the provider is down.
    package var outageGrace: Int64
    /// Milliseconds that one refresh can take at most.
    package var longestRefresh: Int64

    package init(idleTimeout: Int64, refreshBefore: Int64, outageGrace: Int64, longestRefresh: Int64) {
        self.idleTimeout = idleTimeout
        self.refreshBefore = refreshBefore
        self.outageGrace = outageGrace
        self.longestRefresh = longestRefresh
    }
}

/// Keeps the sessions: finds them by their cookies, opens and ends them. Memory answers; the store is asked for what
/// memory does not have, and always when it is more than a second since the store last said what changed.
package final class SessionKeeper: Sendable {
    let store: any SessionStore
    let keys: KeyRing
    let times: SessionTimes
    let clock: Clock
    let entropy: Entropy
    let cache: SessionCache
    let flights = Mutex<Set<TicketName>>([])
    private let limit: Int
    private let fields: @Sendable (Session) -> IdentityFields
    /// Starts work that nobody waits for; false when there is no room for it.
    let startInBackground: @Sendable (@escaping @Sendable () -> Void) -> Bool
    let beat = Mutex(Beat())
    let lastBeat = Atomic<Int64>(.min)
    /// The store's change stamp before the last beat asked for the changes.
    let knownStamp = Atomic<UInt64>(0)
    /// This process among those that share the store.
    let owner: Int64
    /// Whether others answer the same browsers: then what one of them ends is over at once for all, because memory is
    /// believed only while the store's change stamp is the one that the last beat saw.
    let isOneOfMany: Bool

    /// `limit` bounds the sessions of the store, `cached` those in memory.
    package init(
        store: any SessionStore, keys: KeyRing, times: SessionTimes, limit: Int, cached: Int,
        isOneOfMany: Bool = false, clock: Clock, entropy: Entropy,
        fields: @escaping @Sendable (Session) -> IdentityFields,
        inBackground: @escaping @Sendable (@escaping @Sendable () -> Void) -> Bool
    ) {
        self.store = store
        self.keys = keys
        self.times = times
        self.limit = limit
        self.isOneOfMany = isOneOfMany
        self.clock = clock
        self.entropy = entropy
        self.fields = fields
        startInBackground = inBackground
        cache = SessionCache(limit: cached)
        owner = entropy.bytes(8).reduce(0) { $0 << 8 | Int64($1) }
    }

    /// The session of a cookie's value. Never talks to a provider.
    package func find(cookie value: ArraySlice<UInt8>) -> Finding {
        guard value.count == Ticket.textLength else { return .none }
        let name = TicketName(value)
        if isCoherent, let live = cache[name] {
            let known = live.ticket.text
            guard equalInConstantTime(known.span, value.span) else { return .none }
            let finding = state(of: live)
            guard case .none = finding else { return finding }
            return look(up: live.ticket)
        }
        guard let ticket = Ticket(value, keys: keys) else { return .none }
        return look(up: ticket)
    }

    /// The session as the store has it.
    func look(up ticket: Ticket) -> Finding {
        do throws(StoreFailure) {
            guard let live = try load(ticket) else { return .none }
            return state(of: live)
        } catch {
            return .storeFailed(error.reason)
        }
    }

    func load(_ ticket: Ticket) throws(StoreFailure) -> LiveSession? {
        let name = TicketName(ticket.id)
        let mark = cache.mark(name)
        guard let record = try store.load(ticket.id) else {
            cache.forget(name)
            return nil
        }
        if let known = cache[name], known.version == record.version {
            known.learn(seen: record.seen)
            return known
        }
        guard let session = open(record, ticket) else { return nil }
        let live = LiveSession(session, ticket: ticket, version: record.version, fields: fields(session))
        return cache.keep(live, since: mark)
    }

    /// What the times say of the session.
    func state(of live: LiveSession) -> Finding {
        let now = clock.now()
        let moments = live.moments
        guard now < moments.expires, moments.created.since(now) <= Self.longestStepBack else { return .none }
        guard isActive(live, now) else { return .none }
        guard let expires = moments.refreshableUntil else { return .live(live) }
        if now < expires {
            return now >= moments.refreshDue(before: times.refreshBefore) && mayRefresh(live) ? .due(live) : .live(live)
        }
        guard live.isInTrouble, now < expires.adding(times.outageGrace) else { return .expired(live) }
        return mayRefresh(live) ? .due(live) : .live(live)
    }

    /// Seconds that the wall clock may be behind the sign-in. Beyond that the session's times mean nothing.
    private static let longestStepBack: Int64 = 24 * 3600

    private func isActive(_ live: LiveSession, _ now: Timestamp) -> Bool {
        guard times.idleTimeout > 0 else { return true }
        guard now.since(live.lastSeen) <= times.idleTimeout else { return false }
        if live.touch(now, step: max(1, min(60, times.idleTimeout / 4))) {
            _ = startInBackground { [store] in _ = try? store.apply(.touch(live.ticket.id, seen: now)) }
        }
        return true
    }

    private func mayRefresh(_ live: LiveSession) -> Bool {
        live.mayAttempt(clock.uptime()) && !flights.withLock { $0.contains(TicketName(live.ticket.id)) }
    }
}

/// The times of a session, apart from its texts: a check of one among very many sessions should touch little memory.
struct SessionMoments: Sendable {
    let created: Timestamp
    let expires: Timestamp
    private let obtained: Timestamp
    /// When the access token ends, of a session that has a refresh token, or the provider is asked again.
    let refreshableUntil: Timestamp?

    init(of session: Session) {
        created = session.created
        expires = session.expires
        obtained = session.obtained
        let end = session.refreshToken == nil ? nil : session.accessExpires
        refreshableUntil = [end, session.recheck].compactMap(\.self).min()
    }

    /// When the tokens are due: so many seconds before their end, but not before half of their time is over.
    func refreshDue(before: Int64) -> Timestamp {
        guard let refreshableUntil else { return .distantFuture }
        return refreshableUntil.adding(-min(before, refreshableUntil.since(obtained) / 2))
    }
}

// MARK: - Opening and ending

extension SessionKeeper {
    /// Keeps a new session and gives its cookie's value. The ticket is always a new one; the sessions of the values
    /// that the browser had before are ended.
    package func open(
        _ session: Session, replacing old: ArraySlice<ArraySlice<UInt8>> = []
    ) throws(StoreFailure) -> String {
        for value in old { _ = try end(cookie: value) }
        let ticket = Ticket(entropy: entropy, keys: keys)
        let record = seal(session, ticket, version: 1)
        let mark = cache.mark(TicketName(ticket.id))
        let marks = SessionMarks(of: session.identity, keys: keys)
        guard try store.apply(.create(record, marks: marks, limit: limit)) else {
            throw StoreFailure("the session was not kept")
        }
        cache.keep(LiveSession(session, ticket: ticket, version: 1, fields: fields(session)), since: mark)
        return String(decoding: ticket.text, as: UTF8.self)
    }

    /// Ends the session of a cookie's value; gives what it was.
    package func end(cookie value: ArraySlice<UInt8>) throws(StoreFailure) -> Session? {
        guard let ticket = Ticket(value, keys: keys) else { return nil }
        let session = try store.load(ticket.id).flatMap { open($0, ticket) }
        guard session != nil else { return nil }
        _ = try store.apply(.end(ticket.id))
        cache.forget(TicketName(ticket.id))
        return session
    }

    /// Ends the sessions that this provider says are over; gives how many there were. `nil` when the token that says
    /// so was used before.
    package func end(
        _ target: LogoutTarget, provider: String, using token: (name: String, until: Timestamp)? = nil
    ) throws(StoreFailure) -> Int? {
        let marks = SessionMarks.of(target, provider: provider, keys: keys)
        let name = token.map { (name: Array("logout \(provider) \($0.name)".utf8), until: $0.until) }
        let owners = SessionMarks.owner(of: target, provider: provider, keys: keys)
        guard let ids = try store.end(marked: marks, orOf: owners, using: name) else { return nil }
        for id in ids { cache.forget(TicketName(id)) }
        return ids.count
    }

    /// Does this when there is time, on a thread that nobody waits for. Lost when too much is to be done.
    package func inBackground(_ work: @escaping @Sendable () -> Void) {
        _ = startInBackground(work)
    }

    /// Marks a state as used, for all processes; false when it was already.
    package func spend(state: String, until: Timestamp) throws(StoreFailure) -> Bool {
        try store.apply(.spend(Array(state.utf8), until: until))
    }

    /// Why the store does not answer; `nil` when it does.
    package func probe() -> String? {
        do throws(StoreFailure) {
            _ = try store.changes(after: .max)
            return nil
        } catch {
            return error.reason
        }
    }

    /// Keeps a session that was refreshed.
    func replace(_ live: LiveSession, with session: Session) throws(StoreFailure) -> Bool {
        let record = seal(session, live.ticket, version: live.version + 1)
        let mark = cache.mark(TicketName(live.ticket.id))
        let marks = SessionMarks(of: session.identity, keys: keys)
        guard try store.apply(.replace(record, marks: marks)) else { return false }
        keepRenewed(live, session, since: mark)
        return true
    }

    /// In memory only: what the provider gave must not be lost while the store cannot take it.
    func keepRenewed(_ live: LiveSession, _ session: Session, since mark: Int) {
        let renewed = LiveSession(session, ticket: live.ticket, version: live.version + 1, fields: fields(session))
        renewed.learn(seen: live.lastSeen)
        // Tokens came, but not all that was asked about the person: that is asked again, less and less often.
        if let recheck = session.recheck, recheck <= clock.now() { renewed.staysInTrouble(after: live, clock.uptime()) }
        cache.keep(renewed, since: mark)
    }

    private func seal(_ session: Session, _ ticket: Ticket, version: Int64) -> StoredRecord {
        let label = SessionLabel(session)
        var record = StoredRecord(
            id: ticket.id, version: version, created: session.created, expires: session.expires, seen: session.seen,
            sealed: [], label: keys.seal(label.encoded, purpose: .label, authenticating: ticket.id.bytes))
        record.sealed = keys.seal(
            session.encoded, purpose: .record, authenticating: record.authenticated, with: ticket.secret)
        return record
    }

    /// The session of a record; `nil` when the ticket does not open it.
    private func open(_ record: StoredRecord, _ ticket: Ticket) -> Session? {
        let opened = keys.open(
            record.sealed, purpose: .record, authenticating: record.authenticated, with: ticket.secret)
        guard var session = opened.flatMap({ Session(encoded: $0) }) else { return nil }
        session.seen = max(session.seen, record.seen)
        return session
    }
}

extension StoredRecord {
    /// What the seal holds fast besides the session: whose it is, which version, and how long.
    fileprivate var authenticated: [UInt8] {
        id.bytes
            + [version, created.seconds, expires.seconds].flatMap { number in
                stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: number >> $0) }
            }
    }
}

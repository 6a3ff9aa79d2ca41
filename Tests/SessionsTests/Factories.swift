import HTTPTypes
import Identity
import Synchronization
import TestSupport
import Values
import Web

@testable import Sessions

/// Keys that are the same in every run.
func ringKey(_ number: UInt8, created: Int64 = 0) -> RingKey {
    RingKey(created: Timestamp(seconds: created), secret: Secret([UInt8](repeating: number, count: 32)))
}

/// A session of twelve hours whose access token ends after five minutes.
func session(_ now: Timestamp, user: String = "alice", accessSeconds: Int64? = 300, refreshToken: String? = "r1")
    -> Session
{
    let identity = Identity(
        provider: "op", issuer: "https://op.test", subject: "s-\(user)", username: user, email: "\(user)@example.com",
        isEmailVerified: true, preferredUsername: user, groups: ["staff", "a,b", "é"],
        claims: Claims(["nested": .object(["list": .array([.integer(1), .null, .bool(true), .number(1.5)])])]))
    return Session(
        identity: identity, accessToken: Secret("a1"), refreshToken: refreshToken.map { Secret($0) },
        idToken: Secret("i.d.t"), accessExpires: accessSeconds.map { now.adding($0) }, created: now,
        expires: now.adding(12 * 3600))
}

/// What an application is told: the user's name.
func fields(_ session: Session) -> IdentityFields {
    let block = FieldBlock([Field(.userAgent, session.identity.username.utf8)].compactMap(\.self))
    return IdentityFields(responder: block, authorizer: block)
}

/// A keeper in memory, its clock, its store and the work that it put in the background.
final class Bench: Sendable {
    let clock = ManualClock()
    let store: FlakyStore
    let keeper: SessionKeeper
    private let isBusy = Mutex(false)

    init(
        store: FlakyStore = FlakyStore(), keys: KeyRing = KeyRing([ringKey(1)]), idleTimeout: Int64 = 0,
        limit: Int = 1000, isOneOfMany: Bool = false, clock: ManualClock? = nil
    ) {
        let clock = clock ?? self.clock
        self.store = store
        keeper = SessionKeeper(
            store: store, keys: keys,
            times: SessionTimes(idleTimeout: idleTimeout, refreshBefore: 60, outageGrace: 600, longestRefresh: 10_000),
            limit: limit, cached: 64, isOneOfMany: isOneOfMany, clock: clock.clock, entropy: .system,
            fields: fields,
            inBackground: {
                $0()
                return true
            })
        _ = keeper.beatOnce()
    }

    func beat() -> StoreTrouble? { keeper.beatOnce() }

    func open(_ session: Session? = nil) throws -> String {
        try keeper.open(session ?? SessionsTests.session(clock.now))
    }

    func find(_ cookie: String) -> Finding { keeper.find(cookie: Array(cookie.utf8)[...]) }

    /// The finding in a word.
    func state(_ cookie: String) -> String { find(cookie).word }
}

extension Finding {
    var word: String {
        switch self {
        case .none: "none"
        case .live: "live"
        case .due: "due"
        case .expired: "expired"
        case .storeFailed: "storeFailed"
        }
    }

    var live: LiveSession? {
        switch self {
        case .live(let live), .due(let live), .expired(let live): live
        case .none, .storeFailed: nil
        }
    }
}

/// A store in memory that tells of its changes and can be out of order.
final class FlakyStore: SessionStore {
    private struct State {
        var isDown = false
        var isStamped = false
        var changes: [(TicketID, Int64?)] = []
        var loads = 0
        var interruption: (@Sendable () -> Void)?
        var interruptionOfChanges: (@Sendable () -> Void)?
    }

    private let inner = MemoryStore()
    private let state = Mutex(State())

    var loads: Int { state.withLock { $0.loads } }

    var records: [StoredRecord] { inner.records() }

    func setDown(_ isDown: Bool) {
        state.withLock { $0.isDown = isDown }
    }

    /// Has a change stamp from now on.
    func stampChanges() {
        state.withLock { $0.isStamped = true }
    }

    var changeStamp: UInt64? {
        state.withLock { $0.isStamped ? 7 + UInt64($0.changes.count) : nil }
    }

    /// What happens once the next record was read, before whoever reads it has it.
    func interruptNextLoad(_ interruption: @escaping @Sendable () -> Void) {
        state.withLock { $0.interruption = interruption }
    }

    /// What happens once the next changes were read, before whoever reads them has them.
    func interruptNextChanges(_ interruption: @escaping @Sendable () -> Void) {
        state.withLock { $0.interruptionOfChanges = interruption }
    }

    func load(_ id: TicketID) throws(StoreFailure) -> StoredRecord? {
        try check()
        let interruption = state.withLock { state in
            defer { state.interruption = nil }
            state.loads += 1
            return state.interruption
        }
        let record = inner.load(id)
        interruption?()
        return record
    }

    func apply(_ change: StoreChange) throws(StoreFailure) -> Bool {
        try check()
        let isDone = inner.apply(change)
        state.withLock { state in
            switch change {
            case .replace(let record, _) where isDone: state.changes.append((record.id, record.version))
            case .end(let id) where isDone: state.changes.append((id, nil))
            default: break
            }
        }
        return isDone
    }

    func end(
        marked marks: [[UInt8]], orOf owners: [[UInt8]], using token: (name: [UInt8], until: Timestamp)?
    ) throws(StoreFailure) -> [TicketID]? {
        try check()
        guard let ids = inner.end(marked: marks, orOf: owners, using: token) else { return nil }
        state.withLock { $0.changes += ids.map { ($0, nil) } }
        return ids
    }

    func changes(after mark: Int64) throws(StoreFailure) -> StoreChanges {
        try check()
        let (changes, interruption) = state.withLock { state in
            defer { state.interruptionOfChanges = nil }
            let known = Int(clamping: max(0, mark))
            let changes = StoreChanges(
                mark: Int64(state.changes.count),
                versions: state.changes.dropFirst(known).map { (id: $0.0, version: $0.1) })
            return (changes, state.interruptionOfChanges)
        }
        interruption?()
        return changes
    }

    /// Puts a record where another is, as somebody does who can write to the store.
    func put(_ record: StoredRecord) {
        _ = inner.apply(.end(record.id))
        _ = inner.apply(.create(record, limit: 1000))
    }

    private func check() throws(StoreFailure) {
        if state.withLock({ $0.isDown }) { throw StoreFailure("down") }
    }
}

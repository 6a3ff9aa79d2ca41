internal import Crypto
internal import Synchronization
internal import Values

/// What is known of access tokens, by their hashes: the tokens themselves are not kept. Bounded, because anybody can
/// make tokens up.
final class TokenCache: Sendable {
    enum Outcome: Sendable {
        case good(TokenSession)
        /// It speaks for nobody.
        case refused
    }

    private struct Entry {
        let outcome: Outcome
        let until: Timestamp
    }

    /// Questions about tokens that are being answered.
    private let questions = Atomic<Int>(0)
    /// At once, at most: whoever makes tokens up must not hold all threads that sign-ins need.
    private static let mostQuestions = 16
    private let entries = Mutex<[SHA256Digest: Entry]>([:])
    private let limit: Int

    init(limit: Int = 10_000) {
        self.limit = limit
    }

    /// What is known of the token now; `nil` when it has to be found out.
    func outcome(of token: [UInt8], at now: Timestamp) -> Outcome? {
        let name = SHA256.hash(data: token)
        return entries.withLock { entries in
            guard let entry = entries[name], entry.until > now else { return nil }
            return entry.outcome
        }
    }

    /// What `find` finds out; `nil` when too many ask already.
    func asking<Finding>(_ find: () -> Finding) -> Finding? {
        defer { questions.subtract(1, ordering: .relaxed) }
        guard questions.add(1, ordering: .relaxed).newValue <= Self.mostQuestions else { return nil }
        return find()
    }

    func keep(_ outcome: Outcome, of token: [UInt8], until: Timestamp, at now: Timestamp) {
        let name = SHA256.hash(data: token)
        entries.withLock { entries in
            if entries.count >= limit { entries = entries.filter { $0.value.until > now } }
            if entries.count >= limit { entries.removeAll() }
            entries[name] = Entry(outcome: outcome, until: until)
        }
    }
}

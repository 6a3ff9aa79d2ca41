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
        /// It speaks for somebody, who was granted too little.
        case lacking
    }

    /// A token on a host: not every provider counts everywhere.
    struct Name: Hashable, Sendable {
        private let digest: SHA256Digest

        init(_ token: [UInt8], on host: some Collection<UInt8>) {
            digest = SHA256.hash(data: Array(host) + [0] + token)
        }
    }

    private struct Entry {
        let outcome: Outcome
        let until: Timestamp
    }

    private struct Contents {
        var entries: [Name: Entry] = [:]
        /// Those that somebody finds out about.
        var flights: Set<Name> = []
    }

    private let contents = Mutex(Contents())
    private let limit: Int
    /// Tokens that are found out about at once, at most: who makes them up must not hold all threads that sign-ins need.
    private static let mostFlights = 16

    init(limit: Int = 10_000) {
        self.limit = limit
    }

    /// What is known of the token now; `nil` when it has to be found out.
    func outcome(of name: Name, at now: Timestamp) -> Outcome? {
        contents.withLock { contents in
            guard let entry = contents.entries[name], entry.until > now else { return nil }
            return entry.outcome
        }
    }

    func keep(_ outcome: Outcome, of name: Name, until: Timestamp, at now: Timestamp) {
        contents.withLock { contents in
            if contents.entries.count >= limit { contents.entries = contents.entries.filter { $0.value.until > now } }
            if contents.entries.count >= limit { contents.entries.removeAll() }
            contents.entries[name] = Entry(outcome: outcome, until: until)
        }
    }

    /// Who may find out about the token now.
    enum Turn {
        case mine
        /// Somebody is at it.
        case somebodyElses
        case tooMany
    }

    /// Whoever's turn it is calls `land` afterwards.
    func takeOff(_ name: Name) -> Turn {
        contents.withLock { contents in
            if contents.flights.contains(name) { return .somebodyElses }
            guard contents.flights.count < Self.mostFlights else { return .tooMany }
            contents.flights.insert(name)
            return .mine
        }
    }

    func land(_ name: Name) {
        contents.withLock { _ = $0.flights.remove(name) }
    }
}

/// So many at once, at most, of what anybody can ask for.
final class Turnstile: Sendable {
    private let inside = Atomic<Int>(0)
    private let most: Int

    init(_ most: Int) {
        self.most = most
    }

    /// What comes of the work; `nil` when too many are at it.
    func doing<Result>(_ work: () -> Result) -> Result? {
        defer { inside.subtract(1, ordering: .relaxed) }
        guard inside.add(1, ordering: .relaxed).newValue <= most else { return nil }
        return work()
    }
}

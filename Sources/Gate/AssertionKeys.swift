internal import JOSE
internal import Sessions
internal import Synchronization
internal import Values

/// The keys that assertions are signed with: one for each key of the ring, derived from it, so that every process that
/// has the ring has them, and nothing else is to be kept.
///
/// A new key is published for a while before it signs, because whoever verifies keeps the published keys for a while;
/// the one before it stays published until nothing that it signed is good any more.
final class AssertionKeys: Sendable {
    /// One of them.
    struct Named: Sendable {
        let key: PrivateKey
        /// Its thumbprint (RFC 7638).
        let name: String
        let created: Timestamp

        /// As a JSON Web Key.
        func published(_ algorithm: SignatureAlgorithm) -> JSONValue {
            var members = key.publicKey
            members["kid"] = .string(name)
            members["alg"] = .string(algorithm.rawValue)
            members["use"] = .string("sig")
            return .object(members)
        }
    }

    private struct Derived {
        var generation = -1
        /// Newest first, as in the ring.
        var keys: [Named] = []
    }

    private let ring: KeyRing
    private let algorithm: SignatureAlgorithm
    /// Seconds that a key is published before it signs.
    private let delay: Int64
    /// Seconds that a key stays published after it has signed last.
    private let stay: Int64
    private let derived = Mutex(Derived())

    init(_ ring: KeyRing, algorithm: SignatureAlgorithm, delay: Int64, lifetime: Int64) {
        self.ring = ring
        self.algorithm = algorithm
        self.delay = delay
        stay = lifetime + AssertionSettings.mostSkew
    }

    /// The key that signs now: the newest that has been published long enough; the oldest when none has.
    func signing(at now: Timestamp) -> Named {
        let keys = current
        guard let key = keys.first(where: { signs($0, at: now) }) ?? keys.last else {
            preconditionFailure("a key ring is never empty")
        }
        return key
    }

    /// Those that are published: the one that signs, newer ones, and older ones for as long as is needed.
    func published(at now: Timestamp) -> [JSONValue] {
        let keys = current
        let kept = keys.indices.prefix { index in
            guard index > 0, signs(keys[index - 1], at: now) else { return true }
            return now < keys[index - 1].created.adding(delay + stay)
        }
        return kept.map { keys[$0].published(algorithm) }
    }

    private func signs(_ key: Named, at now: Timestamp) -> Bool {
        key.created.adding(delay) <= now
    }

    private var current: [Named] {
        derived.withLock { derived in
            let (generation, secrets) = ring.secrets(.assertion, algorithm.rawValue)
            if generation != derived.generation {
                derived = Derived(
                    generation: generation, keys: secrets.map { named($0.secret, created: $0.created) })
            }
            return derived.keys
        }
    }

    private func named(_ secret: Secret, created: Timestamp) -> Named {
        let key = algorithm == .edDSA ? PrivateKey(seed: secret) : PrivateKey(scalar: secret)
        // One number in four billion is no scalar of P-256.
        guard let key = key ?? PrivateKey(scalar: Secret(secret.exposed.map { $0 & 0x7F })) else {
            preconditionFailure("every 32 bytes make a key")
        }
        return Named(key: key, name: key.thumbprint, created: created)
    }
}

internal import Crypto
internal import FoundationEssentials
internal import Synchronization
package import Values

/// What a key is for. Each purpose has a key of its own, so that nothing made for one is good for another.
package enum Purpose: String, Sendable, CaseIterable {
    /// Proves that a ticket is ours.
    case ticket
    /// Seals sign-ins that are under way.
    case state
    /// Seals records, together with the ticket's secret.
    case record
    /// Seals what `postern sessions list` shows.
    case label
    /// Proves that a sign-out was asked for on our own page.
    case signOut = "sign-out"
    /// Proves that `postern doctor` asks.
    case doctor
    /// Names whose a session is, for who has the key only.
    case mark
    /// Makes the keys that assertions are signed with.
    case assertion
}

/// The keys of this installation, newest first: the newest seals, all open.
package final class KeyRing: Sendable {
    private let keys: Mutex<[DerivedKeys]>
    /// How often the keys were replaced.
    private let replacements = Atomic<Int>(0)

    package init(_ keys: [RingKey]) {
        self.keys = Mutex(keys.map(DerivedKeys.init))
    }

    /// Takes the keys that the file has now.
    package func replace(_ keys: [RingKey]) {
        self.keys.withLock {
            $0 = keys.map(DerivedKeys.init)
            replacements.add(1, ordering: .relaxed)
        }
    }

    /// 32 bytes of each key for this purpose and label, newest first, and a number that is another after each
    /// replacement of the keys.
    package func secrets(
        _ purpose: Purpose, _ label: String
    ) -> (generation: Int, secrets: [(created: Timestamp, secret: Secret)]) {
        keys.withLock { keys in
            let secrets = keys.map { key in
                (created: key.created, secret: Secret(key.authenticator(of: Array(label.utf8), purpose)))
            }
            return (replacements.load(ordering: .relaxed), secrets)
        }
    }

    /// Encrypts with the newest key (AES-256-GCM): the key's name, nonce, ciphertext, tag. What is only
    /// authenticated must be given again to open it.
    package func seal(_ bytes: [UInt8], purpose: Purpose, authenticating: [UInt8], with secret: [UInt8] = []) -> [UInt8]
    {
        guard let newest = keys.withLock({ $0.first }) else { preconditionFailure("a key ring is never empty") }
        let sealed = try? AES.GCM.seal(bytes, using: newest.key(purpose, secret), authenticating: authenticating)
        guard let combined = sealed?.combined else { preconditionFailure("AES-GCM cannot seal") }
        return newest.name + combined
    }

    /// What was sealed with any of the keys; `nil` when it was not, or not so.
    package func open(
        _ sealed: [UInt8], purpose: Purpose, authenticating: [UInt8], with secret: [UInt8] = []
    ) -> [UInt8]? {
        let name = sealed.prefix(DerivedKeys.nameLength)
        guard let key = keys.withLock({ $0.first { $0.name.elementsEqual(name) } }),
            let box = try? AES.GCM.SealedBox(combined: sealed.dropFirst(DerivedKeys.nameLength)),
            let opened = try? AES.GCM.open(box, using: key.key(purpose, secret), authenticating: authenticating)
        else { return nil }
        return Array(opened)
    }

    /// A code that only we can make for these bytes (HMAC-SHA-256).
    package func authenticator(of bytes: some Sequence<UInt8>, purpose: Purpose) -> [UInt8] {
        guard let newest = keys.withLock({ $0.first }) else { preconditionFailure("a key ring is never empty") }
        return newest.authenticator(of: Array(bytes), purpose)
    }

    /// The codes of these bytes by each of the keys.
    package func authenticators(of bytes: [UInt8], purpose: Purpose) -> [[UInt8]] {
        keys.withLock { $0 }.map { $0.authenticator(of: bytes, purpose) }
    }

    /// Whether the code, or its beginning of at least 16 bytes, was made for these bytes with any of the keys.
    package func isAuthentic(_ code: some Collection<UInt8>, for bytes: some Sequence<UInt8>, purpose: Purpose) -> Bool
    {
        guard (16...32).contains(code.count) else { return false }
        let bytes = Array(bytes)
        return keys.withLock { $0 }.contains {
            equalInConstantTime($0.authenticator(of: bytes, purpose).prefix(code.count), code)
        }
    }
}

/// One key of the ring and those that are derived from it (HKDF, RFC 5869).
private struct DerivedKeys: Sendable {
    static let nameLength = 4
    let name: [UInt8]
    let created: Timestamp
    private let byPurpose: [Purpose: SymmetricKey]

    init(_ key: RingKey) {
        created = key.created
        let root = SymmetricKey(data: key.secret.exposed)
        let derive = { (label: String) in
            HKDF<SHA256>.deriveKey(inputKeyMaterial: root, info: Array("postern \(label)".utf8), outputByteCount: 32)
        }
        name = Array(HMAC<SHA256>.authenticationCode(for: [UInt8](), using: derive("name")).prefix(Self.nameLength))
        byPurpose = Dictionary(uniqueKeysWithValues: Purpose.allCases.map { ($0, derive($0.rawValue)) })
    }

    func key(_ purpose: Purpose, _ secret: [UInt8]) -> SymmetricKey {
        guard !secret.isEmpty else { return key(purpose) }
        return SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: secret, using: key(purpose)))
    }

    func authenticator(of bytes: [UInt8], _ purpose: Purpose) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: bytes, using: key(purpose)))
    }

    private func key(_ purpose: Purpose) -> SymmetricKey {
        guard let key = byPurpose[purpose] else { preconditionFailure("every purpose has a key") }
        return key
    }
}

/// One line of the key file: when the key was made, and the key.
package struct RingKey: Sendable {
    package let created: Timestamp
    package let secret: Secret

    package init(created: Timestamp, secret: Secret) {
        self.created = created
        self.secret = secret
    }

    /// A new key of 256 bits.
    package static func made(at now: Timestamp, entropy: Entropy) -> RingKey {
        RingKey(created: now, secret: Secret(entropy.bytes(32)))
    }
}

/// The text of a key file: a line for each key, newest first.
package enum KeyFile {
    package enum Failure: Error, Equatable {
        /// The number of the line that is no key.
        case malformed(line: Int)
        case empty
    }

    package static func text(of keys: [RingKey]) -> String {
        keys.map { "v1 \($0.created.seconds) \(Base64URL.encode($0.secret.exposed))\n" }.joined()
    }

    package static func parse(_ text: [UInt8]) throws(Failure) -> [RingKey] {
        var keys: [RingKey] = []
        for (index, line) in text.split(separator: 0x0A).enumerated() {
            let parts = line.split(separator: 0x20)
            guard parts.count == 3, parts[0].isEqual(to: "v1"), let created = parts[1].decimal,
                let secret = Base64URL.decode(parts[2]), secret.count == 32
            else { throw .malformed(line: index + 1) }
            keys.append(RingKey(created: Timestamp(seconds: created), secret: Secret(secret)))
        }
        guard !keys.isEmpty else { throw .empty }
        return keys
    }

    /// A new key in front. A key goes when the one after it is older than any session can be.
    package static func rotated(_ keys: [RingKey], now: Timestamp, lifetime: Int64, entropy: Entropy) -> [RingKey] {
        let all = [RingKey.made(at: now, entropy: entropy)] + keys
        let kept = zip(all, all.dropFirst()).prefix { newer, _ in now.since(newer.created) <= lifetime }
        return [all[0]] + kept.map(\.1)
    }
}

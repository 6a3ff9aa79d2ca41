internal import Values

/// Which session: what the store calls it. Knowing it opens nothing.
package struct TicketID: Sendable, Hashable {
    package let bytes: [UInt8]

    static let length = 16

    /// `nil` unless there are 16 bytes.
    package init?(_ bytes: some Sequence<UInt8>) {
        self.bytes = Array(bytes)
        guard self.bytes.count == Self.length else { return nil }
    }

    /// The beginning of its text, enough to tell sessions apart in a list.
    package var short: String { String(Base64URL.encode(bytes).prefix(12)) }
}

/// What the cookie holds: an id, a secret that opens the record of that id, and a code that proves that both are
/// ours. 22 + 43 + 22 letters of base64url.
struct Ticket: Sendable {
    let id: TicketID
    let secret: [UInt8]
    /// The cookie's value.
    let text: [UInt8]

    static let textLength = 87
    private static let secretLength = 32
    private static let codeLength = 16

    /// A new one.
    init(entropy: Entropy, keys: KeyRing) {
        guard let id = TicketID(entropy.bytes(TicketID.length)) else { preconditionFailure("no random bytes") }
        self.id = id
        secret = entropy.bytes(Self.secretLength)
        let code = keys.authenticator(of: id.bytes + secret, purpose: .ticket).prefix(Self.codeLength)
        text = [id.bytes[...], secret[...], code].flatMap(Base64URL.encoded)
    }

    /// The one that a cookie's value holds; `nil` when it is not one of ours.
    init?(_ value: ArraySlice<UInt8>, keys: KeyRing) {
        guard value.count == Self.textLength, let id = Base64URL.decode(value.prefix(22)).flatMap({ TicketID($0) }),
            let secret = Base64URL.decode(value.dropFirst(22).prefix(43)), secret.count == Self.secretLength,
            let code = Base64URL.decode(value.dropFirst(65)), code.count == Self.codeLength,
            keys.isAuthentic(code, for: id.bytes + secret, purpose: .ticket)
        else { return nil }
        self.id = id
        self.secret = secret
        text = Array(value)
    }
}

/// The letters of a ticket's id, as the cache knows it: found without decoding anything.
struct TicketName: Hashable, Sendable {
    private let words: (UInt64, UInt64, UInt64)

    /// Of a cookie's value, which must be as long as a ticket; or of the id's own text.
    init(_ text: ArraySlice<UInt8>) {
        let letters = text.span
        var words: (UInt64, UInt64, UInt64) = (0, 0, 0)
        for index in 0..<min(22, letters.count) {
            let letter = UInt64(letters[index])
            switch index {
            case 0..<8: words.0 = words.0 << 8 | letter
            case 8..<16: words.1 = words.1 << 8 | letter
            default: words.2 = words.2 << 8 | letter
            }
        }
        self.words = words
    }

    init(_ id: TicketID) {
        self.init(Base64URL.encoded(id.bytes)[...])
    }

    /// A number that spreads names over shards.
    var spread: Int { Int(truncatingIfNeeded: words.0 & 0xFFFF) }

    static func == (one: TicketName, other: TicketName) -> Bool {
        one.words == other.words
    }

    /// Of one word: names that were made are random, and names that were made up are never kept.
    func hash(into hasher: inout Hasher) {
        hasher.combine(words.1)
    }
}

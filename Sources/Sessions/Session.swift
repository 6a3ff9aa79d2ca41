package import Identity
package import Values

/// A session: who it is, and what the provider gave.
package struct Session: Sendable, Equatable {
    package var identity: Identity
    package var accessToken: Secret
    package var refreshToken: Secret?
    package var idToken: Secret?
    /// When the access token ends; `nil` when the provider does not say.
    package var accessExpires: Timestamp?
    /// When the provider is asked again about the person, although no token is over; `nil` is never.
    package var recheck: Timestamp?
    /// The private key that the tokens are bound to (RFC 9449); `nil` of tokens that whoever has them can use.
    package var proofKey: Secret?
    /// When the tokens were given.
    package var obtained: Timestamp
    package let created: Timestamp
    /// The absolute end.
    package let expires: Timestamp
    /// The last request, as far as the store knows.
    package var seen: Timestamp

    package init(
        identity: Identity, accessToken: Secret, refreshToken: Secret?, idToken: Secret?, accessExpires: Timestamp?,
        created: Timestamp, expires: Timestamp
    ) {
        self.identity = identity
        self.accessToken = accessToken
        self.refreshToken = refreshToken
        self.idToken = idToken
        self.accessExpires = accessExpires
        obtained = created
        self.created = created
        self.expires = expires
        seen = created
    }

    package static func == (one: Session, other: Session) -> Bool {
        one.encoded == other.encoded
    }
}

extension Session {
    private static let version: UInt8 = 2

    /// The form inside the seal: numbers in network order, texts after their lengths, `Optional`s after a flag.
    package var encoded: [UInt8] {
        var writer = Writer()
        // A Postern of before, which may still run beside this one, reads version 1 only.
        let isPlain = recheck == nil && proofKey == nil
        writer.bytes.append(isPlain ? 1 : Self.version)
        for moment in [created, expires, seen, obtained] { writer.add(moment) }
        writer.add(accessExpires)
        writer.add(accessToken.exposed)
        writer.add(refreshToken?.exposed)
        writer.add(idToken?.exposed)
        for text in [identity.provider, identity.issuer, identity.subject, identity.username] {
            writer.add(Array(text.utf8))
        }
        writer.add(identity.email.map { Array($0.utf8) })
        writer.bytes.append(identity.isEmailVerified ? 1 : 0)
        writer.add(identity.preferredUsername.map { Array($0.utf8) })
        writer.add(number: UInt64(identity.groups.count))
        for group in identity.groups { writer.add(Array(group.utf8)) }
        writer.add(Array(JSONValue.object(identity.claims.members).text.utf8))
        guard !isPlain else { return writer.bytes }
        writer.add(recheck)
        writer.add(proofKey?.exposed)
        return writer.bytes
    }

    /// `nil` for anything that `encoded` did not make. Version 1 ended with the claims.
    package init?(encoded: [UInt8]) {
        var reader = Reader(rest: encoded[...])
        do throws(Reader.End) {
            let version = try reader.byte()
            guard (1...Self.version).contains(version) else { return nil }
            let created = try reader.moment()
            let expires = try reader.moment()
            let seen = try reader.moment()
            let obtained = try reader.moment()
            let accessExpires = try reader.optionalMoment()
            let accessToken = Secret(try reader.bytes())
            let refreshToken = try reader.optionalBytes().map { Secret($0) }
            let idToken = try reader.optionalBytes().map { Secret($0) }
            self.init(
                identity: try reader.identity(), accessToken: accessToken, refreshToken: refreshToken, idToken: idToken,
                accessExpires: accessExpires, created: created, expires: expires)
            self.seen = seen
            self.obtained = obtained
            if version > 1 {
                recheck = try reader.optionalMoment()
                proofKey = try reader.optionalBytes().map { Secret($0) }
            }
            guard reader.rest.isEmpty else { return nil }
        } catch {
            return nil
        }
    }
}

private struct Writer {
    var bytes: [UInt8] = []

    mutating func add(number: UInt64) {
        for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: number >> shift)) }
    }

    mutating func add(_ moment: Timestamp) {
        add(number: UInt64(bitPattern: moment.seconds))
    }

    mutating func add(_ moment: Timestamp?) {
        bytes.append(moment == nil ? 0 : 1)
        if let moment { add(moment) }
    }

    mutating func add(_ text: [UInt8]) {
        add(number: UInt64(text.count))
        bytes += text
    }

    mutating func add(_ text: [UInt8]?) {
        bytes.append(text == nil ? 0 : 1)
        if let text { add(text) }
    }
}

private struct Reader {
    /// The bytes are not what they should be.
    struct End: Error {}

    var rest: ArraySlice<UInt8>

    mutating func byte() throws(End) -> UInt8 {
        guard let byte = rest.popFirst() else { throw End() }
        return byte
    }

    mutating func number() throws(End) -> UInt64 {
        var number: UInt64 = 0
        for _ in 0..<8 { number = number << 8 | UInt64(try byte()) }
        return number
    }

    mutating func moment() throws(End) -> Timestamp {
        Timestamp(seconds: Int64(bitPattern: try number()))
    }

    mutating func flag() throws(End) -> Bool {
        switch try byte() {
        case 0: false
        case 1: true
        default: throw End()
        }
    }

    mutating func optionalMoment() throws(End) -> Timestamp? {
        try flag() ? try moment() : nil
    }

    mutating func bytes() throws(End) -> ArraySlice<UInt8> {
        guard let count = Int(exactly: try number()), count <= rest.count else { throw End() }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    mutating func optionalBytes() throws(End) -> ArraySlice<UInt8>? {
        try flag() ? try bytes() : nil
    }

    mutating func text() throws(End) -> String {
        guard let text = String(validating: try bytes(), as: UTF8.self) else { throw End() }
        return text
    }

    mutating func optionalText() throws(End) -> String? {
        try flag() ? try text() : nil
    }

    mutating func identity() throws(End) -> Identity {
        let provider = try text()
        let issuer = try text()
        let subject = try text()
        let username = try text()
        let email = try optionalText()
        let isEmailVerified = try flag()
        let preferredUsername = try optionalText()
        var groups: [String] = []
        for _ in 0..<(try number()) { groups.append(try text()) }
        let claims = try bytes()
        guard let members = JSONValue(parsing: claims, limit: claims.count)?.object else { throw End() }
        return Identity(
            provider: provider, issuer: issuer, subject: subject, username: username, email: email,
            isEmailVerified: isEmailVerified, preferredUsername: preferredUsername, groups: groups,
            claims: Claims(members))
    }
}

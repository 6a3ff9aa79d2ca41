internal import Crypto
internal import Identity
internal import JOSE
internal import Values

/// The checks of an ID token's claims (OpenID Connect Core 1.0, section 3.1.3.7), in the order of the standard. The
/// signature was checked before: only verified bytes come here.
struct IDToken: Sendable {
    let claims: Claims
    let subject: String

    /// Seconds after which a token that was never used is refused, whatever its `exp`.
    static let longestAge: Int64 = 24 * 3600

    /// What the token must fit.
    struct Expectation: Sendable {
        let issuer: String
        var oddities: Set<Oddity> = []
        let clientID: String
        /// `nil` at a refresh, where a nonce need not be repeated (OpenID Connect Core 1.0, section 12.2).
        let nonce: String?
        let accessToken: Secret
        let now: Timestamp
    }

    init(
        verified payload: [UInt8], _ algorithm: SignatureAlgorithm, _ expected: Expectation
    ) throws(SignInFailure) {
        guard let members = JSONValue(parsing: payload, limit: CompactToken.limit)?.object else {
            throw .invalidToken("the payload is not a JSON object")
        }
        claims = Claims(members)
        guard let subject = members["sub"]?.subject else {
            throw .invalidToken("sub is not a text of 1 to 255 ASCII characters")
        }
        self.subject = subject
        try Self.checkIssuer(members, expected)
        try Self.checkAudience(members, expected)
        try Self.checkTimes(members, expected.now)
        try Self.checkNonce(members, expected)
        try Self.checkAccessTokenHash(members, algorithm, expected)
    }

    private static func checkIssuer(_ members: [String: JSONValue], _ expected: Expectation) throws(SignInFailure) {
        let said = members["iss"]?.string ?? ""
        let issuer =
            expected.oddities.contains(.issuerPerTenant) ? Entra.issuer(expected.issuer, members) : expected.issuer
        if expected.oddities.contains(.issuerWithoutScheme), said.utf8.elementsEqual(Google.issuerWithoutScheme.utf8) {
            return
        }
        guard let issuer, said.utf8.elementsEqual(issuer.utf8) else { throw .invalidToken("iss is not the issuer") }
    }

    private static func checkAudience(_ members: [String: JSONValue], _ expected: Expectation) throws(SignInFailure) {
        let isClient: (JSONValue?) -> Bool = {
            $0?.string.map { $0.utf8.elementsEqual(expected.clientID.utf8) } ?? false
        }
        switch members["aud"] {
        case .array(let audiences):
            guard audiences.contains(where: isClient) else { throw .invalidToken("aud does not name us") }
            guard audiences.count == 1 || isClient(members["azp"]) else {
                throw .invalidToken("aud names others, and azp not us")
            }
        case let audience:
            guard isClient(audience) else { throw .invalidToken("aud does not name us") }
        }
        if let party = members["azp"], !isClient(party) { throw .invalidToken("azp does not name us") }
    }

    private static func checkTimes(_ members: [String: JSONValue], _ now: Timestamp) throws(SignInFailure) {
        guard TokenTimes.isAhead(members["exp"], now) else {
            throw .invalidToken("exp is missing, no time, or past")
        }
        try TokenTimes.check(["iat", "nbf"], areOverIn: members, now)
        guard let issued = members["iat"]?.moment, now.since(issued) <= longestAge else {
            throw .invalidToken("iat is missing, no time, or long past")
        }
    }

    private static func checkNonce(_ members: [String: JSONValue], _ expected: Expectation) throws(SignInFailure) {
        guard let nonce = expected.nonce else { return }
        guard let said = members["nonce"]?.string, equalInConstantTime(said.utf8, nonce.utf8) else {
            throw .invalidToken("nonce is not the one we sent")
        }
    }

    /// The left half of the hash of the access token (section 3.1.3.8); it need not be there, but it must not be wrong.
    private static func checkAccessTokenHash(
        _ members: [String: JSONValue], _ algorithm: SignatureAlgorithm, _ expected: Expectation
    ) throws(SignInFailure) {
        guard let said = members["at_hash"] else { return }
        let bytes = expected.accessToken.exposed
        let hash: [UInt8] =
            switch algorithm.digest {
            case .sha256: Array(SHA256.hash(data: bytes))
            case .sha384: Array(SHA384.hash(data: bytes))
            case .sha512: Array(SHA512.hash(data: bytes))
            }
        guard let text = said.string, text.utf8.elementsEqual(Base64URL.encoded(hash.prefix(hash.count / 2))) else {
            throw .invalidToken("at_hash is not that of the access token")
        }
    }
}

internal import HTTPTypes
package import Identity
package import JOSE
package import Sessions
package import Values

/// What the operator wants of assertions.
package struct AssertionSettings: Sendable {
    /// The claim `aud`.
    package var audience: String
    /// The claim `iss`.
    package var issuer: String
    /// Seconds that an assertion is good.
    package var lifetime: Int64
    package var algorithm: SignatureAlgorithm
    /// Seconds that a new key is published before it signs.
    package var keyDelay: Int64
    /// The other claims.
    package var claims: [String: ClaimTemplate]

    /// Seconds that the clock of whoever verifies may be behind ours.
    package static let mostSkew: Int64 = 300

    package init(
        audience: String, issuer: String, lifetime: Int64, algorithm: SignatureAlgorithm, keyDelay: Int64,
        claims: [String: ClaimTemplate]
    ) {
        self.audience = audience
        self.issuer = issuer
        self.lifetime = lifetime
        self.algorithm = algorithm
        self.keyDelay = keyDelay
        self.claims = claims
    }
}

/// Makes assertions: short-lived tokens (RFC 7519) by which an application can tell that we say who it is, and nobody
/// who came around the web server.
package final class Assertions: Sendable {
    private let settings: AssertionSettings
    private let keys: AssertionKeys
    private let clock: Clock
    private let entropy: Entropy

    package init(_ settings: AssertionSettings, ring: KeyRing, clock: Clock, entropy: Entropy) {
        self.settings = settings
        self.clock = clock
        self.entropy = entropy
        keys = AssertionKeys(
            ring, algorithm: settings.algorithm, delay: settings.keyDelay, lifetime: settings.lifetime)
    }

    /// Whether this is the `iss` of ours.
    func isIssuer(_ issuer: String?) -> Bool {
        issuer.map { $0.utf8.elementsEqual(settings.issuer.utf8) } ?? false
    }

    /// A signed token, and when it may be handed out.
    struct Assertion {
        let text: String
        /// From when it was made until half of its life is over: whoever gets it has the other half.
        let use: Range<Timestamp>
    }

    /// One for this session; `nil` when its template gives this person no `sub`.
    func assertion(for session: Session) -> Assertion? {
        let now = clock.now()
        var claims = settings.claims.compactMapValues { $0.value(for: session.identity) }
        guard case .string(let subject) = claims["sub"], !subject.isEmpty else { return nil }
        let life = max(1, min(settings.lifetime, session.expires.since(now)))
        claims["iss"] = .string(settings.issuer)
        claims["aud"] = .string(settings.audience)
        claims["iat"] = .integer(now.seconds)
        claims["nbf"] = .integer(now.seconds)
        claims["exp"] = .integer(now.adding(life).seconds)
        claims["jti"] = .string(Base64URL.encode(entropy.bytes(16)))
        let signing = keys.signing(at: now)
        let header: [String: JSONValue] = ["kid": .string(signing.name), "typ": .string("JWT")]
        return Assertion(
            text: signing.key.sign(claims, header: header, settings.algorithm),
            use: now..<now.adding(max(1, life / 2)))
    }

    /// The public halves of the keys, as JSON Web Keys.
    var publishedKeys: [JSONValue] { keys.published(at: clock.now()) }
}

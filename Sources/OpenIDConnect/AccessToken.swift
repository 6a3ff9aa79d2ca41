package import Identity
internal import JOSE
package import Values

/// What access tokens that programs bring (RFC 6750) must be like.
package struct AccessTokenDemand: Sendable {
    /// Who a token must be for (`aud`), any of them. Empty: signed tokens are not taken.
    package var audiences: [String]
    /// Kinds (`typ`) of signed tokens that are taken, lower case (RFC 9068, section 2.1).
    package var types: [String]
    /// What must have been granted, all of it.
    package var scopes: [String]
    /// Whether the provider is asked about tokens (RFC 7662).
    package var isIntrospected: Bool
    /// Seconds that an answer is believed, at most.
    package var cacheLifetime: Int64

    package init(
        audiences: [String], types: [String] = ["at+jwt"], scopes: [String] = [], isIntrospected: Bool = false,
        cacheLifetime: Int64 = 30
    ) {
        self.audiences = audiences
        self.types = types
        self.scopes = scopes
        self.isIntrospected = isIntrospected
        self.cacheLifetime = cacheLifetime
    }
}

/// A program, or a person by way of one, that an access token speaks for.
package struct Bearer: Sendable {
    package let identity: Identity
    /// The end of the token, far away where nobody said it.
    package let expires: Timestamp
    /// Until when it is believed without another look.
    package let isKnownUntil: Timestamp
}

/// The checks of the claims of an access token, signed or introspected: only verified claims come here.
struct AccessTokenClaims {
    let members: [String: JSONValue]
    let expires: Timestamp?

    /// Signed (RFC 9068, section 4).
    init(
        verified payload: [UInt8], issuer: String, _ demand: AccessTokenDemand, now: Timestamp
    ) throws(SignInFailure) {
        guard let members = JSONValue(parsing: payload, limit: CompactToken.limit)?.object else {
            throw .invalidToken("the payload is not a JSON object")
        }
        guard members["iss"]?.string?.utf8.elementsEqual(issuer.utf8) == true else {
            throw .invalidToken("iss is not the issuer")
        }
        guard members["exp"]?.moment != nil else { throw .invalidToken("exp is missing, or no time") }
        guard members["sub"]?.string != nil else { throw .invalidToken("sub is missing, or no text") }
        guard let audience = members["aud"], demand.audiences.contains(where: audience.names) else {
            throw .invalidToken("aud is none of audiences")
        }
        try self.init(members, demand, now: now)
    }

    /// Introspected (RFC 7662, section 2.2): `nil` for one that is not active.
    init?(
        introspected body: [UInt8], issuer: String, _ demand: AccessTokenDemand, now: Timestamp
    ) throws(SignInFailure) {
        guard let members = JSONValue(parsing: body, limit: 256 * 1024)?.object,
            let isActive = members["active"]?.bool
        else { throw .providerUnavailable("introspection did not say whether the token is active") }
        guard isActive else { return nil }
        if let said = members["iss"], !said.names(issuer) { throw .invalidToken("iss is not the issuer") }
        if !demand.audiences.isEmpty {
            guard let audience = members["aud"], demand.audiences.contains(where: audience.names) else {
                throw .invalidToken("aud is none of audiences")
            }
        }
        try self.init(members, demand, now: now)
    }

    private init(
        _ members: [String: JSONValue], _ demand: AccessTokenDemand, now: Timestamp
    ) throws(SignInFailure) {
        self.members = members
        expires = members["exp"]?.moment
        if members["exp"] != nil {
            guard let expires, expires > now.adding(-Self.leeway) else {
                throw .invalidToken("exp is no time, or past")
            }
        }
        try TokenTimes.check(["iat", "nbf"], areOverIn: members, now)
        // What an ID token or a logout token has and an access token has not; what some providers call a refresh token.
        guard !["nonce", "events", "at_hash"].contains(where: { members[$0] != nil }),
            !["token_use", "token_type", "typ"].contains(where: { Self.isAnotherKind(members[$0]?.string) })
        else { throw .invalidToken("it is another kind of token") }
        // Bound to a key or a certificate that we cannot see through the web server (RFC 7800).
        guard members["cnf"] == nil else { throw .invalidToken("it is bound to a key of its own (cnf)") }
        let granted = Set(members["scope"]?.string?.split(separator: " ").map(String.init) ?? [])
        guard demand.scopes.allSatisfy(granted.contains) else { throw .denied(code: "insufficient_scope") }
    }

    /// What providers call tokens that open nothing by themselves; Keycloak says `typ: Refresh` or `Offline`.
    private static func isAnotherKind(_ kind: String?) -> Bool {
        guard let kind = kind?.lowercased() else { return false }
        return kind.hasPrefix("refresh") || ["offline", "id", "logout"].contains(kind)
    }

    /// Seconds past its end that a token is taken: none is renewed here, so there is no use in more.
    private static let leeway: Int64 = 5

    /// Who the token speaks for: a person by `sub`, a program by `client_id`.
    func subject() throws(SignInFailure) -> String {
        let claim = ["sub", "client_id", "username"].lazy.compactMap { members[$0] }.first { $0 != .null }
        guard let name = claim?.subject else { throw .invalidToken("neither sub nor client_id names anybody") }
        return name
    }
}

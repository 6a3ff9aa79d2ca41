internal import Identity
internal import JOSE
internal import Values
internal import Web

/// Access tokens that programs bring.
extension RelyingParty {
    /// Whether it is worth asking this provider about a token that names this issuer, or none.
    package func mayKnow(tokenOf issuer: String?) -> Bool {
        guard let demand = provider.accessTokens else { return false }
        return demand.isIntrospected || isIssuer(issuer)
    }

    /// Who the token speaks for; throws `invalidToken` when it does for nobody.
    package func bearer(of text: String, deadline: Int64) throws(SignInFailure) -> Bearer {
        guard let demand = provider.accessTokens else { throw .invalidToken("access tokens are not taken") }
        let metadata = try published(deadline)
        let claims =
            demand.isIntrospected
            ? try introspected(text, metadata, demand, deadline) : try verified(text, metadata, demand, deadline)
        let expires = claims.expires ?? .distantFuture
        return Bearer(
            identity: try identity(claims), expires: expires,
            isKnownUntil: min(expires, clock.now().adding(demand.cacheLifetime)))
    }

    private func verified(
        _ text: String, _ metadata: Metadata, _ demand: AccessTokenDemand, _ deadline: Int64
    ) throws(SignInFailure) -> AccessTokenClaims {
        guard let token = CompactToken(text) else { throw .invalidToken("it is no signed token") }
        guard let type = token.type, demand.types.contains(type) else {
            throw .invalidToken("typ is \(quoted(token.type)), not at+jwt")
        }
        let (payload, _) = try verifiedPayload(token, deadline)
        return try AccessTokenClaims(verified: payload, issuer: metadata.issuer, demand, now: clock.now())
    }

    private func introspected(
        _ text: String, _ metadata: Metadata, _ demand: AccessTokenDemand, _ deadline: Int64
    ) throws(SignInFailure) -> AccessTokenClaims {
        guard let endpoint = metadata.introspectionEndpoint else {
            throw .providerUnavailable("it has no introspection_endpoint")
        }
        let form = [("token", text), ("token_type_hint", "access_token")]
        let response = try post(form, to: endpoint, metadata, deadline)
        guard response.status == 200 else {
            throw .providerUnavailable("introspection answered \(response.status)")
        }
        let claims = try AccessTokenClaims(
            introspected: response.body, issuer: metadata.issuer, demand, now: clock.now())
        guard let claims else { throw .invalidToken("it is not active") }
        return claims
    }

    private func identity(_ claims: AccessTokenClaims) throws(SignInFailure) -> Identity {
        let members = claims.members
        let said = Claims(members)
        if has(.hostedDomain) { try Google.checkDomain(said, provider) }
        guard provider.strength.isMet(by: said, at: clock.now()) else { throw .tooWeak("acr or auth_time") }
        let subject = try claims.subject()
        // A program has no name of a person's: it is called what the provider calls it. Whoever comes by way of one has.
        let programs = ["client_id", "azp"].filter { name in
            members["sub"].map { $0 == .null || $0 == members[name] } ?? true
        }
        var named = provider.mapping
        named.username =
            named.username.filter { $0 != "sub" && $0 != named.subject } + ["username"] + programs + ["sub"]
        return try named.identity(said, provider: provider, subject: subject)
    }
}

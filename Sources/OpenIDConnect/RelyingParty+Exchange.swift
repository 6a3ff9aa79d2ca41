internal import Identity
internal import JOSE
internal import Synchronization
internal import Values
internal import Web

/// Talking to the provider.
extension RelyingParty {
    /// What the provider publishes; of one that publishes nothing, what is configured.
    func published(_ deadline: Int64) throws(SignInFailure) -> Metadata {
        guard provider.dialect == .openIDConnect else { return try Metadata(configured: provider) }
        return try metadata.value { fetchMetadata(deadline) }.orUnavailable()
    }

    func fetchMetadata(_ deadline: Int64) -> Result<Metadata, DiscoveryFailure> {
        let result = Result { () throws(DiscoveryFailure) in
            let request = try Discovery.request(to: provider, deadline: deadline)
            return try Discovery.process(try sent(request), from: provider)
        }
        noteTrouble(result)
        return result
    }

    func fetchKeys(_ metadata: Metadata, _ deadline: Int64) -> Result<KeySet, DiscoveryFailure> {
        let result = Result { () throws(DiscoveryFailure) in
            guard let endpoint = metadata.keysEndpoint else { throw .invalid("there is no jwks_uri") }
            let request = KeyRequest.request(to: endpoint, provider, deadline: deadline)
            return try KeyRequest.process(try sent(request))
        }
        noteTrouble(result)
        if case .success(let keys) = result, !keys.skipped.isEmpty {
            log(.odd(provider: provider.name, reason: "keys left out: \(keys.skipped.joined(separator: ", "))"))
        }
        return result
    }

    func sent(_ request: ProviderRequest) throws(DiscoveryFailure) -> ProviderResponse {
        do throws(ProviderFailure) {
            return try client.send(request)
        } catch {
            throw .unavailable("\(error)")
        }
    }

    func noteTrouble(_ result: Result<some Sendable, DiscoveryFailure>) {
        switch result {
        case .success:
            if isInTrouble.withLock({ swapped(&$0, false) }) { log(.ended(provider: provider.name)) }
        case .failure(let failure):
            if !isInTrouble.withLock({ swapped(&$0, true) }) {
                log(.began(provider: provider.name, reason: "\(failure)"))
            }
        }
    }

    /// What the token endpoint answers to the form.
    func answer(
        to form: [(String, String)], _ metadata: Metadata, boundTo key: PrivateKey?, _ deadline: Int64
    ) -> Result<Grant, TokenExchange.Failure> {
        Result { () throws(TokenExchange.Failure) in
            let response: ProviderResponse
            do throws(SignInFailure) {
                response = try post(form, to: metadata.tokenEndpoint, metadata, boundTo: key, deadline)
            } catch .providerUnavailable(let reason) {
                throw .unavailable(reason)
            } catch {
                throw .unavailable("\(error)")
            }
            return try TokenExchange.process(response, boundTo: key, now: clock.now())
        }
    }

    func tokens(
        _ form: [(String, String)], _ metadata: Metadata, boundTo key: PrivateKey?, _ deadline: Int64
    ) throws(SignInFailure) -> Grant {
        switch answer(to: form, metadata, boundTo: key, deadline) {
        case .success(let grant): return grant
        case .failure(.unavailable(let reason)): throw .providerUnavailable(reason)
        case .failure(.invalid(let reason)): throw .invalidResponse(reason)
        case .failure(.named(let error, let status)):
            throw .invalidResponse("the token endpoint answered \(status) \(error)")
        }
    }

    /// One exchange, whatever comes of it.
    func exchange(_ request: ProviderRequest) throws(SignInFailure) -> ProviderResponse {
        do throws(ProviderFailure) {
            return try client.send(request)
        } catch {
            throw .providerUnavailable("\(error)")
        }
    }

    /// The payload of a token that one of the provider's published keys signed.
    func verifiedPayload(
        _ token: CompactToken, _ deadline: Int64
    ) throws(SignInFailure) -> (payload: [UInt8], algorithm: SignatureAlgorithm) {
        let metadata = try published(deadline)
        return try keys.verify(token, allowed: metadata.signatureAlgorithms) { fetchKeys(metadata, deadline) }
    }

    func verified(
        _ idToken: Secret, _ metadata: Metadata, nonce: String?, _ grant: Grant, _ deadline: Int64
    ) throws(SignInFailure) -> IDToken {
        guard let token = CompactToken(String(decoding: idToken.exposed, as: UTF8.self)) else {
            throw .invalidToken("the ID token is no signed token")
        }
        // RFC 8725, section 3.11: a token of another kind, by the same keys, may look alike.
        guard !CompactToken.otherTypes.contains(token.type ?? "") else {
            throw .invalidToken("typ is \(quoted(token.type)), no ID token's")
        }
        let (payload, algorithm) = try verifiedPayload(token, deadline)
        let expected = IDToken.Expectation(
            issuer: metadata.issuer, oddities: provider.oddities, clientID: provider.clientID,
            nonce: has(.noNonce) ? nil : nonce, accessToken: grant.accessToken, now: clock.now())
        return try IDToken(verified: payload, algorithm, expected)
    }

    /// The ID token's claims, with those of userinfo where they do not say everything that is asked of them, and with
    /// what the provider tells in its own way. Where they are those of a former ID token, userinfo knows better.
    func complete(
        _ claims: Claims, subject: String, _ grant: Grant, _ metadata: Metadata, areOld: Bool = false,
        _ deadline: Int64
    ) throws(SignInFailure) -> Claims {
        var claims = claims
        if let endpoint = metadata.userinfoEndpoint, areOld || !provider.mapping.isComplete(claims) {
            // How somebody signed in is the ID token's to say: elsewhere it may be their own word.
            let said = try userinfo(endpoint, grant, metadata, subject, deadline).withoutSignIn
            claims = areOld ? provider.mapping.merge(said, claims) : provider.mapping.merge(claims, said)
        }
        return try described(claims, grant, deadline)
    }
}

extension RelyingParty {
    /// Signed answers are verified like any token of the provider's (OpenID Connect Core 1.0, section 5.3.2).
    private func userinfo(
        _ endpoint: EndpointURL, _ grant: Grant, _ metadata: Metadata, _ subject: String, _ deadline: Int64
    ) throws(SignInFailure) -> Claims {
        let response = try get(endpoint, grant, accept: "application/json, application/jwt;q=0.9", deadline)
        guard UserInfo.isSigned(response) else { return try UserInfo.process(response, subject: subject) }
        try UserInfo.check(response)
        guard let token = CompactToken(String(decoding: response.body, as: UTF8.self)),
            !CompactToken.otherTypes.contains(token.type ?? "")
        else { throw .invalidToken("userinfo is no signed token of its own kind") }
        let (payload, _) = try verifiedPayload(token, deadline)
        let claims = try UserInfo.claims(payload, subject: subject)
        if let issuer = claims.members["iss"], issuer != .string(metadata.issuer) {
            throw .invalidToken("iss of userinfo is not the issuer")
        }
        if let audience = claims.members["aud"], !audience.names(provider.clientID) {
            throw .invalidToken("aud of userinfo does not name us")
        }
        if let end = claims.members["exp"], !TokenTimes.isAhead(end, clock.now()) {
            throw .invalidToken("exp of userinfo is no time, or past")
        }
        try TokenTimes.check(["iat", "nbf"], areOverIn: claims.members, clock.now())
        return claims
    }
}

extension CompactToken {
    /// Kinds of tokens that are never an ID token or userinfo.
    fileprivate static let otherTypes = ["at+jwt", "logout+jwt", "dpop+jwt", "oauth-authz-req+jwt", "secevent+jwt"]
}

/// Sets the value, and gives the one of before.
private func swapped(_ value: inout Bool, _ new: Bool) -> Bool {
    defer { value = new }
    return value
}

package import Identity
internal import JOSE
internal import Synchronization
package import Values
package import Web

/// The relying party (OpenID Connect Core 1.0, section 1.2): speaks the protocol with one provider. Every exchange is
/// a pure request half and a pure response half; here they are sent one after the other.
package final class RelyingParty: Sendable {
    let provider: Provider
    private let redirectURI: String
    private let client: any ProviderClient
    private let clock: Clock
    private let entropy: Entropy
    private let log: @Sendable (ProviderTrouble) -> Void
    private let metadata: Fetched<Metadata>
    private let keys: PublishedKeys
    private let isInTrouble = Mutex(false)

    /// Milliseconds that discovery is kept.
    private static let metadataLifetime: Int64 = 60 * 60 * 1000

    /// `redirectURI` is sent byte for byte. `log` hears of trouble when it begins and when it is over.
    package init(
        provider: Provider, redirectURI: String, client: any ProviderClient, clock: Clock, entropy: Entropy,
        log: @escaping @Sendable (ProviderTrouble) -> Void
    ) {
        self.provider = provider
        self.redirectURI = redirectURI
        self.client = client
        self.clock = clock
        self.entropy = entropy
        self.log = log
        metadata = Fetched(clock: clock, lifetime: Self.metadataLifetime, mayBeStale: true)
        keys = PublishedKeys(clock: clock)
    }

    /// Fetches what the provider publishes, ahead of the first sign-in.
    package func prepare(deadline: Int64) {
        guard let metadata = try? published(deadline) else { return }
        keys.prepare { fetchKeys(metadata, deadline) }
    }

    /// Where to send the browser, and what to remember until it comes back. Deadlines here and below are
    /// milliseconds of `Clock.uptime`.
    package func begin(
        returnURL: String, deadline: Int64
    ) throws(SignInFailure) -> (location: String, pending: PendingSignIn) {
        let metadata = try published(deadline)
        let pending = PendingSignIn(
            state: random(16), nonce: random(16), codeVerifier: Secret(random(32)), provider: provider.name,
            returnURL: returnURL, created: clock.now())
        return (Authorization.location(provider, metadata, redirectURI: redirectURI, pending), pending)
    }

    /// The sign-in that the browser brings back. Nothing is asked of the token endpoint unless the response is good.
    package func finish(
        _ query: [(name: String, value: String)], pending: PendingSignIn, deadline: Int64
    ) throws(SignInFailure) -> SignedIn {
        let metadata = try published(deadline)
        let code = try Authorization.process(query, provider, metadata)
        let request = TokenExchange.request(
            code: code, pending, provider, metadata, redirectURI: redirectURI, deadline: deadline)
        let grant = try tokens(request)
        guard let idToken = grant.idToken else { throw .invalidResponse("id_token is missing") }
        let token = try verified(idToken, metadata, nonce: pending.nonce, grant, deadline)
        let claims = try complete(token.claims, subject: token.subject, grant.accessToken, metadata, deadline)
        let identity = try provider.mapping.identity(claims, provider: provider, subject: token.subject)
        return SignedIn(identity: identity, grant: grant)
    }

    private func random(_ count: Int) -> String {
        Base64URL.encode(entropy.bytes(count))
    }
}

/// Whether a provider can be talked to.
package enum ProviderTrouble: Sendable, Equatable {
    case began(provider: String, reason: String)
    case ended(provider: String)
    /// The provider answers, but this answer was not taken.
    case odd(provider: String, reason: String)
}

// MARK: - Refresh and end of session

extension RelyingParty {
    /// New tokens for old (RFC 6749, section 6; OpenID Connect Core 1.0, section 12).
    package func refresh(_ grant: Grant, of identity: Identity, deadline: Int64) -> RefreshOutcome {
        guard let refreshToken = grant.refreshToken else { return .failed(reason: "there is no refresh token") }
        let metadata: Metadata
        do throws(SignInFailure) {
            metadata = try published(deadline)
        } catch {
            return .failed(reason: "\(error)")
        }
        let request = TokenExchange.request(refreshToken: refreshToken, provider, metadata, deadline: deadline)
        switch answer(to: request) {
        case .failure(.named("invalid_grant", _)): return .ended(reason: "the provider says invalid_grant")
        case .failure(.named(let error, let status)):
            let reason = "the token endpoint answered \(status) \(error)"
            return Self.isOurFault(error) ? .refused(reason: reason) : .failed(reason: reason)
        case .failure(.unavailable(let reason)), .failure(.invalid(let reason)): return .failed(reason: reason)
        case .success(let renewed):
            return refreshed(identity, grant, renewed, metadata, deadline)
        }
    }

    /// Errors that say something of the client, not of the session (RFC 6749, section 5.2).
    private static func isOurFault(_ error: String) -> Bool {
        ["invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_request", "invalid_scope"]
            .contains { $0.utf8.elementsEqual(error.utf8) }
    }

    /// The identity as the provider has it now; as it was, when what the provider says fails a check or cannot be
    /// had: a session never gets the claims of anybody else, neither now nor from an ID token that is kept for later.
    private func refreshed(
        _ identity: Identity, _ old: Grant, _ new: Grant, _ metadata: Metadata, _ deadline: Int64
    ) -> RefreshOutcome {
        do throws(SignInFailure) {
            let claims = try currentClaims(of: identity, old, new, metadata, deadline)
            let all = try complete(claims, subject: identity.subject, new.accessToken, metadata, deadline)
            return .renewed(new, try provider.mapping.identity(all, provider: provider, subject: identity.subject))
        } catch {
            log(.odd(provider: provider.name, reason: "claims not taken at a refresh: \(error)"))
            return .renewed(new.withoutIDToken, identity)
        }
    }

    /// Those of the new ID token; without one those of the ID token that the session began with.
    private func currentClaims(
        of identity: Identity, _ old: Grant, _ new: Grant, _ metadata: Metadata, _ deadline: Int64
    ) throws(SignInFailure) -> Claims {
        if let idToken = new.idToken {
            let token = try verified(idToken, metadata, nonce: nil, new, deadline)
            guard token.subject.utf8.elementsEqual(identity.subject.utf8) else {
                throw .invalidToken("sub is another than at the sign-in")
            }
            return token.claims
        }
        let first = old.idToken.flatMap { CompactToken(String(decoding: $0.exposed, as: UTF8.self)) }
        let members = first.flatMap { JSONValue(parsing: $0.claimsOnceVerified, limit: CompactToken.limit)?.object }
        return members.map { Claims($0) } ?? identity.claims
    }

    /// Where to send the browser so that the provider ends its session, too (OpenID Connect RP-Initiated Logout 1.0,
    /// section 2); `nil` when the provider has no such place, or is not to be asked.
    package func endSessionURL(
        idToken: Secret?, postLogoutRedirectURI: String, state: String?, deadline: Int64
    ) -> String? {
        guard provider.endSession, let endpoint = (try? published(deadline))?.endSessionEndpoint else { return nil }
        var parameters = [("client_id", provider.clientID), ("post_logout_redirect_uri", postLogoutRedirectURI)]
        if let idToken { parameters.insert(("id_token_hint", String(decoding: idToken.exposed, as: UTF8.self)), at: 0) }
        if let state { parameters.append(("state", state)) }
        return endpoint.text.appending(query: parameters)
    }
}

// MARK: - Talking to the provider

extension RelyingParty {
    private func published(_ deadline: Int64) throws(SignInFailure) -> Metadata {
        try metadata.value { fetchMetadata(deadline) }.orUnavailable()
    }

    private func fetchMetadata(_ deadline: Int64) -> Result<Metadata, DiscoveryFailure> {
        let result = Result { () throws(DiscoveryFailure) in
            let request = try Discovery.request(to: provider, deadline: deadline)
            return try Discovery.process(try sent(request), from: provider)
        }
        noteTrouble(result)
        return result
    }

    private func fetchKeys(_ metadata: Metadata, _ deadline: Int64) -> Result<KeySet, DiscoveryFailure> {
        let result = Result { () throws(DiscoveryFailure) in
            let request = KeyRequest.request(to: metadata.keysEndpoint, provider, deadline: deadline)
            return try KeyRequest.process(try sent(request))
        }
        noteTrouble(result)
        if case .success(let keys) = result, !keys.skipped.isEmpty {
            log(.odd(provider: provider.name, reason: "keys left out: \(keys.skipped.joined(separator: ", "))"))
        }
        return result
    }

    private func sent(_ request: ProviderRequest) throws(DiscoveryFailure) -> ProviderResponse {
        do throws(ProviderFailure) {
            return try client.send(request)
        } catch {
            throw .unavailable("\(error)")
        }
    }

    private func noteTrouble(_ result: Result<some Sendable, DiscoveryFailure>) {
        switch result {
        case .success:
            if isInTrouble.withLock({ exchange(&$0, false) }) { log(.ended(provider: provider.name)) }
        case .failure(let failure):
            if !isInTrouble.withLock({ exchange(&$0, true) }) {
                log(.began(provider: provider.name, reason: "\(failure)"))
            }
        }
    }

    private func exchange(_ value: inout Bool, _ new: Bool) -> Bool {
        defer { value = new }
        return value
    }

    private func answer(to request: ProviderRequest) -> Result<Grant, TokenExchange.Failure> {
        Result { () throws(TokenExchange.Failure) in
            let response: ProviderResponse
            do throws(ProviderFailure) {
                response = try client.send(request)
            } catch {
                throw .unavailable("\(error)")
            }
            return try TokenExchange.process(response, now: clock.now())
        }
    }

    private func tokens(_ request: ProviderRequest) throws(SignInFailure) -> Grant {
        switch answer(to: request) {
        case .success(let grant): return grant
        case .failure(.unavailable(let reason)): throw .providerUnavailable(reason)
        case .failure(.invalid(let reason)): throw .invalidResponse(reason)
        case .failure(.named(let error, let status)):
            throw .invalidResponse("the token endpoint answered \(status) \(error)")
        }
    }

    private func verified(
        _ idToken: Secret, _ metadata: Metadata, nonce: String?, _ grant: Grant, _ deadline: Int64
    ) throws(SignInFailure) -> IDToken {
        guard let token = CompactToken(String(decoding: idToken.exposed, as: UTF8.self)) else {
            throw .invalidToken("the ID token is no signed token")
        }
        let (payload, algorithm) = try keys.verify(token, allowed: metadata.signatureAlgorithms) {
            fetchKeys(metadata, deadline)
        }
        let expected = IDToken.Expectation(
            issuer: provider.issuer, clientID: provider.clientID, nonce: nonce, accessToken: grant.accessToken,
            now: clock.now())
        return try IDToken(verified: payload, algorithm, expected)
    }

    /// The ID token's claims, with those of userinfo where they do not say everything that is asked of them.
    private func complete(
        _ claims: Claims, subject: String, _ accessToken: Secret, _ metadata: Metadata, _ deadline: Int64
    ) throws(SignInFailure) -> Claims {
        guard let endpoint = metadata.userinfoEndpoint, !provider.mapping.isComplete(claims) else { return claims }
        let request = UserInfo.request(to: endpoint, accessToken, provider, deadline: deadline)
        let response: ProviderResponse
        do throws(ProviderFailure) {
            response = try client.send(request)
        } catch {
            throw .providerUnavailable("userinfo: \(error)")
        }
        return provider.mapping.merge(claims, try UserInfo.process(response, subject: subject))
    }
}

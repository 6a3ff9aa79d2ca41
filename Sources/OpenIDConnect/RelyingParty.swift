package import Identity
internal import JOSE
internal import Synchronization
package import Values
package import Web

/// The relying party (OpenID Connect Core 1.0, section 1.2): speaks the protocol with one provider. Every exchange is
/// a pure request half and a pure response half; here they are sent one after the other.
package final class RelyingParty: Sendable {
    package let provider: Provider
    private let redirectURI: String
    let client: any ProviderClient
    let clock: Clock
    private let entropy: Entropy
    let log: @Sendable (ProviderTrouble) -> Void
    let metadata: Fetched<Metadata>
    let keys: PublishedKeys
    let possession = Possession()
    let isInTrouble = Mutex(false)

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
        if metadata.keysEndpoint != nil { keys.prepare { fetchKeys(metadata, deadline) } }
    }

    /// Where to send the browser, and what to remember until it comes back. Deadlines here and below are
    /// milliseconds of `Clock.uptime`.
    package func begin(
        returnURL: String, strength: Strength = .any, deadline: Int64
    ) throws(SignInFailure) -> (location: String, pending: PendingSignIn) {
        let metadata = try published(deadline)
        let pending = PendingSignIn(
            state: random(16), nonce: random(16), codeVerifier: Secret(random(32)), provider: provider.name,
            returnURL: returnURL, created: clock.now(), proofKey: provider.bindsTokens ? .made() : nil)
        let parameters = Authorization.parameters(
            provider, redirectURI: redirectURI, pending, provider.strength.and(strength))
        let sent = try pushed(parameters, pending, metadata, deadline) ?? inTheOpen(parameters, pending, metadata)
        return (metadata.authorizationEndpoint.text.appending(query: sent), pending)
    }

    /// What goes through the browser where all of it does.
    private func inTheOpen(
        _ parameters: [(String, String)], _ pending: PendingSignIn, _ metadata: Metadata
    ) -> [(String, String)] {
        let bound = pending.proofKey.map { [("dpop_jkt", $0.thumbprint)] } ?? []
        return signed(parameters + bound, metadata)
    }

    /// What goes through the browser where the rest went to the provider before; `nil` where it does not.
    private func pushed(
        _ parameters: [(String, String)], _ pending: PendingSignIn, _ metadata: Metadata, _ deadline: Int64
    ) throws(SignInFailure) -> [(String, String)]? {
        guard let endpoint = try pushEndpoint(metadata) else { return nil }
        var form = signed(parameters, metadata)
        // RFC 9126, section 3: nothing beside a request object.
        if provider.signsRequests { form.removeAll { !["client_id", "request"].contains($0.0) } }
        let response = try post(form, to: endpoint, metadata, boundTo: pending.proofKey, deadline)
        return [("client_id", provider.clientID), ("request_uri", try Authorization.name(ofPushed: response))]
    }

    private func signed(_ parameters: [(String, String)], _ metadata: Metadata) -> [(String, String)] {
        guard provider.signsRequests else { return parameters }
        return Authorization.signed(parameters, provider, metadata, now: clock.now())
    }

    /// Where the request is pushed to, if it is.
    private func pushEndpoint(_ metadata: Metadata) throws(SignInFailure) -> EndpointURL? {
        switch provider.pushes {
        case .never: return nil
        case .auto: return metadata.pushedAuthorizationEndpoint
        case .always:
            guard let endpoint = metadata.pushedAuthorizationEndpoint else {
                throw .providerUnavailable("it has no pushed_authorization_request_endpoint")
            }
            return endpoint
        }
    }

    /// The sign-in that the browser brings back. Nothing is asked of the token endpoint unless the response is good.
    package func finish(
        _ query: [(name: String, value: String)], pending: PendingSignIn, strength: Strength = .any, deadline: Int64
    ) throws(SignInFailure) -> SignedIn {
        let metadata = try published(deadline)
        let code = try Authorization.process(query, provider, metadata)
        let form = TokenExchange.form(code: code, pending, provider, redirectURI: redirectURI)
        let grant = try tokens(form, metadata, boundTo: pending.proofKey, deadline).due(for: provider, at: clock.now())
        let (subject, claims) = try person(of: grant, metadata, nonce: pending.nonce, deadline)
        guard provider.strength.and(strength).isMet(by: claims, at: clock.now()) else {
            throw .tooWeak("acr is \(quoted(claims.members["acr"]?.string)), or auth_time too long ago or missing")
        }
        let identity = try provider.mapping.identity(claims, provider: provider, subject: subject)
        return SignedIn(identity: identity, grant: grant)
    }

    /// Who signed in, and all that describes them.
    private func person(
        of grant: Grant, _ metadata: Metadata, nonce: String, _ deadline: Int64
    ) throws(SignInFailure) -> (subject: String, claims: Claims) {
        guard provider.dialect == .openIDConnect else { return try profile(grant, deadline) }
        guard let idToken = grant.idToken else { throw .invalidResponse("id_token is missing") }
        let token = try verified(idToken, metadata, nonce: nonce, grant, deadline)
        let claims = try complete(token.claims, subject: token.subject, grant, metadata, deadline)
        return (token.subject, claims)
    }

    func random(_ count: Int) -> String {
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

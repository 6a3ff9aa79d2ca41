internal import HTTPTypes
internal import JOSE
package import Values
internal import Web

/// The end of a session: here, there, and of its tokens.
extension RelyingParty {
    /// Where to send the browser so that the provider ends its session, too (OpenID Connect RP-Initiated Logout 1.0,
    /// section 2); `nil` when the provider has no such place, or is not to be asked.
    package func endSessionURL(
        idToken: Secret?, postLogoutRedirectURI: String, state: String?, deadline: Int64
    ) -> String? {
        guard provider.endSession, let metadata = try? published(deadline) else { return nil }
        if has(.cognitoLogout) { return cognitoLogout(metadata, postLogoutRedirectURI) }
        guard let endpoint = metadata.endSessionEndpoint else { return nil }
        var parameters = [("client_id", provider.clientID), ("post_logout_redirect_uri", postLogoutRedirectURI)]
        if let idToken, !has(.noLogoutHint) {
            parameters.insert(("id_token_hint", String(decoding: idToken.exposed, as: UTF8.self)), at: 0)
        }
        if let state { parameters.append(("state", state)) }
        return endpoint.text.appending(query: parameters)
    }

    /// docs.aws.amazon.com/cognito, "Logout endpoint": beside the authorization endpoint.
    private func cognitoLogout(_ metadata: Metadata, _ returnAddress: String) -> String {
        (metadata.authorizationEndpoint.origin + "/logout").appending(
            query: [("client_id", provider.clientID), ("logout_uri", returnAddress)])
    }

    /// Takes the tokens back (RFC 7009), where the provider offers that. Nobody waits for it, and it may fail.
    package func revoke(_ grant: Grant, deadline: Int64) {
        guard provider.revokes else { return }
        do throws(SignInFailure) {
            for (token, hint) in [(grant.refreshToken, "refresh_token"), (grant.accessToken, "access_token")] {
                guard let token else { continue }
                guard let answer = try revocation(of: token, hint, grant, deadline) else { return }
                guard (200..<300).contains(answer.status) || answer.status == 404 else {
                    throw .providerUnavailable("revocation was answered \(answer.status)")
                }
            }
        } catch {
            log(.odd(provider: provider.name, reason: "tokens not taken back at a sign-out: \(error)"))
        }
    }

    private func revocation(
        of token: Secret, _ hint: String, _ grant: Grant, _ deadline: Int64
    ) throws(SignInFailure) -> ProviderResponse? {
        if has(.gitHubRevocation) {
            guard hint == "access_token" else { return ProviderResponse(status: 200, body: []) }
            return try GitHub.revocation(of: token, provider, deadline: deadline).map(exchangeOne)
        }
        if has(.facebookRevocation) {
            return try Facebook.revocation(of: grant, provider, deadline: deadline).map(exchangeOne)
        }
        let metadata = try published(deadline)
        guard let endpoint = metadata.revocationEndpoint else { return nil }
        let form = [("token", String(decoding: token.exposed, as: UTF8.self)), ("token_type_hint", hint)]
        return try post(form, to: endpoint, metadata, deadline)
    }

    private func exchangeOne(_ request: ProviderRequest) throws(SignInFailure) -> ProviderResponse {
        try exchange(request)
    }

    /// The issuer that a token names, which is not believed yet: it tells whose keys to try.
    package static func issuer(asSaidBy token: String) -> String? {
        CompactToken(token)?.issuerAsSaid
    }

    /// Whether this provider calls itself so.
    package func isIssuer(_ name: String?) -> Bool {
        provider.dialect == .openIDConnect && name?.utf8.elementsEqual(provider.issuer.utf8) ?? false
    }

    /// What the provider says is over (OpenID Connect Back-Channel Logout 1.0, section 2.6).
    package func logout(_ text: String, deadline: Int64) throws(SignInFailure) -> LogoutToken {
        guard let token = CompactToken(text) else { throw .invalidToken("it is no signed token") }
        // Other kinds of token name themselves; older providers do not name this one.
        guard [nil, "jwt", "logout+jwt"].contains(token.type) else { throw .invalidToken("typ is not logout+jwt") }
        let metadata = try published(deadline)
        let (payload, _) = try verifiedPayload(token, deadline)
        return try LogoutToken(
            verified: payload, issuer: metadata.issuer, clientID: provider.clientID, now: clock.now())
    }
}

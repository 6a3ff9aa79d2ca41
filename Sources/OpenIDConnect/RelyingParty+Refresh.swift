package import Identity
internal import JOSE
internal import Values
internal import Web

extension RelyingParty {
    /// New tokens for old (RFC 6749, section 6; OpenID Connect Core 1.0, section 12).
    package func refresh(_ grant: Grant, of identity: Identity, deadline: Int64) -> RefreshOutcome {
        if grant.isGoodBeyondRecheck(at: clock.now()) { return recheck(grant, of: identity, deadline) }
        guard let refreshToken = grant.refreshToken else { return .failed(reason: "there is no refresh token") }
        let metadata: Metadata
        do throws(SignInFailure) {
            metadata = try published(deadline)
        } catch {
            return .failed(reason: "\(error)")
        }
        let form = TokenExchange.form(refreshToken: refreshToken, provider)
        switch answer(to: form, metadata, boundTo: grant.proofKey, deadline) {
        case .failure(.named("invalid_grant", _)): return .ended(reason: "the provider says invalid_grant")
        // docs.github.com, "Refreshing user access tokens": GitHub's own word for it.
        case .failure(.named("bad_refresh_token", _)) where has(.gitHubProfile):
            return .ended(reason: "the provider says bad_refresh_token")
        case .failure(.named(let error, let status)):
            let reason = "the token endpoint answered \(status) \(error)"
            return Self.isOurFault(error) ? .refused(reason: reason) : .failed(reason: reason)
        case .failure(.unavailable(let reason)), .failure(.invalid(let reason)): return .failed(reason: reason)
        case .success(let renewed):
            return refreshed(identity, grant, renewed.due(for: provider, at: clock.now()), metadata, deadline)
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
            return .renewed(new, try person(identity, old, new, metadata, deadline))
        } catch .identityRefused(let reason) {
            return .ended(reason: "no identity any more: \(reason)")
        } catch .tokenRefused(let reason) {
            return .ended(reason: "the access token is not taken: \(reason)")
        } catch {
            log(.odd(provider: provider.name, reason: "claims not taken at a refresh: \(error)"))
            var kept = new.withoutIDToken
            // What cannot be had now is asked for again; what was said before counts for no longer than in any outage,
            // from the first time that it could not be had.
            if case .providerUnavailable = error { kept.recheck = old.recheck ?? clock.now() }
            return .renewed(kept, identity)
        }
    }

    private func person(
        _ identity: Identity, _ old: Grant, _ new: Grant, _ metadata: Metadata, _ deadline: Int64
    ) throws(SignInFailure) -> Identity {
        guard provider.dialect == .openIDConnect else { return try profiled(identity, new, deadline) }
        let claims = try currentClaims(of: identity, old, new, metadata, deadline)
        let all = try complete(
            claims, subject: identity.subject, new, metadata, areOld: new.idToken == nil, deadline)
        return try provider.mapping.identity(
            all.keepingSignIn(of: identity.claims), provider: provider, subject: identity.subject)
    }

    /// The profile as it is now, of the same person.
    private func profiled(
        _ identity: Identity, _ grant: Grant, _ deadline: Int64
    ) throws(SignInFailure) -> Identity {
        let (subject, claims) = try profile(grant, deadline)
        guard subject.utf8.elementsEqual(identity.subject.utf8) else {
            throw .invalidResponse("the profile is of another person than at the sign-in")
        }
        return try provider.mapping.identity(claims, provider: provider, subject: subject)
    }

    /// Asks about a person of whom there is nothing to refresh: what they may can change all the same. A token that
    /// the provider does not take any more ends the session.
    private func recheck(_ grant: Grant, of identity: Identity, _ deadline: Int64) -> RefreshOutcome {
        do throws(SignInFailure) {
            var asked = grant
            asked.scopes = identity.claims.members["scope"]?.string?.split(separator: " ").map(String.init)
            let identity = try person(identity, asked, asked.withoutIDToken, try published(deadline), deadline)
            return .renewed(grant.due(for: provider, at: clock.now()), identity)
        } catch {
            return switch error {
            case .tokenRefused(let reason): .ended(reason: "the access token is not taken any more: \(reason)")
            case .identityRefused, .invalidToken: .ended(reason: "\(error)")
            default: .failed(reason: "\(error)")
            }
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
}

extension Claims {
    /// These claims, with what only an ID token of a sign-in need say (OpenID Connect Core 1.0, section 12.2).
    fileprivate func keepingSignIn(of old: Claims) -> Claims {
        var members = members
        for name in Self.ofSignIn where members[name] == nil { members[name] = old.members[name] }
        return Claims(members)
    }

    /// These claims, without what tells how somebody signed in.
    var withoutSignIn: Claims {
        Claims(members.filter { !Self.ofSignIn.contains($0.key) })
    }

    private static let ofSignIn = ["auth_time", "acr", "amr", "sid"]
}

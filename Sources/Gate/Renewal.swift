internal import Identity
internal import JOSE
internal import OpenIDConnect
internal import Sessions
internal import Values

/// Asking the provider for new tokens: ahead of need in the background, or because a check cannot do without.
extension Gate {
    /// Starts a refresh that nobody waits for. A full errand lane is no harm: the next check tries again.
    func refreshInBackground(_ session: LiveSession) {
        sessions.startRefresh(of: session) { refreshed($0) }
    }

    /// The session after a refresh: one flight for all who ask, in this process and others.
    func renew(_ session: LiveSession) -> Finding {
        refreshInBackground(session)
        return sessions.awaitRefresh(of: session, patience: settings.patience)
    }

    /// One exchange with the provider.
    private func refreshed(_ session: Session) -> RenewalOutcome {
        guard let relyingParty = providers[session.identity.provider] else { return .ended }
        let outcome = relyingParty.refresh(session.grant, of: session.identity, deadline: deadline())
        log(.refresh(user: session.identity.username, outcome))
        return switch outcome {
        case .renewed(let grant, let identity):
            .renewed(session.renewed(with: grant, identity: identity, at: clock.now()))
        case .ended: .ended
        case .failed, .refused: .failed
        }
    }

    /// The moment at which an errand that starts now stops waiting for the provider.
    func deadline() -> Int64 {
        clock.uptime() + settings.providerTimeout
    }
}

extension Session {
    var grant: Grant {
        var grant = Grant(
            accessToken: accessToken, refreshToken: refreshToken, idToken: idToken, expires: accessExpires,
            recheck: recheck)
        grant.proofKey = proofKey.flatMap { PrivateKey(scalar: $0) }
        return grant
    }

    /// This session with what the provider gave now; a token that it did not give again is kept.
    func renewed(with grant: Grant, identity: Identity, at now: Timestamp) -> Session {
        var session = self
        session.identity = identity
        session.accessToken = grant.accessToken
        session.refreshToken = grant.refreshToken ?? refreshToken
        session.idToken = grant.idToken ?? idToken
        session.accessExpires = grant.expires
        session.recheck = grant.recheck
        session.obtained = now
        return session
    }
}

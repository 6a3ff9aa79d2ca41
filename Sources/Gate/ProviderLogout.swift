internal import HTTPTypes
internal import Identity
internal import OpenIDConnect
internal import Sessions
internal import Values
internal import Web

/// A provider says that somebody signed out there: by itself (OpenID Connect Back-Channel Logout 1.0), or by way of a
/// frame in the browser (Front-Channel Logout 1.0).
extension Gate {
    func backchannelLogout(_ request: Request) -> Answer {
        guard request[.requestMethod]?.isEqual(to: "POST") == true else {
            return .now(Response(.methodNotAllowed, fields: [Field(.allow, "POST")]))
        }
        guard request[.contentLength]?.decimal == Int64(request.body.count), let form = Query(request.body),
            let token = form.only("logout_token").flatMap({ String(validating: $0, as: UTF8.self) })
        else { return .now(refuseLogout("logout_token is missing")) }
        guard token.utf8.count <= Self.longestToken else { return .now(refuseLogout("logout_token is too long")) }
        return .later { [self] in
            logouts.doing { endAll(token) } ?? Response(.serviceUnavailable, fields: [Field(.retryAfter, "1")])
        }
    }

    private static var longestToken: Int { 16 * 1024 }

    /// Several clients of one provider have the same issuer, and the token names one of them; several providers of ours may
    /// be the same client, and the token is about the sessions of each.
    private func endAll(_ token: String) -> Response {
        let issuer = RelyingParty.issuer(asSaidBy: token)
        let issuers = providers.relyingParties.filter { $0.isIssuer(issuer) }
        guard !issuers.isEmpty else { return refuseLogout("it names no issuer of ours") }
        var refusal = SignInFailure.invalidToken("")
        var trouble: String?
        var answers: [Response] = []
        for relyingParty in issuers {
            do throws(SignInFailure) {
                let logout = try relyingParty.logout(token, deadline: deadline())
                answers.append(end(logout, relyingParty.provider.name))
            } catch {
                if case .providerUnavailable(let reason) = error { trouble = reason } else { refusal = error }
            }
        }
        if let failed = answers.first(where: { $0.status != .ok }) ?? answers.first { return failed }
        if let trouble {
            log(.cannotTell("a logout token could not be verified: \(trouble)"))
            return Response(.serviceUnavailable, fields: [Field(.retryAfter, "5")])
        }
        return refuseLogout("\(refusal)")
    }

    private func end(_ logout: LogoutToken, _ provider: String) -> Response {
        do throws(StoreFailure) {
            let target =
                logout.session.map { LogoutTarget.session($0, of: logout.subject) } ?? .subject(logout.subject ?? "")
            let token = (name: logout.identifier, until: clock.now().adding(Self.longestReplay))
            guard let count = try sessions.end(target, provider: provider, using: token) else {
                return refuseLogout("its jti came before")
            }
            log(.signedOutByProvider(provider, count: count))
            return Response(.ok)
        } catch {
            log(.cannotTell("\(error)"))
            return Response(.serviceUnavailable, fields: [Field(.retryAfter, "5")])
        }
    }

    /// Seconds that a token can come again: it is refused by its own times after that.
    private static var longestReplay: Int64 { 25 * 3600 }

    private func refuseLogout(_ reason: String) -> Response {
        log(.logoutRefused(reason))
        return .json(.badRequest, .object(["error": .string("invalid_request")]))
    }
}

extension Gate {
    /// The cookie does not come along in a foreign frame, so the session is found by what the provider calls it. Where
    /// it does come along, its session ends, too, if the provider has no name for it.
    func frontchannelLogout(_ request: Request) -> Answer {
        guard request[.requestMethod]?.isEqual(to: "GET") == true else {
            return .now(Response(.methodNotAllowed, fields: [Field(.allow, "GET")]))
        }
        let query = request[.queryString].flatMap { Query($0) }
        guard let issuer = query?.only("iss"), let sid = query?.only("sid"), !sid.isEmpty, sid.count <= 512,
            let session = String(validating: sid, as: UTF8.self), !sid.contains(0)
        else { return .now(refuseLogout("iss or sid is missing")) }
        let issuers = providers.relyingParties.filter { $0.provider.issuer.utf8.elementsEqual(issuer) }
        guard let first = issuers.first else { return .now(refuseLogout("it names no issuer of ours")) }
        // A link elsewhere brings the cookie along, too, and must not sign anybody out.
        let isNear =
            request[.secFetchSite].map { $0.isEqual(to: "same-site") || $0.isEqual(to: "same-origin") } ?? false
        let tickets = isNear ? tickets(of: request) : []
        return .later { end(session, issuers, tickets, framedBy: first.provider.issuerURL.origin) }
    }

    private func end(
        _ sid: String, _ issuers: [RelyingParty], _ tickets: ArraySlice<ArraySlice<UInt8>>, framedBy origin: String
    ) -> Response {
        do throws(StoreFailure) {
            for name in issuers.map(\.provider.name) {
                let count = try sessions.end(.session(sid, of: nil), provider: name)
                log(.signedOutByProvider(name, count: count ?? 0))
            }
            for ticket in tickets where isNameless(ticket, of: issuers) { _ = try sessions.end(cookie: ticket) }
            var fields = [Field(.contentType, "text/html; charset=utf-8"), Field(.xContentTypeOptions, "nosniff")]
            let policy = "default-src 'none'; frame-ancestors \(origin)"
            if let field = Field(.contentSecurityPolicy, policy.utf8) { fields.append(field) }
            return Response(.ok, fields: fields, body: Array("<!doctype html><title>-</title>\n".utf8))
        } catch {
            log(.cannotTell("\(error)"))
            return Response(.serviceUnavailable, fields: [Field(.retryAfter, "5")])
        }
    }
}

extension Gate {
    /// Whether the session of the ticket is one of these providers', which gave it no `sid`.
    private func isNameless(_ ticket: ArraySlice<UInt8>, of issuers: [RelyingParty]) -> Bool {
        switch sessions.find(cookie: ticket) {
        case .live(let session), .due(let session), .expired(let session):
            session.identity.claims.members["sid"] == nil
                && issuers.contains { $0.provider.name == session.identity.provider }
        case .none, .storeFailed: false
        }
    }

    /// `jwks.json`: the public halves of the keys that we sign with (RFC 7517, section 5).
    func publishedKeys(_ request: Request) -> Response {
        guard request.method.map({ $0.isEqual(to: "GET") || $0.isEqual(to: "HEAD") }) ?? false else {
            return Response(.methodNotAllowed, fields: [Field(.allow, "GET, HEAD")])
        }
        var keys: [JSONValue] = []
        let own = settings.identity.assertions?.publishedKeys ?? []
        for key in own + providers.relyingParties.compactMap(\.publicKey) where !keys.contains(key) { keys.append(key) }
        var response = Response.json(.ok, .object(["keys": .array(keys)]))
        // Whoever keeps the keys so long has a new one before it signs: the configuration warns of a shorter key_delay.
        response.fields.append(Field(.cacheControl, "public, max-age=300"))
        return response
    }
}

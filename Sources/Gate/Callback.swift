internal import HTTPTypes
internal import JOSE
internal import OpenIDConnect
internal import Policy
internal import Sessions
internal import Values
internal import Web

/// `callback`: the way back from the provider (OpenID Connect Core 1.0, section 3.1.2.5).
extension Gate {
    func callback(_ request: Request) -> Answer {
        let isPost = request[.requestMethod]?.isEqual(to: "POST") == true
        guard isPost && providers.post || request[.requestMethod]?.isEqual(to: "GET") == true else {
            return .now(Response(.methodNotAllowed, fields: [Field(.allow, "GET")]))
        }
        guard let query = isPost ? form(of: request) : Query(request[.queryString] ?? []),
            let state = query.only("state")
        else { return .now(refuseCallback(request, "state is missing, or the query cannot be read")) }
        guard let pending = self.pending.open(state: state, in: request, now: clock.now()) else {
            return .now(refuseCallback(request, "this browser began no sign-in of this state, or too long ago"))
        }
        guard !isPost || providers[pending.provider]?.provider.responseMode == .formPost else {
            return .now(Response(.methodNotAllowed, fields: [Field(.allow, "GET")]))
        }
        return .later { finish(query, pending, request) }
    }

    /// A form that came whole (OAuth 2.0 Form Post Response Mode); its parameters never stand in the address.
    private func form(of request: Request) -> Query? {
        guard request[.contentLength]?.decimal == Int64(request.body.count), (request[.queryString] ?? []).isEmpty
        else { return nil }
        return Query(request.body)
    }

    private func finish(_ query: Query, _ pending: PendingSignIn, _ request: Request) -> Response {
        let target = ReturnURL(pending.returnURL.utf8, allowed: settings.returnTargets) ?? .home
        do throws(SignInFailure) {
            guard try isFirstUse(of: pending) else { return refuseCallback(request, "this state was used before") }
            guard let relyingParty = providers[pending.provider] else {
                return refuseCallback(request, "the provider of this sign-in is not configured any more")
            }
            let signedIn = try relyingParty.finish(
                query.texts, pending: pending, strength: demand(for: target, request).strength, deadline: deadline())
            return try welcome(signedIn, pending, request, target)
        } catch {
            log(.signInFailed(request, reason: "\(error)"))
            var page = failurePage(error, for: request, returningTo: target)
            page.cookies.append(self.pending.removal(of: pending.state))
            return page
        }
    }

    private func isFirstUse(of pending: PendingSignIn) throws(SignInFailure) -> Bool {
        do throws(StoreFailure) {
            return try sessions.spend(state: pending.state, until: pending.created.adding(settings.signInLifetime + 60))
        } catch {
            throw .providerUnavailable("\(error)")
        }
    }

    private func welcome(
        _ signedIn: SignedIn, _ pending: PendingSignIn, _ request: Request, _ target: ReturnURL
    ) throws(SignInFailure) -> Response {
        let now = clock.now()
        var session = Session(
            identity: signedIn.identity, accessToken: signedIn.grant.accessToken,
            refreshToken: signedIn.grant.refreshToken, idToken: signedIn.grant.idToken,
            accessExpires: signedIn.grant.expires, created: now, expires: now.adding(settings.lifetime))
        session.recheck = signedIn.grant.recheck
        session.proofKey = signedIn.grant.proofKey?.scalar
        // The session that came along, whoever put it there, ends with this sign-in.
        let former = pending.formerTicket.isEmpty ? [] : [pending.formerTicket[...]]
        let ticket = try open(session, replacing: tickets(of: request) + former)
        log(.signedIn(request, signedIn.identity))
        let attempts = Attempts(in: request, cookies: settings.cookies, now: now)
        let cookies = [
            SetCookie(
                name: settings.cookies.name, value: ticket, scope: settings.cookies.scope, maxAge: settings.lifetime),
            self.pending.removal(of: pending.state), attempts.completed,
        ]
        // Browsers keep the fragment of an address on the way to one that has none (RFC 9110, section 10.2.2).
        let isAppended = providers[pending.provider]?.provider.oddities.contains(.fragmentAppended) ?? false
        // 303: what was posted to us is not posted on.
        var response = redirect(to: target.text + (isAppended ? "#" : ""), cookies: cookies + clearedCookies)
        if request[.requestMethod]?.isEqual(to: "POST") == true { response.status = .seeOther }
        return response
    }

    private func open(
        _ session: Session, replacing old: ArraySlice<ArraySlice<UInt8>>
    ) throws(SignInFailure) -> String {
        do throws(StoreFailure) {
            return try sessions.open(session, replacing: old)
        } catch {
            throw .providerUnavailable("\(error)")
        }
    }

    /// Removes the application's own cookies, so that nobody is shown as the person before.
    var clearedCookies: [SetCookie] {
        settings.cookies.cleared.map {
            .expiring(name: $0, scope: SetCookie.Scope(isSecure: settings.cookies.scope.isSecure))
        }
    }

    private func refuseCallback(_ request: Request, _ reason: String) -> Response {
        log(.signInFailed(request, reason: reason))
        return page(.badRequest, .signInLost, for: request, link: retry(.home))
    }
}

extension Query {
    /// The parameters as text; bytes that are no UTF-8 are of no use to a provider's answer.
    fileprivate var texts: [(name: String, value: String)] {
        pairs.compactMap { pair in
            guard let name = String(validating: pair.name, as: UTF8.self),
                let value = String(validating: pair.value, as: UTF8.self)
            else { return nil }
            return (name, value)
        }
    }
}

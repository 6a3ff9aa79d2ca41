internal import HTTPTypes
internal import Identity
internal import OpenIDConnect
internal import Sessions
internal import Values
internal import Web

/// `sign_out`: ends the session here and, where the provider offers it, there (OpenID Connect RP-Initiated Logout
/// 1.0). The provider sends the browser back to this same address, then without a session.
extension Gate {
    func signOut(_ request: Request) -> Answer {
        guard !request.isAmbiguous, let method = request[.requestMethod] else {
            return .now(Response(.internalServerError))
        }
        if method.isEqual(to: "POST") { return confirmedSignOut(request) }
        guard method.isEqual(to: "GET") || method.isEqual(to: "HEAD") else {
            return .now(Response(.methodNotAllowed, fields: [Field(.allow, "GET, HEAD, POST")]))
        }
        guard let ticket = tickets(of: request).first else { return .now(signedOut(request)) }
        guard isMeant(request) else { return .now(confirmation(for: ticket, request)) }
        let target = target(named: "rd", in: request)
        return .later { endAll(request, returningTo: target) }
    }

    /// The form of our own page, sent by the person who saw it.
    private func confirmedSignOut(_ request: Request) -> Answer {
        let length = request[.contentLength]?.decimal
        guard length == Int64(request.body.count), let form = Query(request.body) else {
            return .now(page(.badRequest, .badForm, for: request))
        }
        guard let ticket = tickets(of: request).first else { return .now(signedOut(request)) }
        guard let proof = form.only("proof"), proves(proof, ticket) else {
            return .now(confirmation(for: ticket, request))
        }
        let target = form.only("rd").flatMap { ReturnURL($0, allowed: settings.returnTargets) } ?? .home
        return .later { endAll(request, returningTo: target) }
    }

    private func endAll(_ request: Request, returningTo target: ReturnURL) -> Response {
        do throws(StoreFailure) {
            var ended: [Session] = []
            for ticket in tickets(of: request) {
                if let session = try sessions.end(cookie: ticket) { ended.append(session) }
            }
            let session = ended.first
            log(.signedOut(request, session?.identity))
            for session in ended { revoke(session) }
            let location = session.flatMap { endSessionURL($0, target) }
            let cookies = [removal] + clearedCookies
            // Home is protected, and the provider would sign the same person in again at once.
            let here = target == .home ? settings.path(of: .signOut) : target.text
            return redirect(to: location ?? here, cookies: cookies)
        } catch {
            log(.cannotTell("\(error)"))
            return page(.serviceUnavailable, .notNow, for: request, link: retrySignOut)
        }
    }

    private func revoke(_ session: Session) {
        guard let relyingParty = providers[session.identity.provider] else { return }
        let timeout = settings.providerTimeout
        sessions.inBackground { [clock] in
            relyingParty.revoke(session.grant, deadline: clock.uptime() + timeout)
        }
    }

    private func endSessionURL(_ session: Session, _ target: ReturnURL) -> String? {
        let state = target == .home ? nil : Base64URL.encode(target.text.utf8)
        return providers[session.identity.provider]?.endSessionURL(
            idToken: session.idToken, postLogoutRedirectURI: settings.address(of: .signOut), state: state,
            deadline: deadline())
    }

    /// Removes the session's cookie: same name, path, domain and prefix, or the browser keeps it.
    private var removal: SetCookie {
        .expiring(name: settings.cookies.name, scope: settings.cookies.scope)
    }

    /// Nobody is signed in (any more). `state` is where to go on: it comes back from the provider as we sent it, and
    /// is checked like any other return URL.
    private func signedOut(_ request: Request) -> Response {
        let query = request[.queryString].flatMap { Query($0) }
        let returned = query?.only("state").flatMap { Base64URL.decode($0) }
        let target =
            returned.flatMap { ReturnURL($0, allowed: settings.returnTargets) } ?? target(named: "rd", in: request)
        guard target == .home else { return redirect(to: target.text) }
        return page(.ok, .signedOut, for: request, link: Page.Link(.signInAgain, to: settings.path(of: .start)))
    }

    /// Whether the visitor asked for it here, and not some other site's link, image or form in their name.
    private func isMeant(_ request: Request) -> Bool {
        if let mode = request[.secFetchMode], !mode.isEqual(to: "navigate") { return false }
        if let site = request[.secFetchSite] { return site.isEqual(to: "same-origin") || site.isEqual(to: "none") }
        guard let source = request[.origin] ?? request[.referer] else { return true }
        let origin = Array(settings.publicURL.origin.utf8)
        return source.starts(with: origin) && [nil, UInt8(ascii: "/")].contains(source.dropFirst(origin.count).first)
    }

    private func confirmation(for ticket: ArraySlice<UInt8>, _ request: Request) -> Response {
        let form = Page.Form(
            action: settings.path(of: .signOut), button: .signOut,
            fields: [("proof", proof(of: ticket)), ("rd", target(named: "rd", in: request).text)])
        return page(.ok, .confirmSignOut, for: request, form: form)
    }

    private func proof(of ticket: ArraySlice<UInt8>) -> String {
        Base64URL.encode(keys.authenticator(of: ticket, purpose: .signOut))
    }

    private func proves(_ proof: [UInt8], _ ticket: ArraySlice<UInt8>) -> Bool {
        guard let code = Base64URL.decode(proof) else { return false }
        return keys.isAuthentic(code, for: ticket, purpose: .signOut)
    }

    private var retrySignOut: Page.Link { Page.Link(.tryAgain, to: settings.path(of: .signOut)) }
}

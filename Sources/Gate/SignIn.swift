internal import HTTPTypes
internal import OpenIDConnect
internal import Policy
internal import Values
internal import Web

/// `start`: sends a person to the provider, and tells a program that it has to sign in.
extension Gate {
    func start(_ request: Request) -> Answer {
        guard !request.isAmbiguous, let uri = request[.requestURI] else {
            return .now(Response(.internalServerError))
        }
        guard !isOwnAddress(uri, request) else { return signIn(request) }
        // In place of a 401. Some web servers make one of a 403 or 503, too (mod_fcgid), and then a sign-in would not
        // help: so what the check says is found out again.
        return check(request, isAsked: false).then { checked in
            guard checked.status.kind != .successful else { return signIn(request) }
            // What the check itself told a program, the web server hands on already.
            var refusal = checked
            refusal.fields.removeAll { $0.name == .wwwAuthenticate }
            return page(insteadOf: refusal, request)
        }
    }

    /// The check where a web server hands our answer on as it is (lighttpd): a refusal is the page for it. What
    /// passed is marked, so that the web server's own rules can tell the time before the check from that after it.
    func checkWithPages(_ request: Request) -> Answer {
        check(request).then { checked in
            guard checked.status.kind == .successful else { return page(insteadOf: checked, request) }
            var passed = checked
            passed.fields.append(Field(.passed, "passed"))
            return .now(passed)
        }
    }

    private func page(insteadOf refusal: Response, _ request: Request) -> Answer {
        switch refusal.status {
        case .unauthorized: signIn(request, insteadOf: refusal)
        case .forbidden: denied(request)
        case .serviceUnavailable: .now(notNow(request))
        default: .now(refusal)
        }
    }

    private func signIn(_ request: Request, insteadOf refusal: Response? = nil) -> Answer {
        guard let method = request.method, let wanted = request[.requestURI] else {
            return .now(Response(.internalServerError))
        }
        guard case .person = Visitor(of: request), isSafe(method) || isNavigation(request) else {
            var answer = Response.text(.unauthorized, "sign-in needed\n")
            let challenge = providers.takeAccessTokens ? [Challenge.missing.field].compactMap(\.self) : []
            answer.fields += refusal?.fields.filter { $0.name == .wwwAuthenticate } ?? challenge
            return .now(answer)
        }
        let target = returnURL(of: request)
        let attempts = Attempts(in: request, cookies: settings.cookies, now: clock.now())
        guard !attempts.isLoop(for: wanted) else { return .now(loopPage(attempts, for: request, returningTo: target)) }
        if let elsewhere = signInElsewhere(request, returningTo: target) { return .now(elsewhere) }
        switch choice(for: target, request) {
        case .nobody: return .now(page(.forbidden, .noProvider, for: request))
        case .visitor: return .now(redirect(to: chooser(returningTo: target)))
        case .made(let relyingParty):
            return .later { begin(relyingParty, request, returningTo: target, attempts.begun(for: wanted)) }
        }
    }

    private func begin(
        _ relyingParty: RelyingParty, _ request: Request, returningTo target: ReturnURL, _ attempt: SetCookie
    ) -> Response {
        do throws(SignInFailure) {
            var (location, pending) = try relyingParty.begin(
                returnURL: target.text, strength: demand(for: target, request).strength, deadline: deadline())
            let isPosted = relyingParty.provider.responseMode == .formPost
            if isPosted { pending.formerTicket = tickets(of: request).first.map(Array.init) ?? [] }
            let attempt = isPosted ? attempt.forAllSites : attempt
            let cookies = self.pending.cookies(for: pending, isPosted: isPosted, in: request) + [attempt]
            return redirect(to: location, cookies: cookies)
        } catch {
            log(.signInFailed(request, reason: "\(error)"))
            return failurePage(error, for: request, returningTo: target)
        }
    }

    private func isSafe(_ method: ArraySlice<UInt8>) -> Bool {
        method.isEqual(to: "GET") || method.isEqual(to: "HEAD")
    }

    private func isNavigation(_ request: Request) -> Bool {
        request[.secFetchMode]?.isEqual(to: "navigate") == true
    }

    /// Where to return to: what `rd` says when our own address was asked for; the original request when the web
    /// server sent us here in its place. What is not allowed becomes the home page.
    func returnURL(of request: Request) -> ReturnURL {
        guard let uri = request[.requestURI], let method = request.method else { return .home }
        if isOwnAddress(uri, request) { return target(named: "rd", in: request) }
        return isSafe(method) ? ReturnURL(uri, allowed: settings.returnTargets) ?? .home : .home
    }

    /// Whether the browser asked for the location that we are.
    func isOwnAddress(_ uri: ArraySlice<UInt8>, _ request: Request) -> Bool {
        guard !request.isAuthorizer else { return false }
        guard let location = request[.scriptName] ?? request[.documentURI] else { return true }
        let rest = location.count > settings.prefix.utf8.count ? [] : request[.pathInfo] ?? []
        guard uri.span.begins(with: location.span) else { return false }
        return uri.dropFirst(location.count).prefix { $0 != UInt8(ascii: "?") }.elementsEqual(rest)
    }

    /// The return URL that a query parameter names. One whose own `?` stands there unescaped reaches to the end:
    /// web servers' configurations paste the original address as it is.
    func target(named name: StaticString, in request: Request) -> ReturnURL {
        guard let query = request[.queryString] else { return .home }
        let prefix = Array("\(name)=".utf8)
        if query.starts(with: prefix), let mark = query.firstIndex(of: UInt8(ascii: "?")),
            query[..<mark].allSatisfy({ $0 != UInt8(ascii: "&") })
        {
            return ReturnURL(query.dropFirst(prefix.count), allowed: settings.returnTargets) ?? .home
        }
        guard let value = Query(query)?.only(name) else { return .home }
        return ReturnURL(value, allowed: settings.returnTargets) ?? .home
    }

    /// Sends the browser elsewhere.
    func redirect(to location: String, cookies: [SetCookie] = []) -> Response {
        guard let field = Field(.location, location.utf8) else { return Response(.internalServerError) }
        return Response(.found, fields: [field, Field(.referrerPolicy, "no-referrer")], cookies: cookies)
    }
}

extension HTTPField.Name {
    static let passed = HTTPField.Name("Variable-POSTERN")!
    static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
}

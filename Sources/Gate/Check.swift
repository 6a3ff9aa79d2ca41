internal import HTTPTypes
internal import Identity
internal import Policy
internal import Sessions
internal import Values
internal import Web

/// The check: may this request pass? Asked on every request; answered from memory or one local lookup.
extension Gate {
    /// `isAsked`: whether the location of the check asks, whose query may demand groups; else the query is the client's.
    func check(_ request: Request, isAsked: Bool = true) -> Answer {
        guard !request.isAmbiguous else { return .now(misconfigured("one parameter came with two values")) }
        guard let method = request.method, !method.isEmpty, let uri = request[.requestURI] else {
            return .now(misconfigured("REQUEST_METHOD or REQUEST_URI is missing"))
        }
        guard let demand = isAsked ? GroupDemand(of: request) : .nothing else {
            return .now(misconfigured("the location's query cannot be read: it knows allowed_groups only"))
        }
        guard let path = ResourcePath(requestURI: uri) else {
            log(.refused(request, user: nil, reason: "the path has more than one meaning"))
            return .now(Response(.forbidden))
        }
        let resource = Resource(
            host: policy.asksForHost ? request[.serverName] ?? [] : [], path: path, method: method,
            address: policy.asksForAddress ? clientAddress(of: request) : nil)
        return decide(
            Question(resource: resource, demand: demand), session(of: request), request)
    }

    /// What is to be decided, whoever asks. It is copied for an errand only: a copy costs more than a rule.
    private struct Question: ~Copyable {
        let resource: Resource
        let demand: GroupDemand

        var forErrand: @Sendable () -> Question {
            { [resource, demand] in Question(resource: resource, demand: demand) }
        }
    }

    private func decision(_ question: borrowing Question, for identity: Identity?) -> Decision {
        let now = policy.asksForTime ? clock.now() : .distantFuture
        return question.demand.narrow(policy.decide(on: question.resource, for: identity, at: now), for: identity)
    }

    /// Who is connected; behind a trusted proxy the last address in `X-Forwarded-For` that is not such a proxy's; nil where
    /// that cannot be told.
    func clientAddress(of request: Request) -> IPAddress? {
        let peer = request[.remoteAddress].flatMap { IPAddress($0) }
        guard !settings.trustedProxies.isEmpty, let peer, isTrusted(peer), let said = request[.forwardedFor] else {
            return peer
        }
        guard !request.isForwardingAmbiguous else { return nil }
        for part in said.split(separator: UInt8(ascii: ",")).reversed() {
            guard let address = IPAddress(part.trimmed) else { return nil }
            if !isTrusted(address) { return address }
        }
        return peer
    }

    private func isTrusted(_ address: IPAddress) -> Bool {
        settings.trustedProxies.contains { $0.contains(address) }
    }

    /// The session of the first cookie of our name that opens one.
    func session(of request: Request) -> Finding {
        guard let cookies = request[.cookie] else { return .none }
        var found = Finding.none
        var count = 0
        CookieString(cookies).eachValue(named: settings.cookies.nameBytes) { value in
            count += 1
            guard case .none = found, count <= Self.mostCookies else { return }
            found = accepted(sessions.find(cookie: value), request)
        }
        return found
    }

    /// A session that another provider made than those of this host is none here.
    private func accepted(_ finding: Finding, _ request: Request) -> Finding {
        switch finding {
        case .live(let session), .due(let session), .expired(let session):
            providers.accepts(session.identity, on: request[.serverName] ?? []) ? finding : .none
        case .none, .storeFailed: finding
        }
    }

    /// The values of the cookies of our name: one, unless somebody else set another for a domain or path of ours.
    func tickets(of request: Request) -> ArraySlice<ArraySlice<UInt8>> {
        guard let cookies = request[.cookie] else { return [] }
        return CookieString(cookies).values(named: settings.cookies.nameBytes).prefix(Self.mostCookies)
    }

    private static var mostCookies: Int { 4 }

    private func decide(_ question: borrowing Question, _ finding: Finding, _ request: Request) -> Answer {
        switch finding {
        case .none:
            return decideWithoutSession(question, request)
        case .live(let session):
            return .now(respond(to: question, session: session, request))
        case .due(let session):
            refreshInBackground(session)
            return .now(respond(to: question, session: session, request))
        case .expired(let session):
            if let open = withoutSession(question, request) { return .now(open) }
            let again = question.forErrand
            return .later { decideAfterRefresh(of: session, again(), request) }
        case .storeFailed(let reason):
            if let open = withoutSession(question, request) { return .now(open) }
            return .now(cannotTell(reason))
        }
    }

    /// By the access token, if there is one.
    private func decideWithoutSession(_ question: borrowing Question, _ request: Request) -> Answer {
        guard let token = accessToken(of: request), withoutSession(question, request) == nil else {
            return .now(respond(to: question, session: nil, request))
        }
        let again = question.forErrand
        return withBearer(token, on: request[.serverName] ?? []) { finding in
            switch finding {
            case .known(let session): respond(to: again(), session.identity, fields(of: session), request)
            case .refused: challenge(.invalid)
            case .lacking: Response(.forbidden)
            case .unknown(let reason): cannotTell(reason)
            }
        }
    }

    private func respond(
        to question: borrowing Question, _ identity: Identity, _ fields: IdentityFields, _ request: Request
    ) -> Response {
        switch decision(question, for: identity) {
        case .allowPublic: return Response(allowStatus(request))
        case .allow:
            let block = request.isAuthorizer ? fields.authorizer : fields.responder
            return allow(identity, block, reuse: [], request)
        case .signIn(let rule):
            // A token of another provider than the rule wants is no weak one.
            let strength = policy.demand(ofRule: rule).strength
            return strength == .any ? Response(.forbidden) : challenge(.tooWeak(strength))
        case .deny(let reason):
            log(.refused(request, user: identity.username, reason: "\(reason)"))
            return Response(.forbidden)
        }
    }

    /// A 401 that tells a program what to bring.
    private func challenge(_ challenge: Challenge) -> Response {
        Response(.unauthorized, fields: [challenge.field].compactMap(\.self))
    }

    /// The answer for a resource that needs no session at all.
    private func withoutSession(_ question: borrowing Question, _ request: Request) -> Response? {
        guard case .allowPublic = decision(question, for: nil) else { return nil }
        return respond(to: question, session: nil, request)
    }

    private func decideAfterRefresh(of session: LiveSession, _ question: borrowing Question, _ request: Request)
        -> Response
    {
        switch renew(session) {
        case .none: respond(to: question, session: nil, request)
        case .live(let session), .due(let session): respond(to: question, session: session, request)
        case .expired:
            cannotTell("the provider does not answer and the session may not be used without it")
        case .storeFailed(let reason):
            cannotTell(reason)
        }
    }

    private func respond(to question: borrowing Question, session: LiveSession?, _ request: Request) -> Response {
        switch decision(question, for: session?.identity) {
        case .allowPublic:
            return Response(allowStatus(request))
        case .allow:
            guard let session else { return Response(.unauthorized) }
            let fields = fields(of: session)
            let block = request.isAuthorizer ? fields.authorizer : fields.responder
            return allow(session.identity, block, reuse: reuse(of: session, request), request)
        case .signIn(let rule):
            guard providers.takeAccessTokens else { return Response(.unauthorized) }
            let strength = policy.demand(ofRule: rule).strength
            return challenge(session == nil || strength == .any ? .missing : .tooWeak(strength))
        case .deny(let reason):
            log(.refused(request, user: session?.identity.username, reason: "\(reason)"))
            return Response(.forbidden)
        }
    }
}

extension Request {
    /// Whether the web server hands on what the check says, so that it should be fit for people.
    var wantsPages: Bool { role == .authorizer && self[.pages]?.isEqual(to: "on") == true }
}

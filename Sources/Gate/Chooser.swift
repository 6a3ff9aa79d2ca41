internal import HTTPTypes
internal import OpenIDConnect
internal import Policy
internal import Values
internal import Web

/// Which provider somebody signs in with: the one that the rule or the host names, or the one that they choose.
extension Gate {
    enum Choice {
        /// No provider counts there.
        case nobody
        case made(RelyingParty)
        /// Several do, and the visitor has not said which.
        case visitor
    }

    /// Who chooses for a visitor that wants to go there.
    func choice(for target: ReturnURL, _ request: Request) -> Choice {
        let offered = offered(for: target, request)
        if let name = request.chosenProvider, let chosen = offered.first(where: { $0.provider.name == name }) {
            return .made(chosen)
        }
        guard let first = offered.first else { return .nobody }
        return offered.count == 1 ? .made(first) : .visitor
    }

    private func offered(for target: ReturnURL, _ request: Request) -> [RelyingParty] {
        providers.offered(on: host(of: target, request)[...], for: demand(for: target, request))
    }

    /// What the rule of that address demands of a sign-in.
    func demand(for target: ReturnURL, _ request: Request) -> SignInDemand {
        // In place of a page it is the request itself that was refused; its method need not be GET.
        var (uri, method) = (target.pathAndQuery, Array("GET".utf8)[...])
        if let own = request[.requestURI], let said = request.method, !isOwnAddress(own, request) {
            (uri, method) = (own, said)
        }
        guard let path = ResourcePath(requestURI: uri) else { return .none }
        let resource = Resource(
            host: host(of: target, request)[...], path: path, method: method,
            address: policy.asksForAddress ? clientAddress(of: request) : nil)
        guard case .signIn(let rule) = policy.decide(on: resource, for: nil) else { return .none }
        return policy.demand(ofRule: rule)
    }

    private func host(of target: ReturnURL, _ request: Request) -> [UInt8] {
        target.host ?? Array(request[.serverName] ?? [])
    }

    // MARK: The page

    /// `sign_in`: the page where a visitor chooses; straight on where there is nothing to choose.
    func choose(_ request: Request) -> Answer {
        guard !request.isAmbiguous, let uri = request[.requestURI], isOwnAddress(uri, request),
            case .person = Visitor(of: request)
        else { return start(request) }
        let target = target(named: "rd", in: request)
        guard case .visitor = choice(for: target, request) else { return start(request) }
        let choices = offered(for: target, request).map { relyingParty in
            let query = Query.encode([("provider", relyingParty.provider.name), ("rd", target.text)])
            return (label: relyingParty.provider.title, address: "\(settings.path(of: .start))?\(query)")
        }
        return .now(page(.ok, .chooseProvider, for: request, choices: choices))
    }

    func chooser(returningTo target: ReturnURL) -> String {
        "\(settings.path(of: .signIn))?\(Query.encode([("rd", target.text)]))"
    }
}

extension Request {
    /// The provider that the visitor chose on our page.
    var chosenProvider: String? {
        guard let name = self[.queryString].flatMap({ Query($0) })?.only("provider") else { return nil }
        return String(validating: name, as: UTF8.self)
    }
}

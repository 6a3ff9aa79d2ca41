internal import HTTPTypes
internal import OpenIDConnect
internal import Sessions
internal import Web

/// The one place where a failed sign-in becomes a page.
extension Gate {
    func failurePage(_ failure: SignInFailure, for request: Request, returningTo target: ReturnURL) -> Response {
        let (status, message): (HTTPResponse.Status, Message) =
            switch failure {
            case .providerUnavailable: (.serviceUnavailable, .providerSilent)
            case .denied: (.forbidden, .signInDenied)
            case .invalidResponse, .invalidToken, .tokenRefused: (.badRequest, .signInRefused)
            case .identityRefused: (.forbidden, .signInRefused)
            case .tooWeak: (.forbidden, .signInTooWeak)
            }
        var page = page(status, message, for: request, link: retry(target))
        if status == .serviceUnavailable { page.fields.append(Field(.retryAfter, "5")) }
        return page
    }

    /// We cannot tell who it is, and it is not their fault.
    func notNow(_ request: Request) -> Response {
        guard case .person = Visitor(of: request) else { return .text(.serviceUnavailable, "try again\n") }
        return page(.serviceUnavailable, .notNow, for: request)
    }

    /// Says why the visitor goes round and round, instead of sending them round once more.
    func loopPage(_ attempts: Attempts, for request: Request, returningTo target: ReturnURL) -> Response {
        log(.signInFailed(request, reason: "a loop: signed in again and again within seconds"))
        var page = page(.conflict, loopReason(request), for: request, link: retry(target))
        page.cookies.append(attempts.removal)
        return page
    }

    private func loopReason(_ request: Request) -> Message {
        let cookies = request[.cookie].map { CookieString($0).values(named: settings.cookies.nameBytes) } ?? []
        guard !cookies.isEmpty else { return .cookieMissing(name: settings.cookies.name) }
        if case .none = session(of: request) { return .sessionUnknown }
        return .applicationRefuses
    }

    /// A link that begins the sign-in anew and leads where the visitor wanted to go.
    func retry(_ target: ReturnURL) -> Page.Link {
        let query = Query.encode([("rd", target.text)])
        return Page.Link(.tryAgain, to: "\(settings.path(of: .start))?\(query)")
    }
}

internal import HTTPTypes
internal import Identity
internal import Logging
internal import OpenIDConnect
internal import Sessions
internal import Values
internal import Web

/// One line of the log. Nothing secret is ever put into one.
struct Event {
    let level: Logger.Level
    let message: Logger.Message
    var details: [(String, String)] = []
}

extension Gate {
    /// Writes one event.
    func log(_ event: @autoclosure () -> Event) {
        let event = event()
        log.log(
            level: event.level, event.message,
            metadata: Dictionary(event.details.map { ($0, .string($1)) }) { first, _ in first })
    }
}

extension Event {
    static func signedIn(_ request: Request, _ identity: Identity) -> Event {
        Event(
            level: .info, message: "signed in",
            details: [("user", identity.username), ("provider", identity.provider)] + place(of: request))
    }

    static func signedOut(_ request: Request, _ identity: Identity?) -> Event {
        Event(
            level: .info, message: "signed out",
            details: [("user", identity?.username ?? "-")] + place(of: request))
    }

    static func signedOutByProvider(_ provider: String, count: Int) -> Event {
        Event(
            level: count == 0 ? .debug : .info, message: "signed out by the provider",
            details: [("provider", provider), ("sessions", "\(count)")])
    }

    static func tokenRefused(_ provider: String, reason: String) -> Event {
        Event(level: .info, message: "access token refused", details: [("provider", provider), ("reason", reason)])
    }

    static func logoutRefused(_ reason: String) -> Event {
        Event(level: .warning, message: "logout refused", details: [("reason", reason)])
    }

    static func signInFailed(_ request: Request, reason: String) -> Event {
        Event(level: .warning, message: "sign-in failed", details: [("reason", reason)] + place(of: request))
    }

    static func refused(_ request: Request, user: String?, reason: String) -> Event {
        let path = (request[.requestURI] ?? []).prefix { $0 != UInt8(ascii: "?") }
        return Event(
            level: .info, message: "refused",
            details: [
                ("user", user ?? "-"), ("reason", reason), ("path", printable(path)),
                ("method", printable(request.method ?? [])),
            ] + place(of: request))
    }

    static func refresh(user: String, _ outcome: RefreshOutcome) -> Event {
        switch outcome {
        case .renewed: refresh(user, .debug, "renewed", reason: nil)
        case .ended(let reason): refresh(user, .info, "ended", reason: reason)
        case .failed(let reason): refresh(user, .warning, "failed", reason: reason)
        case .refused(let reason): refresh(user, .error, "refused", reason: reason)
        }
    }

    private static func refresh(_ user: String, _ level: Logger.Level, _ outcome: String, reason: String?) -> Event {
        let details = [("user", user), ("outcome", outcome)] + (reason.map { [("reason", $0)] } ?? [])
        return Event(level: level, message: "session refresh", details: details)
    }

    static func cannotTell(_ reason: String) -> Event {
        Event(level: .error, message: "cannot tell", details: [("reason", reason)])
    }

    static func misconfigured(_ what: String) -> Event {
        let remedy = "a fastcgi_param in a location hides all inherited ones: use the configuration of postern snippet"
        return Event(
            level: .error, message: "the web server's request is incomplete",
            details: [
                ("reason", what), ("remedy", remedy),
            ])
    }

    private static func place(of request: Request) -> [(String, String)] {
        [("address", printable(request[.remoteAddress] ?? [])), ("host", printable(request[.serverName] ?? []))]
    }

    /// Outside bytes, cut to a length that a line of the log can bear; the log's writer escapes them.
    private static func printable(_ bytes: some Collection<UInt8>) -> String {
        String(decoding: bytes.prefix(256), as: UTF8.self)
    }
}

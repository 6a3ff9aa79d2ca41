internal import Values
internal import Web

/// The endpoints below the prefix.
package enum Endpoint: String, CaseIterable, Sendable {
    case auth
    case start
    case signIn = "sign_in"
    case callback
    case signOut = "sign_out"
    case userinfo
    case backchannelLogout = "backchannel_logout"
    case frontchannelLogout = "frontchannel_logout"
    case keys = "jwks.json"
    case denied
    case doctor
    case ping
    case ready

    /// The one of this name.
    fileprivate init?(named name: Span<UInt8>) {
        guard let found = Self.names.first(where: { $0.name.span.isSame(as: name) }) else { return nil }
        self = found.endpoint
    }

    private static let names = allCases.map { (name: Array($0.rawValue.utf8), endpoint: $0) }
}

/// Where the web server sends a request: decided by its own configuration, never by what the client typed.
enum Destination: Equatable {
    case endpoint(Endpoint)
    /// Below the prefix, but nothing of ours.
    case nowhere

    /// An authorizer is always asked for a check, and so is every location that is not below the prefix.
    init(of request: Request, prefix: [UInt8]) {
        guard !request.isAuthorizer, let location = request[.scriptName] ?? request[.documentURI],
            location.span.begins(with: prefix.span)
        else {
            self = .endpoint(.auth)
            return
        }
        // Where the prefix itself is our script, what follows it in the address has a parameter of its own.
        let rest = location.count > prefix.count ? location.dropFirst(prefix.count) : request[.pathInfo] ?? []
        guard rest.first == UInt8(ascii: "/") else {
            self = .endpoint(.auth)
            return
        }
        let name = rest.dropFirst()
        self = Endpoint(named: name.span).map(Self.endpoint) ?? .nowhere
    }
}

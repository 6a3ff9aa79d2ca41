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
}

/// Where the web server sends a request: decided by its own configuration, never by what the client typed.
enum Destination: Equatable {
    case endpoint(Endpoint)
    /// Below the prefix, but nothing of ours.
    case nowhere

    /// An authorizer is always asked for a check, and so is every location that is not below the prefix.
    init(of request: Request, prefix: [UInt8]) {
        guard request.role == .responder, let location = request[.scriptName] ?? request[.documentURI],
            location.starts(with: prefix)
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
        self =
            Endpoint.allCases.first { $0.rawValue.utf8.elementsEqual(rest.dropFirst()) }.map(Self.endpoint) ?? .nowhere
    }
}

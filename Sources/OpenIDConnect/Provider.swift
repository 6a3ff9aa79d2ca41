package import Values
package import Web

/// A provider is data: what the operator knows of it.
package struct Provider: Sendable {
    /// The operator's name for it.
    package var name: String
    /// As the provider spells it; compared byte for byte (OpenID Connect Discovery 1.0, section 4.3).
    package var issuer: String
    package var issuerURL: EndpointURL
    package var clientID: String
    package var clientSecret: Secret?
    /// `nil`: the best of those that the provider offers.
    package var clientAuthentication: ClientAuthentication?
    package var scopes: [String]
    package var prompt: String?
    package var mapping: IdentityMapping
    /// More parameters of the authorization request. Those of the protocol are never replaced.
    package var authorizationParameters: [(name: String, value: String)]
    /// Whether a sign-out goes on to the provider.
    package var endSession: Bool
    package var caFile: String?
    /// Whether plain http is spoken with the issuer's own origin.
    package var insecureHTTP: Bool

    package init(
        name: String, issuer: String, issuerURL: EndpointURL, clientID: String, clientSecret: Secret? = nil,
        clientAuthentication: ClientAuthentication? = nil, scopes: [String] = ["openid", "profile", "email"],
        prompt: String? = nil, mapping: IdentityMapping = IdentityMapping(),
        authorizationParameters: [(name: String, value: String)] = [], endSession: Bool = true,
        caFile: String? = nil, insecureHTTP: Bool = false
    ) {
        self.name = name
        self.issuer = issuer
        self.issuerURL = issuerURL
        self.clientID = clientID
        self.clientSecret = clientSecret
        self.clientAuthentication = clientAuthentication
        self.scopes = scopes
        self.prompt = prompt
        self.mapping = mapping
        self.authorizationParameters = authorizationParameters
        self.endSession = endSession
        self.caFile = caFile
        self.insecureHTTP = insecureHTTP
    }

    /// An address that the provider names: https, or plain http on the issuer's own origin where that is allowed.
    func endpoint(_ text: String?) -> EndpointURL? {
        guard let url = text.flatMap({ EndpointURL($0, allowsHTTP: insecureHTTP) }) else { return nil }
        return url.isHTTPS || url.origin == issuerURL.origin ? url : nil
    }
}

/// How the client shows who it is at the token endpoint (RFC 6749, section 2.3).
package enum ClientAuthentication: String, Sendable, CaseIterable {
    case basic
    case post
    case none
}

/// Which claims become which part of an identity. Paths as in `Claims`.
package struct IdentityMapping: Sendable, Equatable {
    /// The first of these claims that is there names the user.
    package var username: [String]
    package var email: String
    package var groups: String

    package init(
        username: [String] = ["preferred_username", "email", "sub"], email: String = "email", groups: String = "groups"
    ) {
        self.username = username
        self.email = email
        self.groups = groups
    }
}

package import Identity
package import JOSE
package import Values
package import Web

/// A provider is data: what its preset and the operator know of it.
package struct Provider: Sendable {
    /// The operator's name for it.
    package var name: String
    /// What people call it.
    package var title: String
    package var dialect = Dialect.openIDConnect
    /// As the provider spells it; compared byte for byte (OpenID Connect Discovery 1.0, section 4.3). Of a plain OAuth2
    /// service, which has none, the origin.
    package var issuer: String
    package var issuerURL: EndpointURL
    /// What is known of its endpoints without asking; it comes before what it publishes.
    package var endpoints = Endpoints()
    /// Where its own interface is, for what it tells by no standard.
    package var api: EndpointURL?
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
    /// Whether a sign-out takes the tokens back (RFC 7009).
    package var revokes = true
    /// Seconds after which the provider is asked again about a person of whom there is no refresh token; 0 is never.
    package var recheck: Int64 = 0
    /// How people must prove who they are, whatever they want to see.
    package var strength = Strength.any
    package var oddities: Set<Oddity> = []
    /// Of Google: the organisations that accounts may belong to; empty is any.
    package var hostedDomains: [String] = []
    /// Our own key, to sign with.
    package var clientKey: PrivateKey?
    /// The name that the provider gave it; else its thumbprint (RFC 7638).
    package var clientKeyName: String?
    /// Shown in TLS handshakes.
    package var clientCertificate: ClientCertificate?
    /// Of Microsoft Entra ID the directory, of Apple the team.
    package var tenant: String?
    package var pushes = PushedAuthorization.auto
    /// Whether authorization requests are signed (JAR, RFC 9101).
    package var signsRequests = false
    /// Whether tokens are bound to a key of ours (DPoP, RFC 9449).
    package var bindsTokens = false
    /// What tokens are for (RFC 8707).
    package var resources: [String] = []
    package var responseMode = ResponseMode.query
    /// Whether all that the FAPI 2.0 Security Profile demands is demanded.
    package var isFAPI = false
    /// What access tokens that programs bring must be like; `nil`: none are taken.
    package var accessTokens: AccessTokenDemand?
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
        title = name
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
    package func endpoint(_ text: String?) -> EndpointURL? {
        guard let url = text.flatMap({ EndpointURL($0, allowsHTTP: insecureHTTP) }) else { return nil }
        return url.isHTTPS || url.origin == issuerURL.origin ? url : nil
    }
}

/// What a provider speaks.
package enum Dialect: Sendable {
    /// It publishes what it offers, and says who somebody is in a signed ID token.
    case openIDConnect
    /// OAuth 2.0 (RFC 6749) alone: endpoints are configured, and a profile call says who somebody is.
    case oauth2
}

/// Addresses of a provider; `nil` where it has none, or publishes it.
package struct Endpoints: Sendable {
    package var authorization: EndpointURL?
    package var token: EndpointURL?
    /// The userinfo endpoint; of a plain OAuth2 service the profile call.
    package var userinfo: EndpointURL?
    package var revocation: EndpointURL?
    package var introspection: EndpointURL?

    package init() {}
}

/// How the client shows who it is at the token endpoint (RFC 6749, section 2.3).
package enum ClientAuthentication: String, Sendable, CaseIterable {
    case basic
    case post
    case none
    /// A token signed with the client secret (OpenID Connect Core 1.0, section 9).
    case secretToken = "client_secret_jwt"
    /// A token signed with a key of the client's (the same; RFC 7523).
    case keyToken = "private_key_jwt"
    /// A certificate in the TLS handshake (RFC 8705).
    case tls
}

/// Whether the authorization request goes to the provider first, instead of through the browser (RFC 9126).
package enum PushedAuthorization: String, Sendable, CaseIterable {
    /// Where the provider offers it.
    case auto
    case always
    case never
}

/// How the authorization response comes back (OAuth 2.0 Multiple Response Type Encoding Practices; Form Post Response
/// Mode).
package enum ResponseMode: String, Sendable, CaseIterable {
    case query
    case formPost = "form_post"
}

/// Which claims become which part of an identity. Paths as in `Claims`.
package struct IdentityMapping: Sendable, Equatable {
    /// The claim that never changes and is never given to anybody else. Of an OpenID provider it is always `sub`.
    package var subject: String
    /// The first of these claims that is there names the user.
    package var username: [String]
    package var email: String
    /// The claim that says whether the address is the person's; `nil` where nothing can prove that.
    package var emailVerified: String?
    package var groups: String

    package init(
        subject: String = "sub", username: [String] = ["preferred_username", "email", "sub"], email: String = "email",
        emailVerified: String? = "email_verified", groups: String = "groups"
    ) {
        self.subject = subject
        self.username = username
        self.email = email
        self.emailVerified = emailVerified
        self.groups = groups
    }
}

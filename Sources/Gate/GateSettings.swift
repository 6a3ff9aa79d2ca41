package import HTTPTypes
package import Web

/// What the operator decided about the gate, checked.
package struct GateSettings: Sendable {
    /// The address people use; the callback address is made from it and never from a request.
    package var publicURL: EndpointURL
    /// The path that our endpoints are below, `/oauth2` for example.
    package var prefix: String
    package var cookies: CookieSettings
    package var identity: IdentitySettings
    /// Where a visitor may be sent after signing in or out.
    package var returnTargets: ReturnTargets
    /// Networks whose `X-Forwarded-For` is believed.
    package var trustedProxies: [Network]
    /// Seconds that nginx may keep the answer of a check; 0: it asks each time.
    package var answerCache: Int64
    /// Seconds a session lasts at most.
    package var lifetime: Int64
    /// Seconds between the way to the provider and the way back.
    package var signInLifetime: Int64
    /// Milliseconds that an errand may spend on a provider in all.
    package var providerTimeout: Int64
    /// Milliseconds that a check waits for a refresh which it can do without.
    package var patience: Int64
    /// Errands, at most, that find out about access tokens at once: sign-ins need some, too.
    package var tokenErrands: Int

    package init(
        publicURL: EndpointURL, prefix: String, cookies: CookieSettings, identity: IdentitySettings,
        returnTargets: ReturnTargets, trustedProxies: [Network] = [], answerCache: Int64 = 0, lifetime: Int64,
        signInLifetime: Int64,
        providerTimeout: Int64, patience: Int64 = 1000, tokenErrands: Int = 48
    ) {
        self.publicURL = publicURL
        self.prefix = prefix
        self.cookies = cookies
        self.identity = identity
        self.returnTargets = returnTargets
        self.trustedProxies = trustedProxies
        self.answerCache = answerCache
        self.lifetime = lifetime
        self.signInLifetime = signInLifetime
        self.providerTimeout = providerTimeout
        self.patience = patience
        self.tokenErrands = tokenErrands
    }

    /// An address of ours as the browser sees it.
    package func address(of endpoint: Endpoint) -> String {
        publicURL.origin + path(of: endpoint)
    }

    func path(of endpoint: Endpoint) -> String {
        "\(prefix)/\(endpoint.rawValue)"
    }
}

/// Names and scope of the cookies that we set.
package struct CookieSettings: Sendable {
    package let name: String
    let nameBytes: [UInt8]
    package var scope: SetCookie.Scope
    /// The application's own cookies, expired at sign-in and sign-out so that nobody is shown as somebody else.
    package var cleared: [String]

    package init(name: String, scope: SetCookie.Scope, cleared: [String] = []) {
        self.name = name
        nameBytes = Array(name.utf8)
        self.scope = scope
        self.cleared = cleared
    }

    /// State cookies go to our own host alone, whatever the session's cookie does.
    var stateScope: SetCookie.Scope {
        SetCookie.Scope(sameSite: .lax, isSecure: scope.isSecure)
    }

    /// What the names of state cookies begin with; `__Host-` wherever there is https.
    var statePrefix: String {
        scope.isSecure ? "__Host-postern-state-" : "postern-state-"
    }

    var attemptsName: String {
        scope.isSecure ? "__Host-postern-attempts" : "postern-attempts"
    }
}

/// Which header fields tell the application who it is.
package struct IdentitySettings: Sendable {
    /// What a field tells.
    package enum Source: Sendable, Equatable {
        case user
        case email
        case groups
        case preferredUsername
        case accessToken
        case claim(String)
        /// A signed token of ours that says all that.
        case assertion
    }

    package var headers: [(name: HTTPField.Name, source: Source)]
    /// Whether something is among them that opens more than a page.
    var holdsToken: Bool { headers.contains { [.accessToken, .assertion].contains($0.source) } }

    /// Makes assertions, where a header holds one.
    package let assertions: Assertions?

    /// Bytes of all identity fields together, where the web server does not say how many it can take.
    package var limit: Int

    package init(
        headers: [(name: HTTPField.Name, source: Source)], limit: Int, assertions: Assertions? = nil
    ) {
        self.headers = headers
        self.assertions = assertions
        self.limit = limit
    }
}

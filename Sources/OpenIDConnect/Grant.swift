package import Identity
package import Values

/// What the provider gave: its tokens, and when the access token ends.
package struct Grant: Sendable, Equatable {
    package let accessToken: Secret
    package let refreshToken: Secret?
    package let idToken: Secret?
    /// `nil` when the provider does not say.
    package let expires: Timestamp?

    package init(accessToken: Secret, refreshToken: Secret?, idToken: Secret?, expires: Timestamp?) {
        self.accessToken = accessToken
        self.refreshToken = refreshToken
        self.idToken = idToken
        self.expires = expires
    }

    var withoutIDToken: Grant {
        Grant(accessToken: accessToken, refreshToken: refreshToken, idToken: nil, expires: expires)
    }

    package static func == (one: Grant, other: Grant) -> Bool {
        one.accessToken.exposed == other.accessToken.exposed && one.refreshToken?.exposed == other.refreshToken?.exposed
            && one.idToken?.exposed == other.idToken?.exposed && one.expires == other.expires
    }
}

/// A sign-in that came about.
package struct SignedIn: Sendable {
    package let identity: Identity
    package let grant: Grant
}

/// A sign-in that is under way: what the way back must bring and prove.
package struct PendingSignIn: Sendable {
    /// 128 bits or more, like nonce and verifier, each in base64url.
    package let state: String
    package let nonce: String
    /// RFC 7636, section 4.1.
    package let codeVerifier: Secret
    /// The provider's name.
    package let provider: String
    /// Where the visitor wanted to go.
    package let returnURL: String
    package let created: Timestamp

    package init(
        state: String, nonce: String, codeVerifier: Secret, provider: String, returnURL: String, created: Timestamp
    ) {
        self.state = state
        self.nonce = nonce
        self.codeVerifier = codeVerifier
        self.provider = provider
        self.returnURL = returnURL
        self.created = created
    }
}

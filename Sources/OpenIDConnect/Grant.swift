package import Identity
package import JOSE
package import Values

/// What the provider gave: its tokens, and when the access token ends.
package struct Grant: Sendable, Equatable {
    package let accessToken: Secret
    package let refreshToken: Secret?
    package let idToken: Secret?
    /// `nil` when the provider does not say.
    package var expires: Timestamp?
    /// When the provider is asked again about the person although no token is over; `nil` is never.
    package var recheck: Timestamp?
    /// The key that the tokens are bound to (RFC 9449); `nil` of tokens that whoever has them can use.
    package var proofKey: PrivateKey?
    /// What was granted, where the provider says so.
    package var scopes: [String]?

    package init(
        accessToken: Secret, refreshToken: Secret?, idToken: Secret?, expires: Timestamp?, recheck: Timestamp? = nil
    ) {
        self.accessToken = accessToken
        self.refreshToken = refreshToken
        self.idToken = idToken
        self.expires = expires
        self.recheck = recheck
    }

    var withoutIDToken: Grant {
        var grant = Grant(
            accessToken: accessToken, refreshToken: refreshToken, idToken: nil, expires: expires, recheck: recheck)
        grant.proofKey = proofKey
        grant.scopes = scopes
        return grant
    }

    /// The same, to be rechecked as the provider wants it.
    func due(for provider: Provider, at now: Timestamp) -> Grant {
        var grant = self
        let isRechecked = provider.dialect == .oauth2 && provider.recheck > 0
        grant.recheck = isRechecked ? now.adding(provider.recheck) : nil
        return grant
    }

    /// Whether a recheck comes before the access token's end, which is not near.
    func isGoodBeyondRecheck(at now: Timestamp) -> Bool {
        guard let recheck else { return false }
        guard refreshToken != nil, let expires else { return true }
        return recheck < expires && expires.since(now) > 60
    }

    package static func == (one: Grant, other: Grant) -> Bool {
        one.accessToken.exposed == other.accessToken.exposed && one.refreshToken?.exposed == other.refreshToken?.exposed
            && one.idToken?.exposed == other.idToken?.exposed && one.expires == other.expires
            && one.recheck == other.recheck
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
    /// The key that tokens are going to be bound to (RFC 9449).
    package let proofKey: PrivateKey?
    /// The ticket that the browser had then, where its cookie does not come back along.
    package var formerTicket: [UInt8] = []

    package init(
        state: String, nonce: String, codeVerifier: Secret, provider: String, returnURL: String, created: Timestamp,
        proofKey: PrivateKey? = nil
    ) {
        self.state = state
        self.nonce = nonce
        self.codeVerifier = codeVerifier
        self.provider = provider
        self.returnURL = returnURL
        self.created = created
        self.proofKey = proofKey
    }
}

package import Identity
package import JOSE
package import OpenIDConnect
package import Policy
internal import Values
package import Web

/// A configuration that was checked: each concern has its own part.
package struct Settings: Sendable {
    package let gate: SiteSettings
    package let listen: ListenSettings
    package let providers: [ProviderSettings]
    package let session: SessionSettings
    package let cookie: SessionCookieSettings
    package let policy: Policy
    package let identity: IdentityHeaderSettings
    package let limits: LimitSettings
    package let log: LogSettings
    /// What should be known, each `insecure…` that is on among it.
    package let warnings: [Problem]

    /// Whether programs may bring access tokens.
    package var takesAccessTokens: Bool { providers.contains { $0.provider.accessTokens != nil } }

    /// The first that people sign in with.
    package var firstProvider: Provider {
        guard let first = providers.first(where: \.isForPeople) else {
            preconditionFailure("a configuration has a provider")
        }
        return first.provider
    }
}

/// The site that is guarded.
package struct SiteSettings: Sendable {
    package let publicURL: EndpointURL
    package let prefix: String
    package let returnHosts: [String]
    package let trustedProxies: [Network]
    /// Seconds that nginx may keep the answer of a check.
    package let answerCache: Int64
    /// Cookies of the application's own.
    package let clearedCookies: [String]
}

package struct ListenSettings: Sendable {
    package let addresses: [String]
    package let group: String?
    /// Whether other machines may connect.
    package let isInsecure: Bool
}

package struct ProviderSettings: Sendable {
    package let provider: Provider
    /// Where it counts; empty is everywhere.
    package let hosts: [HostPattern]
    /// Whether people sign in with it.
    package let isForPeople: Bool
}

package struct SessionSettings: Sendable {
    package enum Store: Sendable, Equatable {
        case sqlite(path: String)
        case memory
    }

    package let store: Store
    /// Seconds, like those below.
    package let lifetime: Int64
    package let idleTimeout: Int64
    package let refreshBefore: Int64
    package let outageGrace: Int64
    package let signInLifetime: Int64
    package let keyFile: String
}

package struct SessionCookieSettings: Sendable {
    package let name: String
    package let domain: String?
    package let path: String
    package let sameSite: SetCookie.SameSite
    package let isSecure: Bool
}

package struct IdentityHeaderSettings: Sendable {
    /// Name, and what it holds: `user`, `email`, `groups`, `preferred_username`, `access_token`, `assertion` or
    /// `claim:PATH`.
    package let headers: [(name: String, source: String)]
    /// What is signed, where a header holds an assertion.
    package let assertion: AssertionHeaderSettings?
}

package struct AssertionHeaderSettings: Sendable {
    package let header: String
    package let audience: String
    package let issuer: String
    /// Seconds.
    package let lifetime: Int64
    package let algorithm: SignatureAlgorithm
    /// Seconds.
    package let keyDelay: Int64
    package let claims: [String: ClaimTemplate]
}

package struct LimitSettings: Sendable {
    /// `nil` for as many as suit the machine.
    package let checkThreads: Int?
    package let errandThreads: Int
    /// Seconds.
    package let providerTimeout: Int64
    package let requestBytes: Int
    package let identityBytes: Int
    package let sessions: Int
    package let cachedSessions: Int
}

package struct LogSettings: Sendable {
    package let format: String
    package let level: String
}

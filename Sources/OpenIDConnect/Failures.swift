package import Identity

/// Why a sign-in did not come about. The texts are for the log; they hold no token, code or secret.
package enum SignInFailure: Error, Sendable, Equatable, CustomStringConvertible {
    /// The provider (or the store) does not answer: later it may.
    case providerUnavailable(String)
    /// The provider says no (RFC 6749, section 4.1.2.1).
    case denied(code: String)
    /// An answer that is not what the protocol says.
    case invalidResponse(String)
    /// The provider does not take the access token.
    case tokenRefused(String)
    /// A token that fails a check.
    case invalidToken(String)
    /// The provider let somebody prove less than was asked for.
    case tooWeak(String)
    /// Claims that make no identity.
    case identityRefused(String)

    package var description: String {
        switch self {
        case .providerUnavailable(let reason): "unavailable: \(reason)"
        case .denied(let code): "the provider says \(code)"
        case .invalidResponse(let reason): "not what the protocol says: \(reason)"
        case .tokenRefused(let reason): "the access token is not taken: \(reason)"
        case .invalidToken(let reason): "token refused: \(reason)"
        case .tooWeak(let reason): "not the authentication that was asked for: \(reason)"
        case .identityRefused(let reason): "no identity: \(reason)"
        }
    }
}

/// What came of a refresh.
package enum RefreshOutcome: Sendable, Equatable {
    /// New tokens; the identity is the one of before, or as a new ID token has it.
    case renewed(Grant, Identity)
    /// The provider says `invalid_grant`: the session is over.
    case ended(reason: String)
    /// Nothing can be said now: the provider is down, slow or confused.
    case failed(reason: String)
    /// The provider refuses us, not the session: the operator must act.
    case refused(reason: String)
}

/// Text from outside, cut to what a line of the log can bear.
func quoted(_ text: String?) -> String {
    String(decoding: (text ?? "-").utf8.prefix(120), as: UTF8.self)
}

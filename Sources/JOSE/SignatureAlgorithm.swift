/// The signature algorithms that we accept (RFC 7518, section 3.1; RFC 8037). All are asymmetric: there is no key
/// that both sides know, so a public key can never be taken for a shared one.
package enum SignatureAlgorithm: String, Sendable, CaseIterable {
    case rs256 = "RS256"
    case rs384 = "RS384"
    case rs512 = "RS512"
    case ps256 = "PS256"
    case ps384 = "PS384"
    case ps512 = "PS512"
    case es256 = "ES256"
    case es384 = "ES384"
    case es512 = "ES512"
    case edDSA = "EdDSA"

    /// Those of the FAPI 2.0 Security Profile, section 5.4.1.
    package static let ofFAPI: Set<SignatureAlgorithm> = [.ps256, .es256, .edDSA]

    /// The hash that `at_hash` is made with (OpenID Connect Core 1.0, section 3.1.3.6).
    package enum Digest: Sendable {
        case sha256
        case sha384
        case sha512
    }

    package var digest: Digest {
        switch self {
        case .rs256, .ps256, .es256: .sha256
        case .rs384, .ps384, .es384: .sha384
        case .rs512, .ps512, .es512, .edDSA: .sha512
        }
    }
}

/// Why a token is not believed.
package enum TokenError: Error, Sendable, Equatable {
    case algorithmRefused
    /// No key of this `kid` that fits the algorithm. New keys may have been published since.
    case unknownKey
    case badSignature
}

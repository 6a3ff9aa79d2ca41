import Crypto
import CryptoExtras
import Values

@testable import JOSE

/// The private half of a key, as a provider has it.
enum SigningKey {
    case rsa(_RSA.Signing.PrivateKey)
    case p256(P256.Signing.PrivateKey)
    case p384(P384.Signing.PrivateKey)
    case p521(P521.Signing.PrivateKey)
    case ed25519(Curve25519.Signing.PrivateKey)

    /// A key that fits the algorithm.
    static func made(for algorithm: SignatureAlgorithm) throws -> SigningKey {
        switch algorithm {
        case .rs256, .rs384, .rs512, .ps256, .ps384, .ps512: .rsa(try _RSA.Signing.PrivateKey(keySize: .bits2048))
        case .es256: .p256(P256.Signing.PrivateKey())
        case .es384: .p384(P384.Signing.PrivateKey())
        case .es512: .p521(P521.Signing.PrivateKey())
        case .edDSA: .ed25519(Curve25519.Signing.PrivateKey())
        }
    }

    /// The public half (RFC 7517, section 4), with these members added or, where they are `nil`, left out.
    func published(_ members: [String: JSONValue?] = [:]) throws -> JSONValue {
        var key: [String: JSONValue] =
            switch self {
            case .rsa(let key):
                try {
                    let primitives = try key.publicKey.getKeyPrimitives()
                    return ["kty": .string("RSA"), "n": text(primitives.modulus), "e": text(primitives.publicExponent)]
                }()
            case .p256(let key): Self.curve("P-256", key.publicKey.rawRepresentation)
            case .p384(let key): Self.curve("P-384", key.publicKey.rawRepresentation)
            case .p521(let key): Self.curve("P-521", key.publicKey.rawRepresentation)
            case .ed25519(let key):
                ["kty": .string("OKP"), "crv": .string("Ed25519"), "x": text(key.publicKey.rawRepresentation)]
            }
        for (name, value) in members { key[name] = value }
        return .object(key)
    }

    /// Signs as JWS has it (RFC 7518, sections 3.3 to 3.5; RFC 8037, section 3.1).
    func signature(_ bytes: [UInt8], _ algorithm: SignatureAlgorithm) throws -> [UInt8] {
        switch self {
        case .rsa(let key): Array(try Self.signature(bytes, algorithm, key).rawRepresentation)
        case .p256(let key): Array(try key.signature(for: SHA256.hash(data: bytes)).rawRepresentation)
        case .p384(let key): Array(try key.signature(for: SHA384.hash(data: bytes)).rawRepresentation)
        case .p521(let key): Array(try key.signature(for: SHA512.hash(data: bytes)).rawRepresentation)
        case .ed25519(let key): Array(try key.signature(for: bytes))
        }
    }

    private static func signature(
        _ bytes: [UInt8], _ algorithm: SignatureAlgorithm, _ key: _RSA.Signing.PrivateKey
    ) throws -> _RSA.Signing.RSASignature {
        let padding: _RSA.Signing.Padding = algorithm.rawValue.hasPrefix("RS") ? .insecurePKCS1v1_5 : .PSS
        return switch algorithm.digest {
        case .sha256: try key.signature(for: SHA256.hash(data: bytes), padding: padding)
        case .sha384: try key.signature(for: SHA384.hash(data: bytes), padding: padding)
        case .sha512: try key.signature(for: SHA512.hash(data: bytes), padding: padding)
        }
    }

    private static func curve(_ name: String, _ point: some Collection<UInt8>) -> [String: JSONValue] {
        let half = point.count / 2
        return [
            "kty": .string("EC"), "crv": .string(name), "x": text(point.prefix(half)), "y": text(point.dropFirst(half)),
        ]
    }
}

/// The bytes as JOSE writes them.
func text(_ bytes: some Collection<UInt8>) -> JSONValue {
    .string(Base64URL.encode(bytes))
}

/// A signed token in compact form. The header names the algorithm; `header` adds to it or overrules it.
func token(
    _ key: SigningKey, _ algorithm: SignatureAlgorithm, header: [String: JSONValue] = [:],
    payload: String = #"{"sub":"alice"}"#
) throws -> String {
    let members = ["alg": JSONValue.string(algorithm.rawValue)].merging(header) { $1 }
    let signed = "\(Base64URL.encode(JSONValue.object(members).text.utf8)).\(Base64URL.encode(payload.utf8))"
    return "\(signed).\(Base64URL.encode(try key.signature(Array(signed.utf8), algorithm)))"
}

/// A key set of these keys.
func keySet(_ keys: JSONValue...) throws -> KeySet? {
    KeySet(json: Array(JSONValue.object(["keys": .array(keys)]).text.utf8))
}

internal import Crypto
internal import CryptoExtras
internal import Values

/// One key of a key set (RFC 7517, section 4), ready to verify.
struct PublicKey: Sendable {
    enum Material: Sendable {
        case rsa(modulus: [UInt8], exponent: [UInt8])
        case p256(P256.Signing.PublicKey)
        case p384(P384.Signing.PublicKey)
        case p521(P521.Signing.PublicKey)
        case ed25519(Curve25519.Signing.PublicKey)
    }

    let id: String?
    /// The only algorithm it may be used with, if it says so.
    let algorithm: String?
    let material: Material

    /// Why a key is left out.
    struct Oddity: Error {
        let reason: String
    }

    init(_ key: JSONValue) throws(Oddity) {
        if let use = key["use"], use.string != "sig" { throw Oddity(reason: "its use is not sig") }
        if let operations = key["key_ops"]?.array, !operations.contains(.string("verify")) {
            throw Oddity(reason: "its key_ops lack verify")
        }
        id = key["kid"]?.string
        algorithm = key["alg"]?.string
        material = try Self.material(of: key)
    }

    private static func material(of key: JSONValue) throws(Oddity) -> Material {
        switch key["kty"]?.string {
        case "RSA": try rsa(key)
        case "EC": try elliptic(key)
        case "OKP": try edwards(key)
        default: throw Oddity(reason: "its kty is none that we use")
        }
    }

    private static func rsa(_ key: JSONValue) throws(Oddity) -> Material {
        let modulus = try bytes("n", of: key).drop { $0 == 0 }
        let exponent = try bytes("e", of: key).drop { $0 == 0 }
        guard (256...1024).contains(modulus.count), modulus.count > 256 || modulus.first.map({ $0 >= 0x80 }) == true
        else { throw Oddity(reason: "RSA keys have 2048 to 8192 bits") }
        guard (1...8).contains(exponent.count), exponent.last.map({ $0 & 1 == 1 }) == true, Array(exponent) != [1]
        else {
            throw Oddity(reason: "its exponent is unsafe")
        }
        return .rsa(modulus: Array(modulus), exponent: Array(exponent))
    }

    private static func elliptic(_ key: JSONValue) throws(Oddity) -> Material {
        let x = try bytes("x", of: key)
        let y = try bytes("y", of: key)
        let point = x + y
        let sizes = ["P-256": 32, "P-384": 48, "P-521": 66]
        guard let curve = key["crv"]?.string, let size = sizes[curve], x.count == size, y.count == size else {
            throw Oddity(reason: "its curve and its point do not fit")
        }
        do {
            switch size {
            case 32: return .p256(try P256.Signing.PublicKey(rawRepresentation: point))
            case 48: return .p384(try P384.Signing.PublicKey(rawRepresentation: point))
            default: return .p521(try P521.Signing.PublicKey(rawRepresentation: point))
            }
        } catch {
            throw Oddity(reason: "its point is not on the curve")
        }
    }

    private static func edwards(_ key: JSONValue) throws(Oddity) -> Material {
        guard key["crv"]?.string == "Ed25519" else { throw Oddity(reason: "its crv is not Ed25519") }
        guard let key = try? Curve25519.Signing.PublicKey(rawRepresentation: try bytes("x", of: key)) else {
            throw Oddity(reason: "its point is not on the curve")
        }
        return .ed25519(key)
    }

    private static func bytes(_ name: String, of key: JSONValue) throws(Oddity) -> [UInt8] {
        guard let bytes = key[name]?.string.flatMap({ Base64URL.decode($0.utf8) }), !bytes.isEmpty else {
            throw Oddity(reason: "its \(name) is missing or not base64url")
        }
        return bytes
    }
}

extension PublicKey {
    /// Whether this kind of key makes signatures of this algorithm, and may be used for it.
    func fits(_ algorithm: SignatureAlgorithm) -> Bool {
        guard self.algorithm == nil || self.algorithm == algorithm.rawValue else { return false }
        return switch (algorithm, material) {
        case (.rs256, .rsa), (.rs384, .rsa), (.rs512, .rsa), (.ps256, .rsa), (.ps384, .rsa), (.ps512, .rsa): true
        case (.es256, .p256), (.es384, .p384), (.es512, .p521), (.edDSA, .ed25519): true
        default: false
        }
    }

    /// Whether the signature over these bytes was made with the private half of this key.
    func isValid(_ signature: [UInt8], for bytes: [UInt8], _ algorithm: SignatureAlgorithm) -> Bool {
        switch material {
        case .rsa(let modulus, let exponent):
            Self.isValidRSA(signature, for: bytes, algorithm, modulus: modulus, exponent: exponent)
        case .p256(let key):
            (try? P256.Signing.ECDSASignature(rawRepresentation: signature))
                .map { key.isValidSignature($0, for: SHA256.hash(data: bytes)) } ?? false
        case .p384(let key):
            (try? P384.Signing.ECDSASignature(rawRepresentation: signature))
                .map { key.isValidSignature($0, for: SHA384.hash(data: bytes)) } ?? false
        case .p521(let key):
            (try? P521.Signing.ECDSASignature(rawRepresentation: signature))
                .map { key.isValidSignature($0, for: SHA512.hash(data: bytes)) } ?? false
        case .ed25519(let key): key.isValidSignature(signature, for: bytes)
        }
    }

    private static func isValidRSA(
        _ signature: [UInt8], for bytes: [UInt8], _ algorithm: SignatureAlgorithm, modulus: [UInt8], exponent: [UInt8]
    ) -> Bool {
        guard signature.count == modulus.count, let key = try? _RSA.Signing.PublicKey(n: modulus, e: exponent) else {
            return false
        }
        let signature = _RSA.Signing.RSASignature(rawRepresentation: signature)
        return switch algorithm {
        case .rs256: key.isValidSignature(signature, for: SHA256.hash(data: bytes), padding: .insecurePKCS1v1_5)
        case .rs384: key.isValidSignature(signature, for: SHA384.hash(data: bytes), padding: .insecurePKCS1v1_5)
        case .rs512: key.isValidSignature(signature, for: SHA512.hash(data: bytes), padding: .insecurePKCS1v1_5)
        case .ps256: key.isValidSignature(signature, for: SHA256.hash(data: bytes), padding: .PSS)
        case .ps384: key.isValidSignature(signature, for: SHA384.hash(data: bytes), padding: .PSS)
        case .ps512: key.isValidSignature(signature, for: SHA512.hash(data: bytes), padding: .PSS)
        case .es256, .es384, .es512, .edDSA: false
        }
    }
}

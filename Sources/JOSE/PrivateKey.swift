internal import Crypto
internal import CryptoExtras
package import Values

/// A private key of ours, to sign with (RFC 7515).
package struct PrivateKey: Sendable {
    private enum Material: Sendable {
        case rsa(_RSA.Signing.PrivateKey)
        case p256(P256.Signing.PrivateKey)
        case p384(P384.Signing.PrivateKey)
        case p521(P521.Signing.PrivateKey)
        case ed25519(Curve25519.Signing.PrivateKey)
    }

    private let material: Material

    private init(_ material: Material) {
        self.material = material
    }

    /// A key from a PEM file: RSA of 2048 bits or more, P-256, P-384, P-521 or Ed25519. `nil` for any other.
    package init?(pem: [UInt8]) {
        guard let text = String(validating: pem, as: UTF8.self) else { return nil }
        // The library takes any curve's number for one on its own.
        let der = Self.der(text, "PRIVATE KEY")
        if der?.contains(Self.secp256k1) ?? false { return nil }
        if let key = try? P256.Signing.PrivateKey(pemRepresentation: text) {
            material = .p256(key)
        } else if let key = try? P384.Signing.PrivateKey(pemRepresentation: text) {
            material = .p384(key)
        } else if let key = try? P521.Signing.PrivateKey(pemRepresentation: text) {
            material = .p521(key)
        } else if let key = try? _RSA.Signing.PrivateKey(pemRepresentation: text) {
            material = .rsa(key)
        } else if let key = Self.edwards(text) {
            material = .ed25519(key)
        } else {
            return nil
        }
    }

    /// A new key on P-256.
    package static func made() -> PrivateKey {
        PrivateKey(.p256(P256.Signing.PrivateKey()))
    }

    /// The 32 bytes of a key on P-256, to keep under seal; `nil` of any other key.
    package var scalar: Secret? {
        guard case .p256(let key) = material else { return nil }
        return Secret(Array(key.rawRepresentation))
    }

    /// The key on P-256 of these 32 bytes.
    package init?(scalar: Secret) {
        guard let key = try? P256.Signing.PrivateKey(rawRepresentation: scalar.exposed) else { return nil }
        material = .p256(key)
    }

    /// The Ed25519 key of these 32 bytes (RFC 8032, section 5.1.5).
    package init?(seed: Secret) {
        guard let key = try? Curve25519.Signing.PrivateKey(rawRepresentation: seed.exposed) else { return nil }
        material = .ed25519(key)
    }

    /// PKCS #8 (RFC 8410, section 7) has one form for all of these keys: sixteen bytes, and the seed.
    private static func edwards(_ pem: String) -> Curve25519.Signing.PrivateKey? {
        let head: [UInt8] = [
            0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
        ]
        guard let bytes = der(pem, "PRIVATE KEY"), bytes.count == 48, bytes.starts(with: head) else { return nil }
        return try? Curve25519.Signing.PrivateKey(rawRepresentation: bytes.dropFirst(16))
    }
}

extension PrivateKey {
    /// The object identifier 1.3.132.0.10.
    private static let secp256k1: [UInt8] = [0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x0A]

    /// The bytes in the first block of a PEM text (RFC 7468) whose label ends so.
    private static func der(_ pem: String, _ label: String) -> [UInt8]? {
        let lines = pem.split(whereSeparator: \.isNewline)
        guard let first = lines.firstIndex(where: { $0.hasPrefix("-----BEGIN ") && $0.hasSuffix("\(label)-----") })
        else { return nil }
        let body = lines[(first + 1)...].prefix { !$0.hasPrefix("-----END ") }
        return Base64.decode(Array(body.joined().utf8))
    }

    /// Whether this PEM text is a certificate with the public half of the key in it.
    package func belongs(toCertificate pem: [UInt8]) -> Bool {
        guard let certificate = Self.der(String(decoding: pem, as: UTF8.self), "CERTIFICATE") else { return false }
        let numbers = ["n", "x", "y"].compactMap { publicKey[$0]?.string.flatMap { Base64URL.decode($0.utf8) } }
        return !numbers.isEmpty && numbers.allSatisfy(certificate.contains)
    }
}

// MARK: - Signing

extension PrivateKey {
    /// The algorithms that it can sign with, the usual one first.
    package var algorithms: [SignatureAlgorithm] {
        switch material {
        case .rsa: [.rs256, .ps256, .rs384, .ps384, .rs512, .ps512]
        case .p256: [.es256]
        case .p384: [.es384]
        case .p521: [.es512]
        case .ed25519: [.edDSA]
        }
    }

    /// A signed token in the compact form. `algorithm` must be one of `algorithms`.
    package func sign(
        _ claims: [String: JSONValue], header: [String: JSONValue] = [:], _ algorithm: SignatureAlgorithm
    ) -> String {
        var header = header
        header["alg"] = .string(algorithm.rawValue)
        let parts = [header, claims].map { Base64URL.encode(Array(JSONValue.object($0).text.utf8)) }
        let signed = parts.joined(separator: ".")
        return "\(signed).\(Base64URL.encode(signature(of: Array(signed.utf8), algorithm)))"
    }

    private func signature(of bytes: [UInt8], _ algorithm: SignatureAlgorithm) -> [UInt8] {
        let made: [UInt8]? =
            switch material {
            case .p256(let key): (try? key.signature(for: SHA256.hash(data: bytes))).map { Array($0.rawRepresentation) }
            case .p384(let key): (try? key.signature(for: SHA384.hash(data: bytes))).map { Array($0.rawRepresentation) }
            case .p521(let key): (try? key.signature(for: SHA512.hash(data: bytes))).map { Array($0.rawRepresentation) }
            case .ed25519(let key): (try? key.signature(for: bytes)).map { Array($0) }
            case .rsa(let key): Self.signature(of: bytes, key, algorithm).map { Array($0.rawRepresentation) }
            }
        guard let made else { preconditionFailure("a key that was read can sign") }
        return made
    }

    private static func signature(
        of bytes: [UInt8], _ key: _RSA.Signing.PrivateKey, _ algorithm: SignatureAlgorithm
    ) -> _RSA.Signing.RSASignature? {
        let isPSS = [.ps256, .ps384, .ps512].contains(algorithm)
        let padding: _RSA.Signing.Padding = isPSS ? .PSS : .insecurePKCS1v1_5
        return switch algorithm.digest {
        case .sha256: try? key.signature(for: SHA256.hash(data: bytes), padding: padding)
        case .sha384: try? key.signature(for: SHA384.hash(data: bytes), padding: padding)
        case .sha512: try? key.signature(for: SHA512.hash(data: bytes), padding: padding)
        }
    }
}

// MARK: - The public half

extension PrivateKey {
    /// The public half as a JSON Web Key (RFC 7517), without a name.
    package var publicKey: [String: JSONValue] {
        switch material {
        case .rsa(let key):
            guard let numbers = try? key.publicKey.getKeyPrimitives() else { return [:] }
            return [
                "kty": .string("RSA"), "n": Self.text(numbers.modulus), "e": Self.text(numbers.publicExponent),
            ]
        case .p256(let key): return Self.point(Array(key.publicKey.rawRepresentation), "P-256")
        case .p384(let key): return Self.point(Array(key.publicKey.rawRepresentation), "P-384")
        case .p521(let key): return Self.point(Array(key.publicKey.rawRepresentation), "P-521")
        case .ed25519(let key):
            let x = Self.text(key.publicKey.rawRepresentation)
            return ["kty": .string("OKP"), "crv": .string("Ed25519"), "x": x]
        }
    }

    /// The name of the key (RFC 7638): the SHA-256 hash of its members in their order.
    package var thumbprint: String {
        Base64URL.encode(Array(SHA256.hash(data: Array(JSONValue.object(publicKey).text.utf8))))
    }

    private static func point(_ bytes: [UInt8], _ curve: String) -> [String: JSONValue] {
        let half = bytes.count / 2
        return [
            "kty": .string("EC"), "crv": .string(curve), "x": text(bytes.prefix(half)), "y": text(bytes.suffix(half)),
        ]
    }

    private static func text(_ bytes: some Collection<UInt8>) -> JSONValue {
        .string(Base64URL.encode(bytes))
    }
}

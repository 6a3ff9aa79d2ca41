import Crypto
import CryptoExtras
import Testing
import Values

@testable import JOSE

@Suite("A private key of ours")
struct PrivateKeyTests {
    /// A kind of key, as files hold it.
    enum Kind: CaseIterable {
        case rsa, rsaOfOldForm, p256, p384, p521, ed25519

        func pem() throws -> String {
            switch self {
            case .rsa: try _RSA.Signing.PrivateKey(keySize: .bits2048).pkcs8PEMRepresentation
            case .rsaOfOldForm: try _RSA.Signing.PrivateKey(keySize: .bits2048).pemRepresentation
            case .p256: P256.Signing.PrivateKey().pemRepresentation
            case .p384: P384.Signing.PrivateKey().pemRepresentation
            case .p521: P521.Signing.PrivateKey().pemRepresentation
            case .ed25519: edwardsPEM
            }
        }
    }

    @Test("What it signs, with each of its algorithms, its public half verifies", arguments: Kind.allCases)
    func sign(kind: Kind) throws {
        let key = try key(kind.pem())
        #expect(!key.algorithms.isEmpty)
        let published = key.publicKey.merging(["kid": .string("k1")]) { $1 }
        let keys = try #require(try keySet(.object(published)))
        for algorithm in key.algorithms {
            let text = key.sign(["sub": .string("alice")], header: ["kid": .string("k1")], algorithm)
            let token = try #require(CompactToken(text))
            let verified = try keys.verify(token, allowed: [algorithm])
            #expect(verified.payload == Array(#"{"sub":"alice"}"#.utf8))
            let others = Set(SignatureAlgorithm.allCases).subtracting([algorithm])
            #expect(throws: TokenError.algorithmRefused) { try keys.verify(token, allowed: others) }
        }
    }

    @Test("LEAK-01: the public half holds nothing of the private one", arguments: Kind.allCases)
    func publicHalf(kind: Kind) throws {
        let members = Set(try key(kind.pem()).publicKey.keys)
        #expect([["kty", "n", "e"], ["kty", "crv", "x", "y"], ["kty", "crv", "x"]].contains(members))
    }

    @Test("The key of RFC 8037, appendix A.1, has the public half and the thumbprint that stand there")
    func known() throws {
        let key = try key(edwardsPEM)
        #expect(key.publicKey["x"] == .string("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"))
        #expect(key.thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
        #expect(key.algorithms == [.edDSA])
    }

    @Test("The header says how it was signed, whatever else it was to say")
    func header() throws {
        let text = PrivateKey.made().sign([:], header: ["alg": .string("none"), "typ": .string("dpop+jwt")], .es256)
        let token = try #require(CompactToken(text))
        #expect(token.algorithm == "ES256" && token.type == "dpop+jwt")
    }

    @Test("A new key is another each time, and comes back from its 32 bytes")
    func scalar() throws {
        let (one, other) = (PrivateKey.made(), PrivateKey.made())
        #expect(one.thumbprint != other.thumbprint)
        let scalar = try #require(one.scalar)
        #expect(scalar.exposed.count == 32)
        #expect(PrivateKey(scalar: scalar)?.thumbprint == one.thumbprint)
        #expect(try key(edwardsPEM).scalar == nil)
        for bytes in [[UInt8](), [UInt8](repeating: 0, count: 32), [UInt8](repeating: 1, count: 31)] {
            #expect(PrivateKey(scalar: Secret(bytes)) == nil, "\(bytes.count) bytes")
        }
    }

    @Test("A seed gives the Ed25519 key of RFC 8032, section 7.1, and nothing else does")
    func seed() throws {
        let vectors = [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
            ),
        ]
        for (secret, published) in vectors {
            let key = try #require(PrivateKey(seed: Secret(bytes(secret))))
            #expect(key.publicKey == ["kty": .string("OKP"), "crv": .string("Ed25519"), "x": text(bytes(published))])
            #expect(key.algorithms == [.edDSA] && key.scalar == nil)
        }
        for count in [0, 31, 33, 64] {
            #expect(PrivateKey(seed: Secret([UInt8](repeating: 1, count: count))) == nil, "\(count) bytes")
        }
    }

    @Test("REL-11: what is no key that can sign, or a weak one, is none")
    func refused() throws {
        let (curve, short) = (
            P256.Signing.PrivateKey(), try _RSA.Signing.PrivateKey(unsafeKeySize: .init(bitCount: 1024))
        )
        for text in [
            "", "secret", curve.publicKey.pemRepresentation, short.pemRepresentation, short.pkcs8PEMRepresentation,
            pem("MC4CAQAwBQYDK2VwBCIEINTuctv5"),
            // On the curve secp256k1.
            pem(
                "MIGEAgEAMBAGByqGSM49AgEGBSuBBAAKBG0wawIBAQQgXk3AHCU9AzqXW1tb43x2"
                    + "2eqT0BDLiaqX+yd/3hFZnaihRANCAAQFkf4i7+OdqWx62ZkbJwPyJ5xUbUTdh7SA"
                    + "oL6HnZdeskGIhxUxp0P17INNvCEvmUNkgk772RsAdZArE9rWlL76"),
            // X25519, which agrees on keys and does not sign.
            pem("MC4CAQAwBQYDK2VuBCIEIMCwW1DhfZ71cb28No2B2dWCie4+BWim1gidZoE9Ay1W"),
        ] {
            #expect(PrivateKey(pem: Array(text.utf8)) == nil, "\(text)")
        }
        #expect(PrivateKey(pem: [0xFF, 0xFE]) == nil)
    }

    @Test("A certificate is told from that of another key, and from what is none")
    func certificate() throws {
        let text = pem(certificateBody, "CERTIFICATE")
        let key = try key(edwardsPEM)
        #expect(key.belongs(toCertificate: Array(text.utf8)))
        #expect(!PrivateKey.made().belongs(toCertificate: Array(text.utf8)))
        for other in ["", edwardsPEM, text.replacing("CERTIFICATE", with: "PRIVATE KEY"), certificateBody] {
            #expect(!key.belongs(toCertificate: Array(other.utf8)), "\(other)")
        }
    }

    /// The bytes that are written in hexadecimal digits.
    private func bytes(_ text: String) -> [UInt8] {
        let digits = text.compactMap(\.hexDigitValue)
        return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
    }

    private func key(_ pem: String) throws -> PrivateKey {
        try #require(PrivateKey(pem: Array(pem.utf8)))
    }
}

/// The key of RFC 8037, appendix A.1, in the form of RFC 8410.
private let edwardsPEM = pem("MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g")

/// A certificate of that key.
private let certificateBody =
    "MIIBOjCB7aADAgECAhRcH5G7xdSwdqDKqEJ/RjsK7InQJTAFBgMrZXAwEjEQMA4GA1UEAwwHcG9zdGVybjAgFw0yNjExMjUyMDUz"
    + "MzdaGA8yMTI2MTEwMTIwNTMzN1owEjEQMA4GA1UEAwwHcG9zdGVybjAqMAUGAytlcAMhANdamAGCsQq31Uv+08lkBzoO4XLz2qYj"
    + "Ja8CGmj3B1Eao1MwUTAdBgNVHQ4EFgQUWyeqVYkXl3DkdXWxYqHe2XuL/G0wHwYDVR0jBBgwFoAUWyeqVYkXl3DkdXWxYqHe2XuL"
    + "/G0wDwYDVR0TAQH/BAUwAwEB/zAFBgMrZXADQQB0DKiKmZXqt66Fbm5+AnWOOBXlhK13eF10JEMjJbgYcCGy3S9c6Jm+pwjlyZe0"
    + "T/sCpFCDDz/oAYqhF7FsxIYO"

private func pem(_ body: String, _ label: String = "PRIVATE KEY") -> String {
    "-----BEGIN \(label)-----\n\(body)\n-----END \(label)-----\n"
}

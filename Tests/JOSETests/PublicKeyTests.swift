import CryptoExtras
import Testing
import Values

@testable import JOSE

@Suite("A published key is used only when it is sound")
struct PublicKeyTests {
    @Test("Keys that are for signing, or do not say, are taken")
    func taken() throws {
        for members: [String: JSONValue?] in [
            [:], ["use": .string("sig")], ["key_ops": .array([.string("verify")])], ["x5c": .array([])],
        ] {
            #expect(try oddity(SigningKey.made(for: .es256).published(members)) == nil)
        }
    }

    @Test("Keys for something else are left out")
    func otherUse() throws {
        for members: [String: JSONValue?] in [
            ["use": .string("enc")], ["use": .string("SIG")], ["use": .null], ["key_ops": .array([.string("encrypt")])],
            ["key_ops": .array([])],
        ] {
            #expect(try oddity(SigningKey.made(for: .es256).published(members)) != nil)
        }
    }

    @Test("Symmetric keys and unknown kinds are left out", arguments: ["oct", "rsa", "ec", "AKP", ""])
    func kinds(kind: String) {
        #expect(oddity(.object(["kty": .string(kind), "k": .string("AQID")])) != nil)
    }

    @Test("JOSE: RSA keys below 2048 bits, over 8192, or with an unsafe exponent are left out")
    func unsafeRSA() throws {
        let sound = try SigningKey.made(for: .rs256).published()
        let modulus = try #require(sound["n"]?.string.flatMap { Base64URL.decode($0.utf8) })
        let rsa = { (n: [UInt8], e: [UInt8]) in
            JSONValue.object(["kty": .string("RSA"), "n": text(n), "e": text(e)])
        }
        #expect(oddity(rsa(modulus, [1, 0, 1])) == nil)
        #expect(oddity(rsa([0, 0] + modulus, [0, 1, 0, 1])) == nil, "zeros in front change no number")
        #expect(oddity(rsa(Array(modulus.dropLast()), [1, 0, 1])) != nil)
        #expect(oddity(rsa([0x7F] + modulus.dropFirst(), [1, 0, 1])) != nil, "2047 bits")
        #expect(oddity(rsa([UInt8](repeating: 0xFF, count: 1025), [1, 0, 1])) != nil)
        for exponent: [UInt8] in [[1], [2], [0, 1], [0], [UInt8](repeating: 1, count: 9)] {
            #expect(oddity(rsa(modulus, exponent)) != nil, "\(exponent)")
        }
    }

    @Test("JOSE: a point that is not on its curve, or belongs to another, is left out")
    func badPoints() throws {
        let sound = try #require(try SigningKey.made(for: .es256).published().object)
        for (name, value): (String, JSONValue) in [
            ("crv", .string("P-384")), ("crv", .string("secp256k1")), ("crv", .null), ("y", try #require(sound["x"])),
            ("x", text([UInt8](repeating: 0, count: 32))), ("x", text([1])), ("y", .string("?")), ("x", .integer(7)),
        ] {
            #expect(oddity(.object(sound.merging([name: value]) { $1 })) != nil, "\(name) \(value)")
        }
        #expect(
            oddity(
                .object(["kty": .string("OKP"), "crv": .string("X25519"), "x": text([UInt8](repeating: 9, count: 32))]))
                != nil)
        #expect(oddity(.object(["kty": .string("OKP"), "crv": .string("Ed25519"), "x": text([1, 2])])) != nil)
    }

    @Test("A key fits the algorithms of its kind, and only the one that it names if it names one")
    func fits() throws {
        for algorithm in SignatureAlgorithm.allCases {
            let key = try SigningKey.made(for: algorithm)
            let open = try PublicKey(key.published())
            let bound = try PublicKey(key.published(["alg": .string(algorithm.rawValue)]))
            #expect(open.fits(algorithm) && bound.fits(algorithm))
            let others = SignatureAlgorithm.allCases.filter { $0 != algorithm }
            #expect(!others.contains { bound.fits($0) })
            let isRSA = { (one: SignatureAlgorithm) in one.rawValue.contains("S") && !one.rawValue.hasPrefix("E") }
            #expect(others.filter { open.fits($0) } == (isRSA(algorithm) ? others.filter(isRSA) : []))
        }
    }

    private func oddity(_ key: JSONValue) -> String? {
        do throws(PublicKey.Oddity) {
            _ = try PublicKey(key)
            return nil
        } catch {
            return error.reason
        }
    }
}

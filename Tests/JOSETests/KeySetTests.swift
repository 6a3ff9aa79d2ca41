import Testing
import Values

@testable import JOSE

@Suite("A key set believes what one of its keys signed, and nothing else")
struct KeySetTests {
    private let all = Set(SignatureAlgorithm.allCases)

    @Test("Each algorithm is verified with a key of its kind", arguments: SignatureAlgorithm.allCases)
    func algorithms(algorithm: SignatureAlgorithm) throws {
        let key = try SigningKey.made(for: algorithm)
        let keys = try #require(try keySet(key.published(["kid": .string("k1"), "use": .string("sig")])))
        let signed = try parsed(token(key, algorithm, header: ["kid": .string("k1")]))
        let verified = try keys.verify(signed, allowed: [algorithm])
        #expect(verified.payload == Array(#"{"sub":"alice"}"#.utf8))
        #expect(verified.algorithm == algorithm)
    }

    @Test("JOSE: a changed payload, header or signature is refused", arguments: SignatureAlgorithm.allCases)
    func changed(algorithm: SignatureAlgorithm) throws {
        let key = try SigningKey.made(for: algorithm)
        let keys = try #require(try keySet(key.published()))
        let sound = try token(key, algorithm)
        let parts = sound.split(separator: ".").map(String.init)
        let other = try token(key, algorithm, payload: #"{"sub":"mallory"}"#).split(separator: ".").map(String.init)
        let bent = try #require(Base64URL.decode(parts[2].utf8)).enumerated().map {
            $0.offset == 7 ? ~$0.element : $0.element
        }
        for forged in [
            "\(parts[0]).\(other[1]).\(parts[2])", "\(parts[0]).\(parts[1]).\(other[2])", "\(parts[0]).\(parts[1]).",
            "\(parts[0]).\(parts[1]).\(Base64URL.encode(bent))",
            "\(parts[0]).\(parts[1]).\(Base64URL.encode(bent.dropLast()))",
        ] {
            #expect(throws: TokenError.badSignature) { try keys.verify(parsed(forged), allowed: all) }
        }
        #expect(throws: Never.self) { try keys.verify(parsed(sound), allowed: all) }
    }

    @Test("JOSE: a signature of zeros is no ECDSA signature", arguments: [SignatureAlgorithm.es256, .es384, .es512])
    func psychicSignature(algorithm: SignatureAlgorithm) throws {
        let key = try SigningKey.made(for: algorithm)
        let keys = try #require(try keySet(key.published()))
        let parts = try token(key, algorithm).split(separator: ".").map(String.init)
        for count in [0, 64, 96, 132] {
            let zeros = Base64URL.encode([UInt8](repeating: 0, count: count))
            #expect(throws: TokenError.badSignature) {
                try keys.verify(parsed("\(parts[0]).\(parts[1]).\(zeros)"), allowed: all)
            }
        }
    }

    @Test(
        "JOSE: none, HMAC and other spellings of an algorithm are refused",
        arguments: [
            "none", "None", "HS256", "HS512", "rs256", "RS256 ", "ES256K", "RS1", "",
        ])
    func refusedAlgorithms(name: String) throws {
        let key = try SigningKey.made(for: .rs256)
        let keys = try #require(try keySet(key.published()))
        let forged = try token(key, .rs256, header: ["alg": .string(name)])
        #expect(throws: TokenError.algorithmRefused) { try keys.verify(parsed(forged), allowed: all) }
    }

    @Test("JOSE: an algorithm that the provider does not use is refused, also with a good signature")
    func notAllowed() throws {
        let key = try SigningKey.made(for: .rs512)
        let keys = try #require(try keySet(key.published()))
        #expect(throws: TokenError.algorithmRefused) {
            try keys.verify(parsed(token(key, .rs512)), allowed: [.rs256, .es256])
        }
    }

    @Test("JOSE: a key is not used for an algorithm that it is not for")
    func otherAlgorithm() throws {
        let key = try SigningKey.made(for: .ps256)
        let keys = try #require(try keySet(key.published(["alg": .string("RS256"), "kid": .string("k1")])))
        let signed = try parsed(token(key, .ps256, header: ["kid": .string("k1")]))
        #expect(throws: TokenError.algorithmRefused) { try keys.verify(signed, allowed: all) }
        let curve = try SigningKey.made(for: .es256)
        let mixed = try parsed(token(curve, .es256, header: ["kid": .string("k1")]))
        #expect(throws: TokenError.algorithmRefused) { try keys.verify(mixed, allowed: all) }
    }

    @Test("JOSE: a kid means that key and no other, also where another would fit")
    func keyID() throws {
        let (one, two) = (try SigningKey.made(for: .es256), try SigningKey.made(for: .es256))
        let keys = try #require(
            try keySet(one.published(["kid": .string("one")]), two.published(["kid": .string("two")])))
        #expect(throws: Never.self) {
            try keys.verify(parsed(token(two, .es256, header: ["kid": .string("two")])), allowed: all)
        }
        #expect(throws: TokenError.badSignature) {
            try keys.verify(parsed(token(two, .es256, header: ["kid": .string("one")])), allowed: all)
        }
        for name in ["three", "ONE", "", "../one", "one\u{0}"] {
            #expect(throws: TokenError.unknownKey) {
                try keys.verify(parsed(token(one, .es256, header: ["kid": .string(name)])), allowed: all)
            }
        }
    }

    @Test("A token without kid is believed only when a single key fits its algorithm")
    func noKeyID() throws {
        let (one, two, rsa) = (
            try SigningKey.made(for: .es256), try SigningKey.made(for: .es256), try SigningKey.made(for: .rs256)
        )
        let signed = try parsed(token(one, .es256))
        let single = try #require(try keySet(one.published(), rsa.published()))
        #expect(throws: Never.self) { try single.verify(signed, allowed: all) }
        let double = try #require(try keySet(one.published(), two.published()))
        #expect(throws: TokenError.unknownKey) { try double.verify(signed, allowed: all) }
    }

    @Test("JOSE: a key that the token itself brings, or tells where to fetch, is not used")
    func ownKey() throws {
        let (ours, theirs) = (try SigningKey.made(for: .es256), try SigningKey.made(for: .es256))
        let keys = try #require(try keySet(ours.published()))
        let forged = try token(
            theirs, .es256,
            header: [
                "jwk": try theirs.published(), "jku": .string("https://evil.example/keys"),
                "x5u": .string("https://evil.example/cert"),
            ])
        #expect(throws: TokenError.badSignature) { try keys.verify(parsed(forged), allowed: all) }
    }

    @Test("A key of an unknown kind is left out, said so, and hinders no other")
    func oddKeys() throws {
        let key = try SigningKey.made(for: .es256)
        let keys = try #require(
            try keySet(
                .object(["kty": .string("AKP"), "kid": .string("new")]), .string("no key"), .null,
                key.published(["use": .string("enc"), "kid": .string("enc")]), key.published(["kid": .string("k1")])))
        #expect(keys.skipped.count == 4)
        let signed = try parsed(token(key, .es256, header: ["kid": .string("k1")]))
        #expect(throws: Never.self) { try keys.verify(signed, allowed: all) }
        // It is known, so that fetching again is in vain.
        #expect(throws: TokenError.algorithmRefused) {
            try keys.verify(parsed(token(key, .es256, header: ["kid": .string("enc")])), allowed: all)
        }
    }

    @Test(
        "An empty set is a set; what has no list of keys is none", arguments: ["{}", "[]", "", #"{"keys":{}}"#, "null"])
    func noSet(json: String) throws {
        #expect(KeySet(json: Array(json.utf8)) == nil)
        let empty = try #require(try keySet())
        let key = try SigningKey.made(for: .es256)
        #expect(throws: TokenError.unknownKey) { try empty.verify(parsed(token(key, .es256)), allowed: all) }
    }

    @Test("Of a set without end the first hundred keys count")
    func mostKeys() throws {
        let key = try SigningKey.made(for: .es256)
        let many = try (0..<101).map { try key.published(["kid": .string("k\($0)")]) }
        let keys = try #require(KeySet(json: Array(JSONValue.object(["keys": .array(many)]).text.utf8)))
        let signed = { try parsed(token(key, .es256, header: ["kid": .string($0)])) }
        #expect(throws: Never.self) { try keys.verify(signed("k99"), allowed: all) }
        #expect(throws: TokenError.unknownKey) { try keys.verify(signed("k100"), allowed: all) }
    }

    private func parsed(_ text: String) throws -> CompactToken {
        try #require(CompactToken(text))
    }
}

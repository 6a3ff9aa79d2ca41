import Identity
import JOSE
import Sessions
import TestSupport
import Testing
import Values

@testable import Gate

@Suite("An assertion says who it is, and can be verified")
struct AssertionTests {
    private let clock = ManualClock()
    private static let usual: [String: ClaimTemplate] = ["sub": .user, "email": .email, "groups": .groups]

    @Test("It is a JWT that the published key has signed", arguments: [SignatureAlgorithm.es256, .edDSA])
    func signed(algorithm: SignatureAlgorithm) throws {
        let assertions = assertions(algorithm: algorithm)
        let made = try #require(assertions.assertion(for: session()))
        let token = try #require(CompactToken(made.text))
        #expect(token.algorithm == algorithm.rawValue && token.type == "jwt")
        #expect(token.keyID.map { JSONValue.string($0) } == assertions.publishedKeys.first?["kid"])
        #expect(try keySet(assertions).verify(token, allowed: [algorithm]).algorithm == algorithm)
        let other = Assertions(settings(algorithm: algorithm), ring: ring(2), clock: clock.clock, entropy: .system)
        #expect(throws: TokenError.unknownKey) { try keySet(other).verify(token, allowed: [algorithm]) }
    }

    @Test("It has these claims and no others")
    func claims() throws {
        let entropy = Entropy { [UInt8](repeating: 0xFB, count: $0) }
        let assertions = Assertions(settings(), ring: ring(1), clock: clock.clock, entropy: entropy)
        let now = ManualClock.start
        #expect(
            try claims(of: assertions, session(groups: ["staff", "ops"])) == [
                "iss": .string("https://app.test"), "aud": .string("airflow"), "sub": .string("alice"),
                "email": .string("alice@example.com"), "groups": .array([.string("staff"), .string("ops")]),
                "iat": .integer(now), "nbf": .integer(now), "exp": .integer(now + 300),
                "jti": .string("-_v7-_v7-_v7-_v7-_v7-w"),
            ])
    }

    @Test("No two have the same name")
    func names() throws {
        let assertions = assertions()
        let names = try (0..<50).map { _ in try claims(of: assertions, session())["jti"]?.string }
        #expect(Set(names).count == 50 && names.allSatisfy { ($0?.utf8.count ?? 0) == 22 })
    }

    @Test("What has nothing to say is left out; a claim keeps its JSON type")
    func templates() throws {
        let more: [String: ClaimTemplate] = [
            "absent": .claim("absent"), "level": .claim("level"), "tags": .claim("tags"),
            "tenant": .constant(.string("acme")),
            "role": .role([ClaimTemplate.RoleLine(group: "ops", role: "op")], others: "viewer"),
            "rank": .role([ClaimTemplate.RoleLine(group: "ops", role: "op")], others: nil),
        ]
        let session = session(
            email: nil, groups: [], claims: ["level": .integer(3), "tags": .array([.bool(true), .number(0.5)])])
        let made = try claims(of: assertions(Self.usual.merging(more) { $1 }), session)
        #expect(made["email"] == nil && made["absent"] == nil && made["rank"] == nil)
        #expect(made["level"] == .integer(3) && made["tags"] == .array([.bool(true), .number(0.5)]))
        #expect(made["tenant"] == .string("acme") && made["role"] == .string("viewer"))
        #expect(made["groups"] == .array([]))
    }

    @Test("It ends with its life or with the session, whichever comes first; whoever gets it has half of that")
    func end() throws {
        for (left, life, use) in [(3600, 300, 150), (300, 300, 150), (299, 299, 149), (9, 9, 4), (2, 2, 1), (1, 1, 1)] {
            let (assertions, session) = (assertions(), session(left: Int64(left)))
            let made = try #require(assertions.assertion(for: session))
            #expect(try claims(of: assertions, session)["exp"] == .integer(ManualClock.start + Int64(life)), "\(left)")
            #expect(made.use == clock.now..<clock.now.adding(Int64(use)), "\(left)")
            #expect(made.use.upperBound <= session.expires)
        }
        let short = assertions(lifetime: 30)
        #expect(try claims(of: short, session())["exp"] == .integer(ManualClock.start + 30))
        #expect(short.assertion(for: session())?.use.upperBound == clock.now.adding(15))
    }

    @Test("It is of the time that it is made at")
    func time() throws {
        let assertions = assertions()
        clock.advance(seconds: 1000)
        let made = try claims(of: assertions, session(left: 10_000))
        let now = ManualClock.start + 1000
        #expect(made["iat"] == .integer(now) && made["nbf"] == .integer(now) && made["exp"] == .integer(now + 300))
    }

    @Test(
        "HDR-02: without a name for the person there is none",
        arguments: [
            ClaimTemplate.email, .preferredUsername, .claim("absent"), .claim("empty"), .claim("number"),
            .claim("list"), .groups, .constant(.integer(1)), .role([], others: nil),
        ])
    func nameless(template: ClaimTemplate) {
        let session = session(
            email: nil, claims: ["empty": .string(""), "number": .integer(1), "list": .array([.string("alice")])])
        #expect(assertions(["sub": template]).assertion(for: session) == nil)
        #expect(assertions([:]).assertion(for: session) == nil)
        #expect(assertions(["sub": .user]).assertion(for: session) != nil)
    }

    @Test(
        "HDR-05: hostile text stays text: no claim can be read as another",
        arguments: [
            #"x","sub":"root"#, #"x"],"groups":["admins"#, "x\\", "x\\\",\"aud\":\"other", "bob\r\nX: 1", "\u{0}",
            "\u{2028}", "\u{1F511}e\u{301}", "}{", #"\u0022,"sub":"root""#, "a.b.c", "%22",
        ])
    func hostile(text: String) throws {
        let session = session(groups: [text, "staff"], claims: ["title": .string(text), text: .string("x")])
        let more: [String: ClaimTemplate] = ["title": .claim("title"), text: .constant(.string(text))]
        let assertions = assertions(Self.usual.merging(more) { $1 })
        let made = try claims(of: assertions, session)
        #expect(made["sub"] == .string("alice") && made["aud"] == .string("airflow"))
        #expect(made["groups"] == .array([.string(text), .string("staff")]))
        #expect(made["title"] == .string(text) && made[text] == .string(text))
        #expect(made.count == 11)
        let token = try #require(assertions.assertion(for: session)?.text)
        #expect(token.utf8.allSatisfy { $0 == UInt8(ascii: ".") || $0.isWord })
    }

    @Test(
        "HDR-02: what Postern says itself is said by nobody else",
        arguments: ["iss", "aud", "iat", "nbf", "exp", "jti"])
    func reserved(name: String) throws {
        let forged = JSONValue.string("forged")
        let assertions = assertions(["sub": .user, name: .constant(forged)])
        #expect(try claims(of: assertions, session())[name] != forged)
    }

    @Test("A new key signs when it is its time, and each token verifies with what is published then")
    func rotation() throws {
        let ring = ring(1)
        let assertions = Assertions(settings(keyDelay: 600), ring: ring, clock: clock.clock, entropy: .system)
        let old = try #require(assertions.assertion(for: session()).flatMap { CompactToken($0.text) })
        ring.replace([RingKey(created: clock.now, secret: Secret([UInt8](repeating: 2, count: 32))), ringKey(1)])
        for (seconds, isNew) in [(0, false), (599, false), (1, true), (300, true)] as [(Int64, Bool)] {
            clock.advance(seconds: seconds)
            let token = try #require(assertions.assertion(for: session()).flatMap { CompactToken($0.text) })
            #expect((token.keyID != old.keyID) == isNew, "after \(seconds) s more")
            #expect(assertions.publishedKeys.count == 2)
            _ = try keySet(assertions).verify(token, allowed: [.es256])
            _ = try keySet(assertions).verify(old, allowed: [.es256])
        }
        clock.advance(seconds: 300)
        #expect(assertions.publishedKeys.count == 1)
        #expect(throws: TokenError.unknownKey) { try keySet(assertions).verify(old, allowed: [.es256]) }
    }

    // MARK: Factories

    private func settings(
        _ claims: [String: ClaimTemplate] = Self.usual, lifetime: Int64 = 300, algorithm: SignatureAlgorithm = .es256,
        keyDelay: Int64 = 3600
    ) -> AssertionSettings {
        AssertionSettings(
            audience: "airflow", issuer: "https://app.test", lifetime: lifetime, algorithm: algorithm,
            keyDelay: keyDelay, claims: claims)
    }

    private func assertions(
        _ claims: [String: ClaimTemplate] = Self.usual, lifetime: Int64 = 300, algorithm: SignatureAlgorithm = .es256
    ) -> Assertions {
        Assertions(
            settings(claims, lifetime: lifetime, algorithm: algorithm), ring: ring(1), clock: clock.clock,
            entropy: .system)
    }

    private func ringKey(_ number: UInt8) -> RingKey {
        RingKey(created: Timestamp(seconds: 0), secret: Secret([UInt8](repeating: number, count: 32)))
    }

    private func ring(_ number: UInt8) -> KeyRing { KeyRing([ringKey(number)]) }

    private func session(
        email: String? = "alice@example.com", groups: [String] = [], claims: [String: JSONValue] = [:],
        left: Int64 = 43_200
    ) -> Session {
        Session(
            identity: Identity(
                provider: "op", issuer: "https://op.test", subject: "1", username: "alice", email: email,
                groups: groups, claims: Claims(claims)),
            accessToken: Secret("token"), refreshToken: nil, idToken: nil, accessExpires: nil,
            created: clock.now, expires: clock.now.adding(left))
    }

    private func keySet(_ assertions: Assertions) throws -> KeySet {
        try #require(KeySet(json: Array(JSONValue.object(["keys": .array(assertions.publishedKeys)]).text.utf8)))
    }

    /// The claims of a new one, as an application reads them after it has verified the signature.
    private func claims(of assertions: Assertions, _ session: Session) throws -> [String: JSONValue] {
        let token = try #require(assertions.assertion(for: session).flatMap { CompactToken($0.text) })
        let payload = try keySet(assertions).verify(token, allowed: [.es256, .edDSA]).payload
        return try #require(JSONValue(parsing: payload, limit: 64 * 1024)?.object)
    }
}

extension UInt8 {
    /// A letter, a digit, `-` or `_`: all that base64url is made of.
    fileprivate var isWord: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }
}

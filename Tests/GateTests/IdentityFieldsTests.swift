import HTTPTypes
import Identity
import JOSE
import OpenIDConnect
import Sessions
import Synchronization
import TestSupport
import Testing
import Values
import Web

@testable import Gate

@Suite("Identity fields")
struct IdentityFieldsTests {
    private let settings = IdentitySettings(
        headers: [
            (HTTPField.Name("X-Auth-Request-User")!, .user), (HTTPField.Name("X-Auth-Request-Email")!, .email),
            (HTTPField.Name("X-Auth-Request-Groups")!, .groups),
            (HTTPField.Name("X-Department")!, .claim("department")),
        ], limit: 3072)

    private func fields(groups: [String] = [], email: String? = nil, claims: [String: JSONValue] = [:]) -> [String:
        String]
    {
        let identity = Identity(
            provider: "op", issuer: "https://op.test", subject: "1", username: "alice", email: email, groups: groups,
            claims: Claims(claims))
        let session = Session(
            identity: identity, accessToken: Secret("token"), refreshToken: nil, idToken: nil, accessExpires: nil,
            created: Timestamp(seconds: 0), expires: Timestamp(seconds: 10))
        let pairs = lines(settings.fields(for: session).responder)
        return Dictionary(uniqueKeysWithValues: pairs)
    }

    @Test("What has no value has no field")
    func absent() {
        #expect(fields() == ["X-Auth-Request-User": "alice"])
    }

    @Test("Groups are joined by commas")
    func groups() {
        #expect(fields(groups: ["ops", "staff"])["X-Auth-Request-Groups"] == "ops,staff")
    }

    @Test(
        "HDR-07: no group can be read as another",
        arguments: [
            (["a,admins"], "a%2Cadmins"), (["admins\\"], "admins%5C"), (["", "staff"], "staff"),
            (["a;b", "%2C"], "a%3Bb,%252C"),
            (["a\"b"], "a%22b"), ([" admins", "a b "], "%20admins,a b%20"), ([" "], "%20"),
            (["bob\r\nX: 1"], "bob%0D%0AX: 1"),
        ])
    func hostileGroups(groups: [String], expected: String) {
        #expect(fields(groups: groups)["X-Auth-Request-Groups"] == expected)
    }

    @Test("Only empty groups make no field")
    func emptyGroups() {
        #expect(fields(groups: ["", ""])["X-Auth-Request-Groups"] == nil)
    }

    @Test("A claim is handed on as text, a list, or its JSON")
    func claims() {
        #expect(fields(claims: ["department": .string("it")])["X-Department"] == "it")
        #expect(fields(claims: ["department": .array([.string("it"), .string("ops")])])["X-Department"] == "it,ops")
        #expect(fields(claims: ["department": .integer(7)])["X-Department"] == "7")
        #expect(fields(claims: ["department": .null])["X-Department"] == nil)
    }

    @Test("HDR-05: an address that would begin a second line has no field")
    func hostileEmail() {
        #expect(fields(email: "a@b.test\r\nX-Auth-Request-Groups: admins")["X-Auth-Request-Email"] == nil)
    }
}

@Suite("Identity fields with an assertion")
struct AssertionFieldTests {
    private let clock = ManualClock()
    private static let name = HTTPField.Name("X-Auth-Request-Assertion")!

    @Test("Its header holds it, for a responder and for an authorizer")
    func both() throws {
        let fields = settings().fields(for: session())
        let name = Self.name.rawName
        let token = try #require(value(name, fields.responder))
        #expect(CompactToken(token) != nil)
        #expect(value("Variable-X_AUTH_REQUEST_ASSERTION", fields.authorizer) == token, "of the same fields")
        #expect(value("Variable-REMOTE_USER", fields.authorizer) == "alice")
        #expect(value("X-Forwarded-User", fields.responder) == "alice")
    }

    @Test("Authorization says that it is a bearer token", arguments: ["Authorization", "authorization"])
    func authorization(name: String) throws {
        let header = try #require(HTTPField.Name(name))
        let fields = settings(header).fields(for: session())
        for text in [value(name, fields.responder), value("Variable-AUTHORIZATION", fields.authorizer)] {
            let text = try #require(text)
            #expect(text.hasPrefix("Bearer ") && CompactToken(String(text.dropFirst(7))) != nil)
        }
    }

    @Test("HDR-02: without an assertion there is no such field", arguments: [Self.name, .authorization])
    func nameless(header: HTTPField.Name) {
        let fields = settings(header, claims: ["sub": .claim("absent")]).fields(for: session())
        #expect(lines(fields.responder).map(\.0) == ["X-Forwarded-User"])
        #expect(Set(lines(fields.authorizer).map(\.0)) == ["Variable-REMOTE_USER", "Variable-X_FORWARDED_USER"])
    }

    @Test("Without assertions fields are for good; with them for half of the life")
    func use() {
        let none = IdentitySettings(headers: [(.init("x-forwarded-user")!, .user)], limit: 3000)
        #expect(!none.holdsToken && settings().holdsToken, "no web server may keep an answer with one")
        for (settings, seconds, isGood) in [
            (none, -1, true), (none, 100_000, true), (self.settings(), 0, true), (self.settings(), 149, true),
            (self.settings(), 150, false), (self.settings(), -1, false),
        ] {
            let fields = settings.fields(for: session())
            let later = FieldMemory(fields).fields(at: clock.now.adding(Int64(seconds))) {
                IdentityFields(responder: FieldBlock([]), authorizer: FieldBlock([]))
            }
            #expect((later == fields) == isGood, "after \(seconds) s")
        }
    }

    @Test("A session has one until half of its life is over, then another; also when the clock was set back")
    func halfALife() throws {
        let site = try site()
        let cookie = try site.signIn()
        let told = { site.check("/x", cookie: cookie).text(Self.name) }
        let first = try #require(told())
        #expect(told() == first)
        site.advance(seconds: 149)
        #expect(told() == first)
        site.advance(seconds: 1)
        let second = try #require(told())
        #expect(second != first && told() == second)
        clock.set(ahead: -60)
        let third = try #require(told())
        #expect(third != second && third != first && told() == third)
        #expect(try claims(third)["iat"] == .integer(clock.now.seconds))
    }

    @Test("Two sessions never share one")
    func sessions() throws {
        let site = try site()
        let (one, other) = (try site.signIn(), try site.signIn(claims: ["preferred_username": .string("bob")]))
        let told = { (cookie: String) in
            try claims(#require(site.check("/x", cookie: cookie).text(Self.name)))["sub"]?.string
        }
        for _ in 0..<3 { #expect(try told(one) == "alice" && told(other) == "bob") }
        #expect(site.check("/public", cookie: one).text(Self.name) == nil)
        #expect(site.check("/x").text(Self.name) == nil)
    }

    @Test("It is made once when many ask at once")
    func once() async throws {
        let made = Mutex(0)
        let entropy = Entropy { count in
            made.withLock { $0 += 1 }
            return [UInt8](repeating: 1, count: count)
        }
        let site = try site(entropy)
        let cookie = try site.signIn()
        _ = site.check("/x", cookie: cookie)
        site.advance(seconds: 200)
        let before = made.withLock { $0 }
        let told = await withTaskGroup(of: String?.self) { group in
            for _ in 0..<64 { group.addTask { site.check("/x", cookie: cookie).text(Self.name) } }
            return await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(told.count == 1 && !told.contains(nil))
        #expect(made.withLock { $0 } == before + 1)
    }

    @Test("A program with an access token has one, too, for as long as its token is good")
    func program() throws {
        let program = Client("op") {
            $0.accessTokens = AccessTokenDemand(audiences: [], isIntrospected: true, cacheLifetime: 40)
        }
        let site = try site(clients: [program])
        site.provider.answer(
            "/.well-known/openid-configuration",
            site.provider.metadata(["introspection_endpoint": .string(ScriptedProvider.issuer + "/introspect")]))
        site.provider.answer(
            "/introspect",
            .object([
                "active": .bool(true), "client_id": .string("job"), "sub": .string("job"),
                "exp": .integer(clock.now.seconds + 60),
            ]))
        let told = { site.check("/x", extra: [("HTTP_AUTHORIZATION", "Bearer t-1")]).text(Self.name) }
        let first = try #require(told())
        let claims = try claims(first)
        #expect(claims["sub"] == .string("job") && claims["exp"] == .integer(clock.now.seconds + 60))
        site.advance(seconds: 29)
        #expect(told() == first)
        site.advance(seconds: 1)
        #expect(try told() != first && self.claims(#require(told()))["exp"] == claims["exp"])
    }

    private func settings(
        _ header: HTTPField.Name = Self.name, claims: [String: ClaimTemplate] = ["sub": .user],
        entropy: Entropy = .system
    ) -> IdentitySettings {
        let ring = KeyRing([RingKey(created: clock.now, secret: Secret([UInt8](repeating: 3, count: 32)))])
        let settings = AssertionSettings(
            audience: "airflow", issuer: "https://app.test", lifetime: 300, algorithm: .edDSA, keyDelay: 3600,
            claims: claims)
        return IdentitySettings(
            headers: [(HTTPField.Name("X-Forwarded-User")!, .user), (header, .assertion)], limit: 3072,
            assertions: Assertions(settings, ring: ring, clock: clock.clock, entropy: entropy))
    }

    private func site(_ entropy: Entropy = .system, clients: [Client] = [Client("op")]) throws -> Site {
        let identity = settings(entropy: entropy)
        return try Site(clients: clients, clock: clock) { $0.identity = identity }
    }

    private func session() -> Session {
        Session(
            identity: Identity(provider: "op", issuer: "https://op.test", subject: "1", username: "alice"),
            accessToken: Secret("token"), refreshToken: nil, idToken: nil, accessExpires: nil, created: clock.now,
            expires: clock.now.adding(43_200))
    }

    private func value(_ name: String, _ block: FieldBlock) -> String? {
        lines(block).first { $0.0 == name }?.1
    }

    private func claims(_ token: String) throws -> [String: JSONValue] {
        let payload = try #require(CompactToken(token)).claimsOnceVerified
        return try #require(JSONValue(parsing: payload, limit: 10_000)?.object)
    }
}

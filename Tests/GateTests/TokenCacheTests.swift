import Identity
import Sessions
import Testing
import Values
import Web

@testable import Gate

@Suite("What is known of access tokens")
struct TokenCacheTests {
    private let now = Timestamp(seconds: 1000)
    private let cache = TokenCache(limit: 3)

    @Test("What was found out is known until its time is over, of exactly that token")
    func until() {
        keep("good", until: 10)
        cache.keep(.refused, of: name("bad"), until: now.adding(10), at: now)
        #expect(user("good") == "alice" && user("bad") == "refused")
        #expect(user("good", after: 9) == "alice" && user("good", after: 10) == nil && user("bad", after: 10) == nil)
        for other in ["goo", "good ", "Good", ""] { #expect(user(other) == nil, "\(other)") }
    }

    @Test("What is found out later replaces what was known")
    func replaced() {
        keep("one", until: 10)
        cache.keep(.refused, of: name("one"), until: now.adding(20), at: now)
        #expect(user("one") == "refused" && user("one", after: 15) == "refused")
    }

    @Test("REL-02: it never grows beyond its limit; what is over goes first")
    func bounded() {
        keep("old", until: 5)
        keep("new", until: 60)
        keep("newer", until: 60)
        cache.keep(.refused, of: name("next"), until: now.adding(60), at: now.adding(6))
        #expect(user("new", after: 6) == "alice" && user("newer", after: 6) == "alice")
        #expect(user("next", after: 6) == "refused")
        keep("last", until: 60)
        let known = ["new", "newer", "next", "last"].filter { user($0) != nil }
        #expect(known.contains("last") && known.count <= 3)
    }

    @Test("What is known on one host is not known on another")
    func hosts() {
        cache.keep(.refused, of: name("x", on: "a.test"), until: now.adding(10), at: now)
        #expect(user("x", on: "a.test") == "refused" && user("x", on: "b.test") == nil && user("x") == nil)
    }

    @Test("One finds out about a token for all who bring it; made-up ones leave threads for sign-ins")
    func flights() {
        #expect(cache.takeOff(name("x")) == .mine && cache.takeOff(name("x")) == .somebodyElses)
        for number in 1..<16 { #expect(cache.takeOff(name("\(number)")) == .mine) }
        #expect(cache.takeOff(name("y")) == .tooMany && cache.takeOff(name("x")) == .somebodyElses)
        cache.land(name("x"))
        #expect(cache.takeOff(name("y")) == .mine)
    }

    @Test("REL-02: a turnstile lets so many in at once, and others when they are out")
    func turnstile() {
        let turnstile = Turnstile(3)
        func inside(_ depth: Int) -> Int { turnstile.doing { 1 + inside(depth + 1) } ?? 0 }
        #expect(inside(0) == 3 && inside(0) == 3)
    }

    private func keep(_ token: String, until seconds: Int64) {
        let identity = Identity(provider: "op", issuer: "https://op.test", subject: "s-1", username: "alice")
        let session = Session(
            identity: identity, accessToken: Secret(token), refreshToken: nil, idToken: nil, accessExpires: nil,
            created: now, expires: now.adding(seconds))
        let fields = IdentityFields(responder: FieldBlock([]), authorizer: FieldBlock([]))
        cache.keep(
            .good(TokenSession(session, fields)), of: name(token), until: now.adding(seconds), at: now)
    }

    private func user(_ token: String, on host: String = "", after seconds: Int64 = 0) -> String? {
        switch cache.outcome(of: name(token, on: host), at: now.adding(seconds)) {
        case .good(let session): session.identity.username
        case .refused: "refused"
        case .lacking: "lacking"
        case nil: nil
        }
    }

    private func name(_ token: String, on host: String = "") -> TokenCache.Name {
        TokenCache.Name(Array(token.utf8), on: Array(host.utf8))
    }
}

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
        cache.keep(.refused, of: bytes("bad"), until: now.adding(10), at: now)
        #expect(user("good") == "alice" && user("bad") == "refused")
        #expect(user("good", after: 9) == "alice" && user("good", after: 10) == nil && user("bad", after: 10) == nil)
        for other in ["goo", "good ", "Good", ""] { #expect(user(other) == nil, "\(other)") }
    }

    @Test("What is found out later replaces what was known")
    func replaced() {
        keep("one", until: 10)
        cache.keep(.refused, of: bytes("one"), until: now.adding(20), at: now)
        #expect(user("one") == "refused" && user("one", after: 15) == "refused")
    }

    @Test("REL-02: it never grows beyond its limit; what is over goes first")
    func bounded() {
        keep("old", until: 5)
        keep("new", until: 60)
        keep("newer", until: 60)
        cache.keep(.refused, of: bytes("next"), until: now.adding(60), at: now.adding(6))
        #expect(user("new", after: 6) == "alice" && user("newer", after: 6) == "alice")
        #expect(user("next", after: 6) == "refused")
        keep("last", until: 60)
        let known = ["new", "newer", "next", "last"].filter { user($0) != nil }
        #expect(known.contains("last") && known.count <= 3)
    }

    @Test("REL-02: only so many tokens are asked about at once, so that made-up ones leave threads for sign-ins")
    func questions() {
        func asked(_ depth: Int) -> Int {
            cache.asking { 1 + asked(depth + 1) } ?? 0
        }
        #expect(asked(0) == 16)
        #expect(asked(0) == 16, "those that were answered count no more")
    }

    private func keep(_ token: String, until seconds: Int64) {
        let identity = Identity(provider: "op", issuer: "https://op.test", subject: "s-1", username: "alice")
        let fields = IdentityFields(responder: FieldBlock([]), authorizer: FieldBlock([]))
        cache.keep(
            .good(TokenSession(identity, fields)), of: bytes(token), until: now.adding(seconds), at: now)
    }

    private func user(_ token: String, after seconds: Int64 = 0) -> String? {
        switch cache.outcome(of: bytes(token), at: now.adding(seconds)) {
        case .good(let session): session.identity.username
        case .refused: "refused"
        case nil: nil
        }
    }

    private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
}

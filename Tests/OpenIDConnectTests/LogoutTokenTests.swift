import TestSupport
import Testing
import Values
import Web

@testable import OpenIDConnect

@Suite("The claims of a logout token are checked one by one")
struct LogoutTokenTests {
    private let now = Timestamp(seconds: ManualClock.start)

    @Test("It names a session, a person, or both")
    func good() throws {
        let both = try token(["sid": .string("x")])
        #expect(both.subject == "s-1" && both.session == "x" && both.identifier == "j-1")
        #expect(try token().session == nil)
        #expect(try token(["sub": absent, "sid": .string("x")]).subject == nil)
        #expect(throws: Never.self) { try token(["aud": .array([.string("other"), .string("postern id")])]) }
    }

    @Test("OUT-04: another issuer, audience or event, or what makes it another kind of token")
    func refused() {
        let event = "http://schemas.openid.net/event/backchannel-logout"
        for claims: [String: JSONValue?] in [
            ["iss": absent], ["iss": .string("https://op.test/realm/")], ["iss": .array([])],
            ["aud": absent], ["aud": .string("other")], ["aud": .string("postern")], ["aud": .array([])],
            ["events": absent], ["events": .object([:])], ["events": .string(event)],
            ["events": .array([.string(event)])], ["events": .object([event: .bool(true)])],
            ["events": .object([event: .null])], ["events": .object([event + "s": .object([:])])],
            ["nonce": .string("n-1")], ["nonce": .null],
            ["jti": absent], ["jti": .string("")], ["jti": .integer(1)], ["jti": long(513)],
            ["sub": absent], ["sub": .string("")], ["sub": .integer(1)], ["sub": .null], ["sub": long(513)],
            ["sid": .string("")], ["sid": .array([.string("x")])], ["sid": long(513)], ["sid": .string("x\0y")],
        ] {
            #expect(kind { _ = try token(claims) } == "invalidToken", "\(claims)")
        }
    }

    @Test(
        "JOSE-06: its times are numbers, of now, with a minute's leeway; without an end it is soon too old",
        arguments: [
            ("exp", 0, true), ("exp", -59, true), ("exp", -60, false), ("iat", 60, true), ("iat", 61, false),
            ("iat", -86_400, true), ("iat", -86_401, false), ("nbf", 60, true), ("nbf", 61, false),
        ])
    func times(claim: String, offset: Int64, isTaken: Bool) {
        let failure = kind { _ = try token([claim: .integer(now.seconds + offset)]) }
        #expect((failure == "none") == isTaken, "\(failure)")
    }

    @Test(
        "JOSE-06: what is no time is refused", arguments: ["exp", "iat", "nbf"],
        [.null, .string("1800000000"), .bool(true), .number(1e300), .integer(-1), .integer(.max)] as [JSONValue])
    func noTime(claim: String, value: JSONValue) {
        #expect(kind { _ = try token([claim: value]) } == "invalidToken")
    }

    @Test("One without an end, as older drafts have it, is good for two minutes; one without a beginning never")
    func noEnd() {
        let issued = { (ago: Int64) in ["exp": absent, "iat": JSONValue.integer(now.seconds - ago)] }
        #expect(throws: Never.self) { try token(issued(120)) }
        #expect(kind { _ = try token(issued(121)) } == "invalidToken")
        #expect(kind { _ = try token(["iat": absent]) } == "invalidToken")
    }

    @Test("A payload that is no object is refused", arguments: ["[]", "null", "", "{", "\"x\""])
    func payload(text: String) {
        #expect(kind { _ = try token(Array(text.utf8)) } == "invalidToken")
    }

    @discardableResult
    private func token(_ more: [String: JSONValue?] = [:]) throws -> LogoutToken {
        try token(Array(JSONValue.object(logoutClaims(now, more)).text.utf8))
    }

    private func token(_ payload: [UInt8]) throws -> LogoutToken {
        try LogoutToken(
            verified: payload, issuer: ScriptedProvider.issuer, clientID: "postern id", now: now)
    }

    private func long(_ count: Int) -> JSONValue {
        .string(String(repeating: "s", count: count))
    }
}

/// The claims of a good logout token.
func logoutClaims(_ now: Timestamp, _ more: [String: JSONValue?] = [:]) -> [String: JSONValue] {
    var claims: [String: JSONValue] = [
        "iss": .string(ScriptedProvider.issuer), "aud": .string("postern id"), "sub": .string("s-1"),
        "jti": .string("j-1"), "iat": .integer(now.seconds), "exp": .integer(now.seconds + 120),
        "events": .object(["http://schemas.openid.net/event/backchannel-logout": .object([:])]),
    ]
    for (name, value) in more { claims[name] = value }
    return claims
}

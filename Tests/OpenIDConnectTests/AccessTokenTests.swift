import TestSupport
import Testing
import Values

@testable import OpenIDConnect

@Suite("The claims of an access token that a program brings")
struct AccessTokenTests {
    private let now = Timestamp(seconds: ManualClock.start)

    @Test("A signed one is of the issuer, for one of the audiences, and has an end")
    func signed() throws {
        let token = try verified()
        #expect(token.expires == now.adding(300))
        #expect(try token.subject() == "s-1")
        #expect(throws: Never.self) { try verified(["aud": .array([.string("other"), .string("api2")])]) }
    }

    @Test("JOSE-04, JOSE-05: another issuer or audience, no end, or what only other tokens have")
    func refused() {
        for claims: [String: JSONValue?] in [
            ["iss": absent], ["iss": .string(ScriptedProvider.issuer + "/")],
            ["iss": .array([.string(ScriptedProvider.issuer)])],
            ["aud": absent], ["aud": .string("postern id")], ["aud": .string("api")], ["aud": .string("api11")],
            ["aud": .array([])], ["aud": .object(["api1": .null])], ["exp": absent],
            ["nonce": .string("n")], ["events": .object([:])], ["at_hash": .string("x")],
        ] {
            #expect(kind { _ = try verified(claims) } == "invalidToken", "\(claims)")
        }
    }

    @Test(
        "JOSE-06: times are numbers; one that is over is over, and one of later is not good yet",
        arguments: [
            ("exp", -4, true), ("exp", -5, false), ("exp", -300, false), ("nbf", 60, true), ("nbf", 61, false),
            ("iat", 60, true), ("iat", 61, false), ("iat", -1_000_000, true),
        ])
    func times(claim: String, offset: Int64, isTaken: Bool) {
        let claims = [claim: JSONValue.integer(now.seconds + offset)]
        #expect((kind { _ = try verified(claims) } == "none") == isTaken)
        #expect((kind { _ = try introspected(claims) } == "none") == isTaken)
    }

    @Test(
        "JOSE-06: what is no time is refused", arguments: ["exp", "nbf", "iat"],
        [.null, .string("1800000300"), .bool(true), .number(1e300), .integer(-1), .integer(.max)] as [JSONValue])
    func noTime(claim: String, value: JSONValue) {
        #expect(kind { _ = try verified([claim: value]) } == "invalidToken")
        #expect(kind { _ = try introspected([claim: value]) } == "invalidToken")
    }

    @Test("A token that is bound to a key of its holder's is not taken from whoever has it")
    func bound() {
        for value in [JSONValue.object(["jkt": .string("x")]), .object(["x5t#S256": .string("x")]), .null] {
            #expect(kind { _ = try verified(["cnf": value]) } == "invalidToken")
            #expect(kind { _ = try introspected(["cnf": value]) } == "invalidToken")
        }
    }

    @Test("All that is demanded must have been granted, word for word")
    func scopes() {
        let taken = { (scope: JSONValue?) in
            let demand = AccessTokenDemand(audiences: ["api1"], scopes: ["read", "write"])
            return kind { _ = try verified(["scope": scope], demand) } == "none"
        }
        #expect(taken(.string("write other read")))
        for scope: JSONValue? in [
            nil, .string(""), .string("read"), .string("read,write"), .string("reads write"), .string("READ WRITE"),
            .array([.string("read"), .string("write")]),
        ] {
            #expect(!taken(scope), "\(String(describing: scope))")
        }
    }

    @Test("One that is looked into need not say whose it is or for whom, but must not say otherwise")
    func introspection() throws {
        let bare = ["iss": absent, "aud": absent, "exp": absent]
        let open = AccessTokenDemand(audiences: [], isIntrospected: true)
        #expect(try introspected(bare, open)?.expires == nil)
        #expect(kind { _ = try introspected(["iss": .string("https://evil.test")], open) } == "invalidToken")
        #expect(kind { _ = try introspected(["aud": absent]) } == "invalidToken", "audiences are configured")
        #expect(kind { _ = try introspected(["aud": .string("other")]) } == "invalidToken")
        #expect(try introspected(["typ": .string("Bearer"), "token_type": .string("Bearer")]) != nil)
        for word in ["Refresh", "refresh_token", "Offline", "ID", "Logout"] {
            for name in ["typ", "token_type", "token_use"] {
                #expect(kind { _ = try introspected([name: .string(word)]) } == "invalidToken", "\(name): \(word)")
            }
        }
    }

    @Test("Only a truth value says that a token is active")
    func active() throws {
        #expect(try introspected(["active": .bool(false)]) == nil)
        for value: JSONValue? in [nil, .string("true"), .integer(1), .null] {
            #expect(kind { _ = try introspected(["active": value]) } == "providerUnavailable")
        }
        for body in ["", "[]", "true", "<html>"] {
            #expect(
                kind { _ = try AccessTokenClaims(introspected: Array(body.utf8), issuer: "x", demand, now: now) }
                    == "providerUnavailable")
        }
    }

    @Test("A signed token speaks for its subject and nobody else; one that is looked into perhaps for a program")
    func subject() throws {
        let looked = { (claims: [String: JSONValue?]) in try introspected(claims)?.subject() }
        #expect(try looked([:]) == "s-1")
        #expect(try looked(["sub": absent]) == "job" && looked(["sub": .null]) == "job")
        #expect(try looked(["sub": absent, "client_id": absent, "username": .string("bob")]) == "bob")
        #expect(kind { _ = try looked(["sub": absent, "client_id": absent]) } == "invalidToken")
        for value: JSONValue? in [nil, .string(""), .integer(1), .string("a\nb"), .string("é"), .null] {
            #expect(
                kind { _ = try verified(["sub": value]).subject() } == "invalidToken", "\(String(describing: value))")
        }
    }

    private let demand = AccessTokenDemand(audiences: ["api1", "api2"])

    @discardableResult
    private func verified(
        _ more: [String: JSONValue?] = [:], _ other: AccessTokenDemand? = nil
    ) throws -> AccessTokenClaims {
        try AccessTokenClaims(
            verified: bytes(accessClaims(now, more)), issuer: ScriptedProvider.issuer, other ?? demand, now: now)
    }

    private func introspected(
        _ more: [String: JSONValue?] = [:], _ other: AccessTokenDemand? = nil
    ) throws -> AccessTokenClaims? {
        let claims = accessClaims(now, ["active": JSONValue.bool(true)].merging(more) { $1 })
        return try AccessTokenClaims(
            introspected: bytes(claims), issuer: ScriptedProvider.issuer, other ?? demand, now: now)
    }

    private func bytes(_ claims: [String: JSONValue]) -> [UInt8] {
        Array(JSONValue.object(claims).text.utf8)
    }
}

/// The claims of a good access token.
func accessClaims(_ now: Timestamp, _ more: [String: JSONValue?] = [:]) -> [String: JSONValue] {
    var claims: [String: JSONValue] = [
        "iss": .string(ScriptedProvider.issuer), "aud": .string("api1"), "sub": .string("s-1"),
        "client_id": .string("job"), "exp": .integer(now.seconds + 300), "iat": .integer(now.seconds),
    ]
    for (name, value) in more { claims[name] = value }
    return claims
}

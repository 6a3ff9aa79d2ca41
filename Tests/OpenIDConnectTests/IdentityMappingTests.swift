import Identity
import Testing
import Values

@testable import OpenIDConnect

@Suite("Claims become an identity, or none")
struct IdentityMappingTests {
    @Test("The first claim that is there names the user")
    func username() throws {
        let mapping = IdentityMapping(username: ["upn", "profile.name", "sub"])
        let nested = JSONValue.object(["name": .string("nested")])
        #expect(try identity(["upn": .string("u"), "profile": nested], mapping).username == "u")
        #expect(try identity(["upn": .string(""), "profile": nested], mapping).username == "nested")
        #expect(try identity(["upn": .integer(7), "sub": .string("s-1")], mapping).username == "s-1")
        #expect(throws: SignInFailure.self) { try identity([:], mapping) }
    }

    @Test(
        "HDR: a name or an address with a control character, a line break or a space at an end makes no identity",
        arguments: [
            "a\r\nX-User: root", "a\u{0}", "a\u{7F}", "a\u{85}", "a\u{2028}", " admin", "admin ",
            String(repeating: "a", count: 1025),
        ])
    func lines(text: String) throws {
        #expect(throws: SignInFailure.self) { try identity(["sub": .string(text)]) }
        #expect(throws: SignInFailure.self) { try identity(["sub": .string("s"), "email": .string(text)]) }
        let claims = ["sub": JSONValue.string("s"), "preferred_username": .string(text)]
        #expect(try identity(claims, IdentityMapping(username: ["sub"])).preferredUsername == nil)
    }

    @Test("POL: an address is verified when the provider says so with the truth value, not with a word")
    func verified() throws {
        for (said, isVerified) in [
            (JSONValue.bool(true), true), (.bool(false), false), (.string("true"), false), (.integer(1), false),
            (.null, false),
        ] {
            let claims = ["sub": JSONValue.string("s"), "email": .string("a@b.test"), "email_verified": said]
            #expect(try identity(claims).isEmailVerified == isVerified)
        }
        #expect(try identity(["sub": .string("s"), "email": .string("")]).email == nil)
    }

    @Test("POL: an address is not verified by what userinfo says of another")
    func verifiedElsewhere() {
        let said = { (email: String?, isVerified: Bool?) in
            Claims(
                ["email": email.map { JSONValue.string($0) }, "email_verified": isVerified.map { .bool($0) }]
                    .compactMapValues(\.self))
        }
        for (token, userinfo, isVerified) in [
            (said("a@b.test", nil), said("evil@b.test", true), JSONValue?.none),
            (said("a@b.test", nil), said("a@b.test", true), .bool(true)),
            (said("a@b.test", false), said("a@b.test", true), .bool(false)),
            (said(nil, true), said("a@b.test", nil), nil), (said(nil, nil), said("a@b.test", true), .bool(true)),
        ] {
            let merged = IdentityMapping().merge(token, userinfo)
            #expect(merged["email_verified"] == isVerified)
            #expect(merged["email"] == .string("a@b.test"))
        }
    }

    @Test("Groups are a list of texts or one text; nothing else is a group")
    func groups() throws {
        for (said, groups): (JSONValue, [String]) in [
            (.array([.string("a"), .string(""), .integer(1), .string("b,c")]), ["a", "b,c"]), (.string("a b"), ["a b"]),
            (.string(""), []), (.object(["a": .bool(true)]), []), (.bool(true), []),
        ] {
            #expect(try identity(["sub": .string("s"), "groups": said]).groups == groups)
        }
        let roles = JSONValue.object(["roles": .array([.string("admin")])])
        let mapping = IdentityMapping(groups: "realm.roles")
        #expect(try identity(["sub": .string("s"), "realm": roles], mapping).groups == ["admin"])
    }

    @Test("POL-02: an address that is not verified names the user only where nothing else can")
    func unverifiedName() throws {
        let claims = { (isVerified: Bool) in
            ["email": JSONValue.string("a@b.test"), "sub": .string("s-1"), "email_verified": .bool(isVerified)]
        }
        let mapping = IdentityMapping(username: ["email", "sub"])
        #expect(try identity(claims(true), mapping).username == "a@b.test")
        #expect(try identity(claims(false), mapping).username == "s-1")
        #expect(try identity(claims(false), IdentityMapping(username: ["email"])).username == "a@b.test")
    }

    @Test("Userinfo is asked only for what the ID token does not say")
    func isComplete() {
        let all = Claims([
            "preferred_username": .string("a"), "email": .string("e"), "email_verified": .bool(true),
            "groups": .array([]),
        ])
        #expect(IdentityMapping().isComplete(all))
        for name in all.members.keys {
            #expect(!IdentityMapping().isComplete(Claims(all.members.filter { $0.key != name })), "\(name)")
        }
    }

    private func identity(
        _ claims: [String: JSONValue], _ mapping: IdentityMapping = IdentityMapping()
    ) throws -> Identity {
        try mapping.identity(Claims(claims), provider: provider(), subject: "s-1")
    }
}

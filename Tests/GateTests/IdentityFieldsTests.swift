import HTTPTypes
import Identity
import Sessions
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

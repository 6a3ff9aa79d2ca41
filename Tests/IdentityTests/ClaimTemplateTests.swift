import Identity
import Testing
import Values

@Suite("What a claim of an assertion says")
struct ClaimTemplateTests {
    private let alice = Identity(
        provider: "op", issuer: "https://op.test", subject: "s-1", username: "alice", email: "alice@example.com",
        isEmailVerified: true, preferredUsername: "al", groups: ["staff", "ops", "caf\u{E9}"],
        claims: Claims([
            "department": .string("it"), "level": .integer(3), "share": .number(0.5), "member": .bool(false),
            "nothing": .null, "tags": .array([.string("a"), .integer(1), .bool(true)]),
            "realm_access": .object(["roles": .array([.string("reader")])]),
            "https://example.com/unit": .string("whole"),
        ]))
    private let nobody = Identity(provider: "op", issuer: "https://op.test", subject: "s-2", username: "bob")

    @Test("A word says what is known of the person, and nothing where nothing is known")
    func words() {
        #expect(ClaimTemplate.user.value(for: alice) == .string("alice"))
        #expect(ClaimTemplate.email.value(for: alice) == .string("alice@example.com"))
        #expect(ClaimTemplate.preferredUsername.value(for: alice) == .string("al"))
        #expect(ClaimTemplate.user.value(for: nobody) == .string("bob"))
        #expect(ClaimTemplate.email.value(for: nobody) == nil)
        #expect(ClaimTemplate.preferredUsername.value(for: nobody) == nil)
    }

    @Test("Whether the address is verified is a truth value, and nothing without an address", arguments: [true, false])
    func verified(isVerified: Bool) {
        let person = { (email: String?) in
            Identity(
                provider: "op", issuer: "https://op.test", subject: "s", username: "eve", email: email,
                isEmailVerified: isVerified, claims: Claims(["email_verified": .string("true")]))
        }
        #expect(ClaimTemplate.isEmailVerified.value(for: person("eve@example.com")) == .bool(isVerified))
        #expect(ClaimTemplate.isEmailVerified.value(for: person(nil)) == nil)
        let verified: JSONValue? = isVerified ? .string("eve@example.com") : nil
        #expect(ClaimTemplate.verifiedEmail.value(for: person("eve@example.com")) == verified)
        #expect(ClaimTemplate.verifiedEmail.value(for: person(nil)) == nil)
    }

    @Test("Groups are an array in their order, also when there are none")
    func groups() {
        #expect(ClaimTemplate.groups.value(for: alice) == .array(["staff", "ops", "caf\u{E9}"].map { .string($0) }))
        #expect(ClaimTemplate.groups.value(for: nobody) == .array([]))
    }

    @Test(
        "A claim of the provider's keeps its type",
        arguments: [
            ("department", JSONValue.string("it")), ("level", .integer(3)), ("share", .number(0.5)),
            ("member", .bool(false)), ("tags", .array([.string("a"), .integer(1), .bool(true)])),
            ("realm_access", .object(["roles": .array([.string("reader")])])),
        ])
    func types(name: String, value: JSONValue) {
        #expect(ClaimTemplate.claim(name).value(for: alice) == value)
    }

    @Test("One inside another is named by dots; what is not there, or is null, says nothing")
    func paths() {
        #expect(ClaimTemplate.claim("realm_access.roles").value(for: alice) == .array([.string("reader")]))
        #expect(ClaimTemplate.claim("https://example.com/unit").value(for: alice) == .string("whole"))
        for name in ["nothing", "absent", "realm_access.absent", "department.x", "Department", ""] {
            #expect(ClaimTemplate.claim(name).value(for: alice) == nil, "\(name)")
        }
    }

    @Test(
        "A constant is the same for everybody",
        arguments: [JSONValue.string("acme"), .integer(7), .bool(false), .array([.string("a"), .array([])])])
    func constant(value: JSONValue) {
        #expect(ClaimTemplate.constant(value).value(for: alice) == value)
        #expect(ClaimTemplate.constant(value).value(for: nobody) == value)
    }

    @Test("The first line whose group the person has gives the role, in the order written")
    func firstLine() {
        let lines = [("admins", "admin"), ("ops", "op"), ("staff", "viewer")]
        #expect(role(lines, of: alice) == .string("op"), "not in the order of the groups")
        #expect(role(Array(lines.reversed()), of: alice) == .string("viewer"))
        #expect(role([("ops", "one"), ("ops", "two")], of: alice) == .string("one"))
    }

    @Test("Whoever has none of the groups gets the default, and no claim where there is none")
    func others() {
        #expect(role([("ops", "op")], others: "viewer", of: nobody) == .string("viewer"))
        #expect(role([("ops", "op")], others: "viewer", of: alice) == .string("op"))
        #expect(role([("ops", "op")], of: nobody) == nil)
        #expect(role([], of: alice) == nil)
    }

    @Test(
        "POL-04: a group is compared by its bytes",
        arguments: ["Ops", "ops ", " ops", "op", "opss", "", "cafe\u{301}", "CAF\u{E9}", "cafe"])
    func bytes(group: String) {
        #expect(role([(group, "admin")], others: "viewer", of: alice) == .string("viewer"))
        #expect(role([("caf\u{E9}", "admin")], of: alice) == .string("admin"))
    }

    private func role(_ lines: [(group: String, role: String)], others: String? = nil, of person: Identity)
        -> JSONValue?
    {
        let lines = lines.map { ClaimTemplate.RoleLine(group: $0.group, role: $0.role) }
        return ClaimTemplate.role(lines, others: others).value(for: person)
    }
}

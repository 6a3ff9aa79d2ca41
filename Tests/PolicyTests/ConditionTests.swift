import Identity
import Policy
import Testing
import Values

private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

struct EmailConditionTests {
    @Test(
        "POL-01: a domain is the whole part behind the one @",
        arguments: ["a@example.com", "A@EXAMPLE.COM", "a.b+c@Example.com", "'@example.com"])
    func domain(email: String) {
        #expect(Condition.domain(bytes("example.com")).isMet(by: identity(email: email)))
        #expect(Condition.domain(bytes("EXAMPLE.com")).isMet(by: identity(email: email)))
    }

    @Test(
        "POL-01: a look-alike of the domain is not met, and not met negated",
        arguments: [
            "a@evil.test@example.com", "\"a@evil\"@example.com", "a@example.com ", " a@example.com", "a b@example.com",
            "@example.com", "example.com",
            "", "@", "a@", "a@@example.com", "a@example.com\n", "a@example.com\0", "\"a\"@example.com", "ä@example.com",
            "a@example.com,b@evil.test@example.com",
            "a@ex\u{212A}.com", "a\u{FF20}example.com",
        ])
    func odd(email: String) {
        let condition = Condition.domain(bytes("example.com"))
        #expect(!condition.isMet(by: identity(email: email)))
        #expect(!Condition.not(condition).isMet(by: identity(email: email)))
    }

    @Test(
        "POL-01: another domain is not met",
        arguments: ["a@evilexample.com", "a@example.com.evil", "a@sub.example.com", "a@example.co", "a@example.com."])
    func other(email: String) {
        let condition = Condition.domain(bytes("example.com"))
        #expect(!condition.isMet(by: identity(email: email)))
        #expect(Condition.not(condition).isMet(by: identity(email: email)))
    }

    @Test("An address is met whole, but for the case of its ASCII letters")
    func email() {
        let condition = Condition.email(bytes("Root@example.com"))
        #expect(condition.isMet(by: identity(email: "rOOT@EXAMPLE.com")))
        for email in [
            "xroot@example.com", "root@example.comx", "root@example.co", "root+x@example.com",
            "ro\u{1D0F}t@example.com", "",
        ] {
            #expect(!condition.isMet(by: identity(email: email)), "\(email)")
        }
        #expect(!condition.isMet(by: identity(email: nil)))
        #expect(!Condition.not(condition).isMet(by: identity(email: nil)))
    }

    @Test("POL-02: an address that is not verified counts only where that is asked for")
    func verified() {
        let unverified = identity(email: "root@example.com", isEmailVerified: false)
        for condition in [Condition.email(bytes("root@example.com")), .domain(bytes("example.com"))] {
            #expect(!condition.isMet(by: unverified))
            #expect(!Condition.not(condition).isMet(by: unverified))
            #expect(!Condition.any([condition, .not(condition)]).isMet(by: unverified))
        }
        #expect(Condition.email(bytes("root@example.com"), includesUnverified: true).isMet(by: unverified))
        #expect(Condition.domain(bytes("example.com"), includesUnverified: true).isMet(by: unverified))
        #expect(!Condition.domain(bytes("other.test"), includesUnverified: true).isMet(by: unverified))
    }

    @Test("An empty address or domain matches nobody")
    func empty() {
        for condition in [
            Condition.email([]), .domain([]), .email([], includesUnverified: true),
            .domain([], includesUnverified: true),
        ] {
            for email in ["", "@", "a@", "a@b", nil] {
                #expect(!condition.isMet(by: identity(email: email)))
                #expect(!Condition.not(condition).isMet(by: identity(email: email)))
            }
        }
    }
}

struct NameConditionTests {
    @Test("POL-04: a group is an exact element")
    func groups() {
        let admins = group("admins")
        #expect(admins.isMet(by: identity(groups: ["x", "admins"])))
        for groups in [
            [], [""], ["admins-x"], ["Admins"], ["admins "], ["admin"], ["x,admins"], ["admins,x"], ["admin\u{17F}"],
        ] {
            #expect(!admins.isMet(by: identity(groups: groups)), "\(groups)")
        }
        #expect(admins.isMet(by: identity(groups: (0..<10_000).map { "g\($0)" } + ["admins"])))
        #expect(!admins.isMet(by: identity(groups: (0..<10_000).map { "admins\($0)" })))
    }

    @Test("Groups are compared by bytes: composed and decomposed letters differ")
    func normalForms() {
        #expect(!group("\u{E9}").isMet(by: identity(groups: ["e\u{301}"])))
        #expect(!group("K").isMet(by: identity(groups: ["\u{212A}"])))
    }

    @Test("POL-04: an empty entry matches nobody, negated or not")
    func emptyEntry() {
        let anybody = identity(username: "", subject: "", provider: "", groups: [""], claims: ["c": .string("")])
        for condition in [group(""), .user([]), .subject([]), .provider([]), .claim("c", []), .any([]), .all([])]
            as [Condition]
        {
            #expect(!condition.isMet(by: anybody))
            #expect(!Condition.not(condition).isMet(by: anybody))
        }
    }

    @Test("A user is known by the username, or by the subject")
    func users() {
        #expect(Condition.user(bytes("alice")).isMet(by: identity(username: "alice")))
        #expect(!Condition.user(bytes("Alice")).isMet(by: identity(username: "alice")))
        #expect(!Condition.user(bytes("s-1")).isMet(by: identity(subject: "s-1")))
        #expect(Condition.subject(bytes("s-1")).isMet(by: identity(subject: "s-1")))
        #expect(!Condition.subject(bytes("alice")).isMet(by: identity(username: "alice")))
        #expect(Condition.provider(bytes("op")).isMet(by: identity(provider: "op")))
        #expect(!Condition.provider(bytes("op")).isMet(by: identity(provider: "op2")))
    }

    @Test("A username that is an address nobody verified is no username")
    func doubtfulUsername() {
        let condition = Condition.user(bytes("root@example.com"))
        let person = { identity(username: "root@example.com", email: "ROOT@example.com", isEmailVerified: $0) }
        #expect(condition.isMet(by: person(true)))
        #expect(!condition.isMet(by: person(false)))
        #expect(!Condition.not(condition).isMet(by: person(false)))
        #expect(condition.isMet(by: identity(username: "root@example.com", email: nil, isEmailVerified: false)))
    }
}

struct ClaimConditionTests {
    private let person = identity(claims: [
        "department": .string("it"), "roles": .array([.string("a"), .integer(7), .null, .array([.string("nested")])]),
        "admin": .bool(true),
        "level": .integer(42), "ratio": .number(1.5), "nothing": .null,
        "realm": .object(["roles": .array([.string("ops")])]),
        "quoted": .string("\"it\""),
    ])

    @Test(
        "A claim is met by its text, or by an element of an array",
        arguments: [
            ("department", "it"), ("roles", "a"), ("roles", "7"), ("admin", "true"), ("level", "42"), ("ratio", "1.5"),
            ("realm.roles", "ops"),
        ])
    func met(path: String, value: String) {
        #expect(Condition.claim(path, bytes(value)).isMet(by: person))
    }

    @Test(
        "Nothing else meets a claim",
        arguments: [
            ("department", "IT"), ("department", "i"), ("department", "it "), ("department", "\"it\""),
            ("roles", "nested"), ("roles", "null"),
            ("roles", "[\"nested\"]"), ("admin", "1"), ("admin", "false"), ("level", "42.0"), ("nothing", "null"),
            ("nothing", ""), ("absent", ""),
            ("absent", "null"), ("realm", "ops"), ("realm", "{\"roles\":[\"ops\"]}"), ("realm.roles.0", "ops"),
            ("quoted", "it"),
        ])
    func unmet(path: String, value: String) {
        #expect(!Condition.claim(path, bytes(value)).isMet(by: person))
    }
}

struct CombinedConditionTests {
    private let person = identity(groups: ["a", "b"])

    @Test("All, any and not mean what they say")
    func combined() {
        #expect(Condition.all([group("a"), group("b")]).isMet(by: person))
        #expect(!Condition.all([group("a"), group("c")]).isMet(by: person))
        #expect(Condition.any([group("c"), group("b")]).isMet(by: person))
        #expect(!Condition.any([group("c"), group("d")]).isMet(by: person))
        #expect(Condition.not(group("c")).isMet(by: person))
        #expect(!Condition.not(group("a")).isMet(by: person))
        #expect(Condition.not(.not(group("a"))).isMet(by: person))
        #expect(Condition.anyone.isMet(by: person))
        #expect(!Condition.not(.anyone).isMet(by: person))
    }

    @Test("A doubt stays a doubt: it settles neither all nor any, and no negation makes it certain")
    func doubt() {
        let doubt = Condition.domain(bytes("example.com"))
        let unverified = identity(isEmailVerified: false, groups: ["a"])
        #expect(!Condition.all([group("a"), doubt]).isMet(by: unverified))
        #expect(!Condition.not(.all([group("a"), doubt])).isMet(by: unverified))
        #expect(Condition.any([group("a"), doubt]).isMet(by: unverified))
        #expect(!Condition.any([group("c"), doubt]).isMet(by: unverified))
        #expect(!Condition.not(.any([group("c"), doubt])).isMet(by: unverified))
        #expect(Condition.not(.all([group("c"), doubt])).isMet(by: unverified))
    }
}

import Policy
import Testing

struct RuleTests {
    private func decide(_ rule: Rule, host: String = "app.test", method: String = "GET", address: String? = "10.1.1.1")
        throws -> Decision?
    {
        Policy(rules: [rule])?.decide(
            on: try resource("/x", host: host, method: method, address: address), for: identity())
    }

    @Test(
        "A rule about networks is about their addresses alone",
        arguments: [
            ("10.1.1.1", true), ("::ffff:10.1.1.1", true), ("11.0.0.1", false), ("2001:db8::1", true),
            ("2001:db9::1", false), ("unix:", false),
            ("", false), ("10.1.1.1, 203.0.113.9", false), (" 10.1.1.1", false),
        ])
    func networks(address: String, isInside: Bool) throws {
        let networks = ["10.0.0.0/8", "2001:db8::/32"]
        #expect(
            try decide(rule("in", networks: networks, .isPublic), address: address)
                == (isInside ? .allowPublic(rule: "in") : .deny(.noRuleMatches)))
        #expect(
            try decide(rule("in", networks: networks, .allow(.anyone)), address: address)
                == (isInside ? .allow(rule: "in") : .deny(.noRuleMatches)))
    }

    @Test("What the web server did not say matches a rule that denies, and none that lets through")
    func unsaid() throws {
        for (name, effect) in [("deny", Rule.Effect.deny), ("public", .isPublic), ("allow", .allow(.anyone))] {
            let expected: Decision = name == "deny" ? .deny(.ruleDenies(name)) : .deny(.noRuleMatches)
            #expect(try decide(rule(name, networks: ["10.0.0.0/8"], effect), address: nil) == expected)
            #expect(try decide(rule(name, networks: ["10.0.0.0/8"], effect), address: "unix:") == expected)
            #expect(try decide(rule(name, hosts: ["app.test"], effect), host: "") == expected)
            #expect(try decide(rule(name, methods: ["GET"], effect), method: "") == expected)
        }
    }

    @Test("A rule that denies some networks does not deny others")
    func denyElsewhere() throws {
        let policy = try #require(
            Policy(rules: [rule("out", networks: ["10.0.0.0/8"], .deny), rule("people", .allow(.anyone))]))
        #expect(policy.decide(on: try resource("/x", address: "11.1.1.1"), for: identity()) == .allow(rule: "people"))
        #expect(
            policy.decide(on: try resource("/x", address: "10.1.1.1"), for: identity()) == .deny(.ruleDenies("out")))
    }

    @Test("All parts of a rule must match")
    func all() throws {
        let both = rule("r", hosts: ["app.test"], paths: ["/x"], methods: ["GET"], networks: ["10.0.0.0/8"], .isPublic)
        #expect(try decide(both) == .allowPublic(rule: "r"))
        #expect(try decide(both, host: "other.test") == .deny(.noRuleMatches))
        #expect(try decide(both, method: "POST") == .deny(.noRuleMatches))
        #expect(try decide(both, address: "11.1.1.1") == .deny(.noRuleMatches))
    }
}

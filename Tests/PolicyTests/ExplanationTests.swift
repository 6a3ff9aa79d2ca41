import Policy
import Testing

struct ExplanationTests {
    private let policy = Policy(rules: [
        rule("other host", hosts: ["other.test"], .isPublic), rule("post", methods: ["POST"], .isPublic),
        rule("inside", networks: ["10.0.0.0/8"], .isPublic), rule("open", paths: ["/open/*"], .isPublic),
        rule("people", paths: ["/x/*"], .allow(.anyone)),
        rule("rest", .deny),
    ])

    @Test("Each rule says why it is not about the request, up to the one that decides")
    func steps() throws {
        let explanation = try #require(policy?.explain(try resource("/x/y"), for: identity()))
        #expect(explanation.steps.map(\.rule) == ["other host", "post", "inside", "open", "people"])
        #expect(explanation.steps.map(\.mismatch) == [.host, .method, .network, .path, nil])
        #expect(explanation.steps.map(\.decision) == [nil, nil, nil, nil, .allow(rule: "people")])
        #expect(explanation.decision == .allow(rule: "people"))
    }

    @Test("Each reading of a path is explained, and the decision is that of decide")
    func readings() throws {
        let resource = try resource("/open/..%2fx/y")
        let explanation = try #require(policy?.explain(resource, for: nil))
        #expect(explanation.steps.compactMap(\.decision) == [.signIn(rule: "people"), .allowPublic(rule: "open")])
        #expect(explanation.decision == policy?.decide(on: resource, for: nil))
        #expect(explanation.decision == .signIn(rule: "people"))
    }

    @Test("When no rule matches all of them are listed")
    func none() throws {
        let policy = try #require(
            Policy(rules: [rule("a", paths: ["/a"], .isPublic), rule("b", paths: ["/b"], .isPublic)]))
        let explanation = policy.explain(try resource("/c"), for: nil)
        #expect(explanation.steps.map(\.rule) == ["a", "b"])
        #expect(explanation.decision == .deny(.noRuleMatches))
    }

    @Test(
        "A reason names its rule",
        arguments: [
            (DenyReason.noRuleMatches, "no rule matches"), (.ruleDenies("r"), "rule r denies"),
            (.conditionNotMet(rule: "r"), "the condition of rule r is not met"),
        ])
    func reasons(reason: DenyReason, text: String) {
        #expect("\(reason)" == text)
    }
}

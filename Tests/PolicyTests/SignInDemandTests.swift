import Identity
import Testing
import Values

@testable import Policy

@Suite("What a rule demands of a sign-in")
struct SignInDemandTests {
    private let now = Timestamp(seconds: 1_800_000_000)
    private let strong = Rule(
        name: "strong", paths: [PathPattern("/pay/*".utf8)].compactMap(\.self), effect: .allow(group("staff")),
        demand: SignInDemand(providers: ["corp"], strength: Strength(acrValues: ["mfa"], maxAge: 60)))

    @Test("It is met by one of its providers, with its strength")
    func met() {
        let demand = SignInDemand(providers: ["corp", "partner"], strength: Strength(acrValues: ["mfa"]))
        let isMet = { demand.isMet(by: identity(provider: $0, claims: ["acr": .string($1)]), at: now) }
        #expect(isMet("corp", "mfa") && isMet("partner", "mfa"))
        #expect(!isMet("op", "mfa") && !isMet("CORP", "mfa") && !isMet("cor", "mfa") && !isMet("corp", "pwd"))
        #expect(SignInDemand.none.isMet(by: identity(), at: now))
    }

    @Test("Who signed in otherwise is asked to sign in, not refused; who did is judged by the rule's condition")
    func decisions() throws {
        let policy = try #require(Policy(rules: [strong, rule("rest", .allow(.anyone))]))
        let decide = { (provider: String, acr: String, age: Int64, groups: [String]) in
            policy.decide(
                on: try resource("/pay/x"),
                for: identity(
                    provider: provider, groups: groups,
                    claims: ["acr": .string(acr), "auth_time": .integer(now.seconds - age)]),
                at: now)
        }
        #expect(try decide("corp", "mfa", 0, ["staff"]) == .allow(rule: "strong"))
        #expect(try decide("corp", "mfa", 0, []) == .deny(.conditionNotMet(rule: "strong")))
        for (provider, acr, age): (String, String, Int64) in [
            ("op", "mfa", 0), ("corp", "pwd", 0), ("corp", "mfa", 3600), ("corp", "mfa", -3600),
        ] {
            #expect(try decide(provider, acr, age, ["staff"]) == .signIn(rule: "strong"), "\(provider) \(acr) \(age)")
        }
        #expect(policy.decide(on: try resource("/x"), for: identity(), at: now) == .allow(rule: "rest"))
    }

    @Test("The policy tells what the rule of a name demands, and whether any rule looks at the clock")
    func demandOfRule() throws {
        let policy = try #require(Policy(rules: [strong, rule("rest", .allow(.anyone))]))
        #expect(policy.demand(ofRule: "strong") == strong.demand && policy.asksForTime)
        for name in ["rest", "other", nil] { #expect(policy.demand(ofRule: name) == .none) }
        #expect(try !#require(Policy(rules: [rule("rest", .allow(.anyone))])).asksForTime)
    }

    @Test("PATH-01: of two readings of a path the one that demands more counts")
    func readings() throws {
        let policy = try #require(Policy(rules: [strong, rule("rest", .allow(.anyone))]))
        for uri in ["/pay/..%2fx", "/x/..%2fpay/y"] {
            let weak = policy.decide(on: try resource(uri), for: identity(groups: ["staff"]), at: now)
            #expect(weak == .signIn(rule: "strong"), "\(uri)")
        }
    }

    @Test("An explanation says the same as the decision")
    func explained() throws {
        let policy = try #require(Policy(rules: [strong]))
        let person = identity(
            provider: "corp", groups: ["staff"], claims: ["acr": .string("mfa"), "auth_time": .integer(now.seconds)])
        #expect(policy.explain(try resource("/pay/x"), for: person, at: now).decision == .allow(rule: "strong"))
        let late = policy.explain(try resource("/pay/x"), for: person, at: now.adding(3600))
        #expect(late.decision == .signIn(rule: "strong") && late.steps.last?.decision == .signIn(rule: "strong"))
    }
}

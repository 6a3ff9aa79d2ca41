import Identity
import Policy
import Testing
import Values
import Web

@testable import Configuration

@Suite("Rules")
struct RuleReaderTests {
    @Test(
        "a mistake in a rule is found where it stands",
        arguments: [
            ("[]", "rules is empty"), ("{}", "rules is a list"), ("[x]", "a rule holds keys"),
            ("[{ paths: [/x] }]", "exactly one of allow"), ("[{ public: true, deny: true }]", "exactly one of allow"),
            ("[{ public: yes }]", "public is true"), ("[{ deny: false }]", "deny is true"),
            ("[{ alow: { everyone: true }, deny: true }]", "did you mean allow?"),
            ("[{ deny: true, hosts: ['https://x'] }]", "no host"),
            ("[{ deny: true, hosts: [] }]", "would match nothing"),
            ("[{ deny: true, paths: [admin] }]", "no path"), ("[{ deny: true, paths: ['/a*'] }]", "no path"),
            ("[{ deny: true, paths: ['/a/../b'] }]", "no path"), ("[{ deny: true, methods: [get] }]", "no method"),
            ("[{ deny: true, networks: [10.0.0] }]", "no network"),
            ("[{ allow: true }]", "a condition holds keys"), ("[{ allow: {} }]", "nobody can meet"),
            ("[{ allow: { groups: [] } }]", "met by nobody"), ("[{ allow: { groups: [''] } }]", "an entry is empty"),
            ("[{ allow: { groups: [a], emails: [] } }]", "met by nobody"),
            ("[{ allow: { emails: [alice] } }]", "no e-mail address"),
            ("[{ allow: { emails: [a@b@c] } }]", "no e-mail address"),
            ("[{ allow: { domains: ['@example.com'] } }]", "no domain"),
            ("[{ allow: { domains: ['*.example.com'] } }]", "no domain"),
            ("[{ allow: { everyone: false } }]", "everyone is true"),
            ("[{ allow: { all: [] } }]", "a list of conditions"),
            ("[{ allow: { claims: [x] } }]", "claims holds names"),
            ("[{ allow: { not: [x] } }]", "a condition holds keys"),
            ("[{ allow: { domain: [x.test] } }]", "did you mean domains?"),
            ("[{ allow: { emails: [a@x.test], insecure_unverified_email: yes } }]", "true or false"),
            ("[{ name: a, deny: true }, { name: a, public: true }]", "called a, too"),
        ])
    func wrong(rules: String, message: String) {
        let found = mistakes(yaml(rules: rules))
        #expect(!found.isEmpty && found.contains { $0.contains(message) }, "\(found)")
        #expect(found.allSatisfy { $0.hasPrefix("p:3:") }, "\(found)")
    }

    @Test("several keys of a condition: any of them; all, any and not are as they say")
    func conditions() throws {
        #expect(try isAllowed("{ groups: [ops], emails: [alice@example.com] }"))
        #expect(try isAllowed("{ groups: [ops, staff] }"))
        #expect(try !isAllowed("{ groups: [ops] }"))
        #expect(try !isAllowed("{ all: [{ groups: [ops] }, { emails: [alice@example.com] }] }"))
        #expect(try isAllowed("{ any: [{ groups: [ops] }, { domains: [EXAMPLE.com] }] }"))
        #expect(try isAllowed("{ not: { groups: [ops] } }"))
        #expect(try !isAllowed("{ not: { groups: [ops], domains: [example.com] } }"))
        #expect(try isAllowed("{ claims: { department: [it, hr] } }"))
        #expect(try !isAllowed("{ claims: { department: hr } }"))
        #expect(try isAllowed("{ users: alice }"))
        #expect(try isAllowed("{ subjects: [s-1] }"))
        #expect(try isAllowed("{ providers: [company] }"))
        #expect(try isAllowed("{ everyone: true }"))
    }

    @Test("POL-02: an address that is not verified counts only where the rule says so")
    func unverified() throws {
        #expect(try !isAllowed("{ domains: [example.com] }", verified: false))
        #expect(try isAllowed("{ domains: [example.com], insecure_unverified_email: true }", verified: false))
    }

    @Test("PATH-07: hosts, paths, methods and networks narrow a rule; the first that matches decides")
    func order() throws {
        let policy = try settings(
            yaml(
                rules: """
                    [{ name: health, hosts: [app.example.com], paths: [/health], methods: [GET], public: true },
                     { name: inside, networks: [10.0.0.0/8], paths: [/admin/*], allow: { everyone: true } },
                     { paths: [/admin/*], deny: true }, { allow: { everyone: true } }]
                    """)
        ).policy
        let decide = { (path: String, method: String, address: String) throws in
            policy.decide(on: try resource(path, method, address), for: nil)
        }
        #expect(try decide("/health", "GET", "1.2.3.4") == .allowPublic(rule: "health"))
        #expect(try decide("/health", "POST", "1.2.3.4") == .signIn(rule: "4"))
        #expect(try decide("/admin/x", "GET", "10.1.2.3") == .signIn(rule: "inside"))
        #expect(try decide("/admin/x", "GET", "1.2.3.4") == .deny(.ruleDenies("3")))
    }

    private func resource(_ path: String, _ method: String, _ address: String) throws -> Resource {
        Resource(
            host: "app.example.com", path: try #require(ResourcePath(requestURI: Array(path.utf8)[...])),
            method: method, address: IPAddress(address.utf8))
    }

    private func isAllowed(_ condition: String, verified: Bool = true) throws -> Bool {
        let alice = Identity(
            provider: "company", issuer: "https://login.example.com", subject: "s-1", username: "alice",
            email: "alice@example.com", isEmailVerified: verified, groups: ["staff"],
            claims: Claims(["department": .string("it")]))
        let policy = try settings(yaml(rules: "[{ allow: \(condition) }]")).policy
        return policy.decide(on: try resource("/", "GET", "1.2.3.4"), for: alice) == .allow(rule: "1")
    }
}

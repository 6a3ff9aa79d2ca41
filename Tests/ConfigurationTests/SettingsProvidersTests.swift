import Identity
import OpenIDConnect
import Policy
import Testing
import Web

@testable import Configuration

@Suite("Several providers")
struct SettingsProvidersTests {
    @Test("Each counts on its hosts, and is for people unless the operator says otherwise")
    func hosts() throws {
        let providers = try settings(
            several([
                "jobs: { \(client), sign_in: false }", "corp: { \(client), hosts: [App.test, '*.corp.test'] }",
            ])
        ).providers
        #expect(providers.map(\.provider.name) == ["jobs", "corp"] && providers.map(\.isForPeople) == [false, true])
        let corp = providers[1].hosts
        let matches = { (host: String) in corp.contains { $0.matches(Array(host.utf8)[...]) } }
        #expect(matches("app.test") && matches("a.corp.test") && !matches("corp.test") && !matches("evilcorp.test"))
        #expect(providers[0].hosts.isEmpty)
    }

    @Test("The first that people sign in with is the one that is examined")
    func first() throws {
        let text = several(["jobs: { \(client), sign_in: false }", "corp: { \(client) }"])
        #expect(try settings(text).firstProvider.name == "corp")
    }

    @Test(
        "REL-11: mistakes are told with the provider that they are in",
        arguments: [
            (["corp: { \(client), hosts: ['https://x'] }"], "no host"),
            (["corp: { \(client), hosts: ['*'] }"], "no host"), (["corp: { \(client), hosts: [''] }"], "is empty"),
            (["a: { \(client) }", "corp: { \(client), sign_in: no }"], "providers.corp.sign_in is true or false"),
            (["corp: { \(client), sign_in: false }"], "nobody could sign in"),
            (["a: { \(client) }", "corp: {}"], "providers.corp holds nothing"),
            (["a: { \(client) }", "'b c': { \(client) }"], "a provider's name is"),
            (["a: { \(client) }", "a: { \(client) }"], "stands twice"),
            (["a: { \(client) }", "b: { issuer: https://x.test, client_secret: 12345678 }"], "providers.b.client_id"),
        ])
    func wrong(providers: [String], message: String) {
        let found = mistakes(several(providers))
        #expect(found.count == 1 && found.allSatisfy { $0.contains(message) }, "\(found)")
    }

    @Test("A configuration without providers is told what one looks like")
    func none() {
        let found = mistakes("public_url: https://app.test\nrules: [{ allow: { everyone: true } }]\n")
        #expect(found.count == 1 && found[0].contains("providers is missing"))
        #expect(!mistakes(several([])).isEmpty)
    }

    @Test("The environment adds a provider, and changes one")
    func environment() throws {
        let text = several(["corp: { \(client) }"])
        let providers = try settings(
            text,
            [
                "POSTERN_PROVIDERS_GH_KIND": "github", "POSTERN_PROVIDERS_GH_CLIENT_ID": "b",
                "POSTERN_PROVIDERS_GH_CLIENT_SECRET": "12345678", "POSTERN_PROVIDERS_CORP_TITLE": "Staff",
            ]
        ).providers
        #expect(providers.map(\.provider.name) == ["corp", "gh"] && providers[0].provider.title == "Staff")
    }

    @Test("A rule demands providers of the file, how they prove people, and how lately")
    func rules() throws {
        let demand = try settings(
            several(["corp: { \(client) }"], rule: "providers: [corp], acr_values: mfa, max_age: 15m")
        ).policy.demand(ofRule: "r")
        #expect(demand.providers == ["corp"] && demand.strength.acrValues == ["mfa"] && demand.strength.maxAge == 900)
    }

    @Test(
        "REL-11: a demand that nobody could meet, or that would break a header field, is a mistake",
        arguments: [
            ("providers: [other]", "other is no provider"), ("providers: []", "would match nothing"),
            ("acr_values: ['a b']", "no authentication context class"), ("acr_values: ['a\"b']", "no authentication"),
            (#"acr_values: ["a\nb"]"#, "no authentication"), ("max_age: soon", "max_age is a time"),
            ("max_age: -1", "max_age is a time"),
        ])
    func wrongDemand(text: String, message: String) {
        let found = mistakes(several(["corp: { \(client) }"], rule: text))
        #expect(found.count == 1 && found.allSatisfy { $0.contains(message) }, "\(found)")
    }

    @Test("REL-11: what demands something of a sign-in lets in who signed in, and nobody else")
    func demandWithoutAllow() {
        for effect in ["public: true", "deny: true"] {
            let found = mistakes(yaml(rules: "[{ \(effect), max_age: 15m }]"))
            #expect(found.count == 1 && found.allSatisfy { $0.contains("belong to a rule with allow") }, "\(found)")
        }
    }
}

private let client = "issuer: https://x.test, client_id: a, client_secret: 12345678"

private func several(_ providers: [String], rule: String = "") -> String {
    """
    public_url: https://app.test
    providers: { \(providers.joined(separator: ", ")) }
    rules: [{ name: r, allow: { everyone: true }\(rule.isEmpty ? "" : ", \(rule)") }]
    """
}

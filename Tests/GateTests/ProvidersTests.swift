import Identity
import OpenIDConnect
import Policy
import TestSupport
import Testing
import Web

@testable import Gate

@Suite("Which provider counts where")
struct ProvidersTests {
    private func providers(_ clients: Client...) throws -> Providers {
        let url = try #require(EndpointURL("https://app.test"))
        let settings = GateSettings(
            publicURL: url, prefix: "/oauth2", cookies: CookieSettings(name: "s", scope: SetCookie.Scope()),
            identity: IdentitySettings(headers: [], limit: 0), returnTargets: ReturnTargets(publicURL: url, hosts: []),
            lifetime: 1, signInLifetime: 1, providerTimeout: 1)
        let (scripted, clock) = (ScriptedProvider(), ManualClock())
        return Providers(try clients.map { try $0.entry(settings, scripted, clock) })
    }

    private func identity(_ provider: String, issuer: String = ScriptedProvider.issuer) -> Identity {
        Identity(provider: provider, issuer: issuer, subject: "s-1", username: "alice")
    }

    private func host(_ name: String) -> ArraySlice<UInt8> { Array(name.utf8)[...] }

    @Test("SES-04: a session counts where its provider does, and only as that provider's of today")
    func accepts() throws {
        let providers = try providers(
            Client("op"), Client("corp", hosts: ["corp.test", "*.corp.test"]), Client("jobs", isForPeople: false))
        let accepts = { (identity: Identity, name: String) in providers.accepts(identity, on: host(name)) }
        #expect(accepts(identity("op"), "app.test") && accepts(identity("op"), ""))
        #expect(accepts(identity("corp"), "corp.test") && accepts(identity("corp"), "a.corp.test"))
        for name in ["app.test", "evilcorp.test", "corp.test.evil.test", ""] {
            #expect(!accepts(identity("corp"), name), "\(name)")
        }
        #expect(!accepts(identity("jobs"), "app.test"), "nobody signs in with it")
        #expect(!accepts(identity("gone"), "app.test") && !accepts(identity("OP"), "app.test"))
        #expect(!accepts(identity("op", issuer: "https://before.test"), "app.test"), "it has another issuer now")
    }

    @Test("A program's token counts where its provider does, also of one that is there for programs only")
    func takes() throws {
        let providers = try providers(
            Client("jobs", hosts: ["api.test"], isForPeople: false) {
                $0.accessTokens = AccessTokenDemand(audiences: ["a"])
            }, Client("op"))
        let taking = { (name: String) in providers.takingTokens(on: host(name)).map(\.provider.name) }
        #expect(taking("api.test") == ["jobs"] && taking("API.test.") == ["jobs"] && taking("app.test") == [])
    }

    @Test("People are offered those of the host, in their order, and of those what a rule demands")
    func offered() throws {
        let providers = try providers(
            Client("op"), Client("corp", hosts: ["*.corp.test"]), Client("jobs", isForPeople: false), Client("gh"))
        let offered = { (name: String, demanded: [String]) in
            providers.offered(on: host(name), for: SignInDemand(providers: demanded)).map(\.provider.name)
        }
        #expect(offered("app.test", []) == ["op", "gh"])
        #expect(offered("a.corp.test", []) == ["op", "corp", "gh"])
        #expect(offered("a.corp.test", ["gh", "corp"]) == ["corp", "gh"])
        #expect(offered("app.test", ["corp"]) == [] && offered("app.test", ["jobs"]) == [])
        #expect(offered("app.test", ["OP"]) == [])
    }

    @Test("They say whether any takes access tokens, or answers in a form that is posted")
    func any() throws {
        let plain = try providers(Client("op"), Client("corp"))
        #expect(!plain.takeAccessTokens && !plain.post)
        #expect(plain["corp"]?.provider.name == "corp" && plain["other"] == nil)
        let more = try providers(
            Client("op"), Client("corp") { $0.accessTokens = AccessTokenDemand(audiences: ["a"]) },
            Client("apple") { $0.responseMode = .formPost })
        #expect(more.takeAccessTokens && more.post)
    }
}

import HTTPTypes
import Identity
import Testing
import Values
import Web

@testable import OpenIDConnect

@Suite("GitHub")
struct GitHubTests {
    private let interface = Interface()

    @Test("The address is the one that is primary and verified, not the one that the profile shows")
    func email() throws {
        answer(
            emails: """
                [{"email":"old@example.com","primary":false,"verified":true},
                 {"email":"alice@example.com","primary":true,"verified":true}]
                """)
        let claims = try claims(["user:email"])
        #expect(claims["email"] == .string("alice@example.com") && claims["email_verified"] == .bool(true))
        #expect(claims["id"] == .integer(583_231) && claims["login"] == .string("octocat"))
    }

    @Test(
        "POL-02: without such an address there is none, and nothing is verified",
        arguments: [
            "[]", #"[{"email":"a@example.com","primary":true,"verified":false}]"#,
            #"[{"email":"a@example.com","primary":false,"verified":true}]"#,
            #"[{"email":"a@example.com","primary":"true","verified":"true"}]"#, #"[{"email":"a@example.com"}]"#,
        ])
    func noEmail(emails: String) throws {
        answer(emails: emails)
        let claims = try claims(["user:email"])
        #expect(claims["email"] == nil && claims["email_verified"] == .bool(false))
    }

    @Test("Organisations and teams become groups in lower case; a team is never named without its organisation")
    func groups() throws {
        answer(
            orgs: #"[{"login":"Acme"},{"login":"other-inc"},{"id":7}]"#,
            teams: """
                [{"slug":"Ops","organization":{"login":"Acme"}},{"slug":"ops"},{"organization":{"login":"Acme"}},
                 {"slug":"admins","name":"Admins","organization":{"login":"evil"}}]
                """)
        #expect(
            try claims(["read:org"])["groups"]
                == .array(["org:acme", "org:other-inc", "team:acme/ops", "team:evil/admins"].map { .string($0) }))
    }

    @Test("What was not granted is not asked; a token without scopes, of a GitHub App, asks all")
    func scopes() throws {
        answer(emails: #"[{"email":"a@example.com","primary":true,"verified":true}]"#, orgs: #"[{"login":"acme"}]"#)
        let bare = try claims(["gist"])
        #expect(interface.paths == ["/user"])
        #expect(bare["email"] == nil && bare["groups"] == .array([]))
        #expect(bare["scope"] == .string("gist"), "kept for the next time it is asked")
        #expect(try claims(["user"])["email"] == .string("a@example.com"))
        for scopes in [nil, []] as [[String]?] {
            let claims = try claims(scopes)
            #expect(claims["email"] != nil && claims["groups"] == .array([.string("org:acme")]))
        }
    }

    @Test("REF-04: an answer that is refused or cut makes no claims with fewer groups", arguments: [429, 500])
    func failures(status: Int) {
        answer()
        interface.answer("/user/teams", "[]", status: status)
        #expect(kind { _ = try claims(["read:org"]) } == "none")
        #expect(kind { _ = try claims(["read:org"]) } == "providerUnavailable")
    }

    @Test("A token is taken back by the application itself, with its own credentials")
    func revocation() throws {
        let provider = try service("github") { $0.clientID = "Iv1/x" }
        let request = try #require(GitHub.revocation(of: Secret("gho_1"), provider, deadline: 5))
        #expect(request.method == .delete && request.deadline == 5)
        #expect(request.url.text == "https://op.test/realm/api/applications/Iv1%2Fx/token")
        #expect(request.value(of: .authorization) == "Basic \(Base64.encode(Array("Iv1/x:s3cret&=".utf8)))")
        #expect(JSONValue(parsing: request.body, limit: 100) == .object(["access_token": .string("gho_1")]))
        #expect(GitHub.revocation(of: Secret("x"), provider.with { $0.clientSecret = nil }, deadline: 5) == nil)
    }

    private func answer(emails: String = "[]", orgs: String = "[]", teams: String = "[]") {
        interface.answer("/user", #"{"id":583231,"login":"octocat","email":"shown@evil.test"}"#)
        interface.answer("/user/emails", emails)
        interface.answer("/user/orgs", orgs)
        interface.answer("/user/teams", teams)
    }

    private func claims(_ scopes: [String]?) throws -> Claims {
        let api = interface.api(try service("github"))
        var grant = api.grant
        grant.scopes = scopes
        return try GitHub.claims(api, grant)
    }
}

extension Provider {
    /// The same, changed.
    func with(_ change: (inout Provider) -> Void) -> Provider {
        var provider = self
        change(&provider)
        return provider
    }
}

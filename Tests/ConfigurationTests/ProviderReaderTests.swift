import Identity
import OpenIDConnect
import Testing
import Values
import Web

@testable import Configuration

@Suite("One provider: what its preset knows, and what the operator says")
struct ProviderReaderTests {
    @Test("GitHub needs no more than the client; an Enterprise Server has its interface below its own address")
    func gitHub() throws {
        let plain = try provider("kind: github")
        #expect(plain.issuer == "https://github.com" && plain.dialect == .oauth2 && plain.title == "GitHub")
        #expect(plain.endpoints.authorization?.text == "https://github.com/login/oauth/authorize")
        #expect(plain.endpoints.token?.text == "https://github.com/login/oauth/access_token")
        #expect(plain.endpoints.userinfo?.text == "https://api.github.com/user")
        #expect(plain.scopes == ["user:email", "read:org"] && plain.clientAuthentication == .post)
        let own = try provider("kind: github, issuer: 'https://git.example.com/'")
        #expect(own.api?.text == "https://git.example.com/api/v3")
        #expect(own.endpoints.token?.text == "https://git.example.com/login/oauth/access_token")
        let moved = try provider("kind: github, api_url: https://api.example.com")
        #expect(moved.endpoints.userinfo?.text == "https://api.example.com/user")
    }

    @Test("Facebook's addresses hold the version of its interface")
    func facebook() throws {
        let plain = try provider("kind: facebook")
        #expect(plain.endpoints.authorization?.text == "https://www.facebook.com/v25.0/dialog/oauth")
        #expect(plain.endpoints.token?.text == "https://graph.facebook.com/v25.0/oauth/access_token")
        #expect(plain.api?.text == "https://graph.facebook.com/v25.0")
        let newer = try provider("kind: facebook, graph_version: v26.0")
        #expect(newer.api?.text == "https://graph.facebook.com/v26.0")
        #expect(newer.endpoints.userinfo?.text.hasPrefix("https://graph.facebook.com/v26.0/me?fields=") == true)
    }

    @Test("Microsoft's issuer is that of the directory")
    func entra() throws {
        let own = try provider("kind: entra, tenant: example.com")
        #expect(own.issuer == "https://login.microsoftonline.com/example.com/v2.0")
        #expect(own.api?.text == "https://graph.microsoft.com" && own.tenant == "example.com")
        #expect(mistake("kind: entra").contains("tenant is missing"))
        for tenant in ["a/b", "'{tenantid}'", "'a b'", "'?x'"] {
            #expect(mistake("kind: entra, tenant: \(tenant)").contains("directory's id or name"), "\(tenant)")
        }
    }

    @Test("Every kind can be configured with what its messages ask for", arguments: Preset.all)
    func everyKind(preset: Preset) throws {
        var parts = ["kind: \(preset.kind)"]
        if preset.issuer == nil { parts.append("issuer: https://own.example.com") }
        if preset.kind == "entra" { parts.append("tenant: common") }
        if preset.kind == "oauth2" {
            parts += ["authorization_endpoint", "token_endpoint", "userinfo_endpoint"].map {
                "\($0): https://own.example.com/\($0)"
            }
        }
        // These have keys instead of secrets.
        guard !["apple", "login-gov"].contains(preset.kind) else { return }
        let made = try provider(parts.joined(separator: ", "))
        #expect(made.dialect == preset.dialect && made.oddities == preset.oddities)
        #expect(made.scopes == preset.scopes)
        #expect(made.title == (preset.kind == "oidc" ? "company" : preset.title))
        #expect(!made.issuer.contains("{"))
        if made.dialect == .oauth2 { #expect(made.endpoints.token != nil && made.endpoints.userinfo != nil) }
    }

    @Test("What the operator says comes before what the preset knows")
    func said() throws {
        let made = try provider(
            """
            kind: google, title: Staff, scopes: [openid, email], prompt: select_account, recheck: 30m,
            hosted_domains: [example.com], revoke: false, end_session: false,
            token_endpoint: 'https://token.example.com/t', authorization_parameters: { access_type: online, hd: x },
            claims: { username: upn, email: mail, groups: roles.list }
            """)
        #expect(made.title == "Staff" && made.scopes == ["openid", "email"] && made.prompt == "select_account")
        #expect(made.recheck == 1800 && made.hostedDomains == ["example.com"])
        #expect(!made.revokes && !made.endSession)
        #expect(made.endpoints.token?.text == "https://token.example.com/t" && made.endpoints.authorization == nil)
        let parameters = made.authorizationParameters.map { "\($0.name)=\($0.value)" }
        #expect(parameters == ["access_type=online", "hd=x"])
        #expect(made.mapping.username == ["upn"] && made.mapping.email == "mail" && made.mapping.groups == "roles.list")
        let standard = try provider("kind: google")
        #expect(standard.authorizationParameters.map(\.value) == ["offline"] && standard.recheck == 3600)
        #expect(standard.revokes && standard.endSession)
    }

    @Test("A plain OAuth2 service is asked for no openid, and its subject may be called anything")
    func oauth2() throws {
        let endpoints = ["authorization", "token", "userinfo"].map { "\($0)_endpoint: https://x.test/\($0)" }
        let text = "kind: oauth2, issuer: https://x.test, \(endpoints.joined(separator: ", "))"
        let made = try provider("\(text), scopes: [read], claims: { subject: uid }")
        #expect(made.scopes == ["read"] && made.mapping.subject == "uid")
        #expect(made.mapping.username.last == "uid", "somebody without another name is called by it")
        #expect(made.endpoints.revocation == nil && made.api == nil)
    }

    @Test(
        "REL-11: a mistake is told with what to do",
        arguments: [
            ("kind: keycloak", "issuer is missing"), ("kind: oidc, issuer: x.test", "no address such as"),
            ("kind: oidc, issuer: http://x.test", "insecure_http: true"),
            ("kind: github, api_url: http://api.test", "api_url is no https address"),
            ("kind: github, token_endpoint: ftp://x", "token_endpoint is no https address"),
            ("kind: oidc, issuer: https://x.test, userinfo_endpoint: x", "userinfo_endpoint is no https address"),
            ("kind: oidc, issuer: https://x.test, introspection_endpoint: x", "introspection_endpoint is no https"),
            ("kind: oidc, issuer: https://x.test, claims: { subject: email }", "is always sub"),
            ("kind: github, authorization_parameters: { nonce: x }", "Postern's own"),
            ("kind: github, authorization_parameters: { request_uri: x }", "Postern's own"),
            ("kind: github, recheck: 2d", "out of range"), ("kind: github, revoke: maybe", "true or false"),
            ("kind: githb", "did you mean github?"),
        ])
    func wrong(text: String, message: String) {
        #expect(mistake(text).contains(message), "\(mistake(text))")
    }

    @Test("Plain http is for trials, and for the issuer's own origin alone")
    func insecure() throws {
        let trial = "kind: oidc, issuer: http://x.test, insecure_http: true"
        #expect(try provider(trial).insecureHTTP)
        #expect(mistake("\(trial), token_endpoint: http://other.test/").contains("no https address"))
    }
}

/// The provider of these keys, with a client.
func provider(_ text: String) throws -> Provider {
    try settings(yaml(provider: withClient(text))).firstProvider
}

/// The one mistake in these keys.
func mistake(_ text: String) -> String {
    let found = mistakes(yaml(provider: withClient(text)))
    return found.count == 1 ? found[0] : "\(found.count) mistakes: \(found)"
}

private func withClient(_ text: String) -> String {
    "{ client_id: a, client_secret: 12345678, \(text.replacing("\n", with: " ")) }"
}

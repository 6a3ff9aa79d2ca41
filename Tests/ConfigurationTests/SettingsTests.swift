import OpenIDConnect
import Testing

@testable import Configuration

@Suite("Checks")
struct SettingsTests {
    @Test(
        "REL-11: what is not safe, or would not work, is a mistake",
        arguments: [
            ("url", "http://app.example.com", "not https"), ("url", "https://app.example.com/x", "without a path"),
            ("url", "https://app.example.com?x", "without a path"), ("url", "app.example.com", "without a path"),
            ("more", "listen: tcp:0.0.0.0:9000", "open to other machines"),
            ("more", "listen: tcp:[::]:9000", "open to"),
            ("more", "listen: tcp:localhost:9000", "listen is"), ("more", "listen: tcp:127.0.0.1", "listen is"),
            ("more", "listen: [fd:0, unix:run/x.sock]", "listen is"), ("more", "listen: []", "listen is empty"),
            ("more", "listen: unix:/\(String(repeating: "x", count: 100))", "listen is"),
            ("more", "listen: fd:x", "listen is"),
            ("more", "answer_cache: 1s", "use 2s"), ("more", "answer_cache: 61s", "out of range"),
            ("more", "prefix: oauth2", "prefix is"), ("more", "prefix: /oauth2/", "prefix is"),
            ("more", "prefix: '/x{'", "prefix is"), ("more", "prefix: /", "prefix is"),
            ("more", "trusted_proxies: [10.0.0.0/33]", "no network"),
            ("more", "return_hosts: ['https://x.test']", "no host"),
            ("more", "return_hosts: ['*.x.test']", "no host"), ("more", "return_hosts: ['']", "empty"),
            ("more", "session: { store: cookie }", "not available yet"),
            ("more", "session: { store: sqlite:x.db }", "sqlite:/PATH"),
            ("more", "session: { key_file: keys }", "from the root"), ("more", "log: { level: loud }", "one of debug"),
            ("more", "cookie: { domain: example.com, name: __Host-x }", "browsers drop"),
            ("more", "cookie: { name: __Host-x, path: /oauth2 }", "browsers drop"),
            ("more", "cookie: { name: __Host-x, insecure: true }", "browsers drop"),
            ("more", "cookie: { name: __Secure-x, insecure: true }", "browsers drop"),
            ("more", "cookie: { name: 'a b' }", "no name of a cookie"),
            ("more", "cookie: { name: __Host-postern-attempts }", "uses while people sign in"),
            ("more", "clear_cookies: [postern-state-x]", "uses while people sign in"),
            ("more", "clear_cookies: [session, __Host-postern]", "nobody could sign in"),
            ("more", "clear_cookies: [postern]\ncookie: { insecure: true }", "nobody could sign in"),
            ("more", "cookie: { name: x, domain: other.test }", "must be the host"),
            ("more", "cookie: { name: x, path: /app }", "must hold prefix"),
            ("more", "cookie: { insecure: true, same_site: none }", "browsers drop"),
            ("more", "cookie: { insecure: yes }", "true or false"),
            ("more", "identity: { headers: { Set-Cookie: email } }", "cannot be"),
            ("more", "identity: { headers: { X-Accel-Redirect: email } }", "cannot be"),
            ("more", "identity: { headers: { X_Mail: email } }", "cannot be"),
            ("more", "identity: { headers: { 'X-A:b': email } }", "cannot be"),
            ("more", "identity: { headers: { X-Mail: '' } }", "holds nothing"),
            ("more", "identity: { assertion: { lifetime: 2m } }", "does nothing without"),
            (
                "provider",
                "{ kind: oauth2, issuer: https://x.test, client_id: a, client_secret: 12345678, "
                    + "token_endpoint: https://x.test/t, userinfo_endpoint: https://x.test/u }",
                "authorization_endpoint is missing"
            ),
            (
                "provider", "{ kind: keycloak, client_id: a, client_secret: 12345678 }",
                "login.example.com/realms/REALM"
            ),
            (
                "provider", "{ kind: odic, issuer: https://x.test, client_id: a, client_secret: 12345678 }",
                "did you mean oidc?"
            ), ("provider", "{}", "holds nothing"),
            ("provider", "{ issuer: http://x.test, client_id: a, client_secret: 12345678 }", "not https"),
            ("provider", "{ issuer: 'https://x.test?a', client_id: a, client_secret: 12345678 }", "no address"),
            ("provider", "{ issuer: https://x.test, client_id: a }", "client_secret_file is missing"),
            ("provider", "{ issuer: https://x.test, client_secret: 12345678 }", "client_id is missing"),
            ("provider", "{ client_id: a, client_secret: 12345678 }", "issuer is missing"),
            ("provider", "{ issuer: https://x.test, client_id: a, client_secret: '' }", "client_secret is empty"),
            (
                "provider",
                "{ issuer: https://x.test, client_id: a, client_secret: 12345678, authorization_parameters: { state: x } }",
                "Postern's own"
            ),
        ])
    func wrong(part: String, text: String, message: String) {
        let text =
            switch part {
            case "url": yaml(url: "'\(text)'")
            case "provider": yaml(provider: text)
            default: yaml(text)
            }
        let found = mistakes(text)
        #expect(found.count == 1 && found[0].contains(message), "\(found)")
    }

    @Test("several providers are read in their order; one that is wrong does not hide the others")
    func severalProviders() throws {
        let second = "other: { kind: github, client_id: b, client_secret: 12345678, hosts: ['*.x.test'] }"
        let text = yaml().replacing("providers: {", with: "providers: { \(second),")
        let providers = try settings(text).providers
        #expect(providers.map(\.provider.name) == ["other", "company"])
        #expect(providers.map(\.hosts.count) == [1, 0])
        #expect(mistakes(text.replacing("client_id: b, ", with: "")).count == 1)
    }

    @Test(
        "every weakening that is in force is a warning",
        arguments: [
            (yaml("cookie: { insecure: true }"), "cookie.insecure"),
            (yaml("cookie: { insecure: true }", url: "http://localhost:8080"), "cookie.insecure"),
            (yaml("listen: tcp:0.0.0.0:9000\ninsecure_listen: true"), "insecure_listen"),
            (
                yaml(provider: "{ issuer: http://x.test, client_id: a, client_secret: 12345678, insecure_http: true }"),
                "insecure_http"
            ),
            (
                yaml(rules: "[{ allow: { emails: [a@x.test], insecure_unverified_email: true } }]"),
                "insecure_unverified_email"
            ),
        ])
    func weakenings(text: String, key: String) throws {
        let found = try warnings(text)
        #expect(found.count == 1 && found[0].contains("\(key) is on"), "\(found)")
    }

    @Test("without https the cookie has a name that browsers take")
    func insecureName() throws {
        let cookie = try settings(yaml("cookie: { insecure: true }")).cookie
        #expect(cookie.name == "postern")
        #expect(!cookie.isSecure)
    }

    @Test("a cookie for all subdomains")
    func domain() throws {
        let cookie = try settings(yaml("cookie: { name: __Secure-gate, domain: example.com }")).cookie
        #expect(cookie.domain == "example.com")
    }

    @Test("a public client has no secret")
    func publicClient() throws {
        let client = try settings(
            yaml(provider: "{ issuer: https://x.test, client_id: a, client_authentication: none }")
        ).firstProvider
        #expect(client.clientAuthentication == ClientAuthentication.none)
        #expect(client.clientSecret == nil)
    }

    @Test("openid is always asked for")
    func scopes() throws {
        let provider = "{ issuer: https://x.test, client_id: a, client_secret: 12345678, scopes: profile groups }"
        #expect(try settings(yaml(provider: provider)).firstProvider.scopes == ["openid", "profile", "groups"])
    }

    @Test("identity headers add to the usual ones and replace them, whatever the case of their letters")
    func headers() throws {
        let text = yaml("identity: { remote_headers: true, headers: { x-auth-request-user: sub, X-Mail: email } }")
        let headers = try settings(text).identity.headers.map { "\($0.name)=\($0.source)" }
        #expect(!headers.contains("X-Auth-Request-User=user"))
        #expect(headers.contains("x-auth-request-user=claim:sub"))
        #expect(headers.contains("X-Mail=email") && headers.contains("Remote-Name=claim:name"))
    }
}

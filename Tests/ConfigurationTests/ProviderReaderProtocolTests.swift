import Identity
import OpenIDConnect
import Testing

@testable import Configuration

@Suite("What of the protocol is used beyond its core")
struct ProviderReaderProtocolTests {
    @Test("Nothing, unless the operator says so")
    func standard() throws {
        let made = try provider("issuer: https://x.test")
        #expect(made.pushes == .auto && !made.signsRequests && !made.bindsTokens && !made.isFAPI)
        #expect(made.resources.isEmpty && made.responseMode == .query && made.strength == .any)
        #expect(made.accessTokens == nil)
    }

    @Test("Each can be asked for")
    func asked() throws {
        let made = try withKey { key in
            try provider(
                """
                issuer: https://x.test, pushed_authorization: always, request_object: true, dpop: true,
                resources: ['https://a.test', 'urn:b'], response_mode: form_post, acr_values: [mfa, phr], max_age: 15m,
                client_key_file: \(key)
                """)
        }
        #expect(made.pushes == .always && made.signsRequests && made.bindsTokens)
        #expect(made.resources == ["https://a.test", "urn:b"] && made.responseMode == .formPost)
        #expect(made.strength == Strength(acrValues: ["mfa", "phr"], maxAge: 900))
    }

    @Test(
        "REL-11: what cannot work is a mistake",
        arguments: [
            ("request_object: true", "client_key_file is missing, for request_object"),
            ("pushed_authorization: sometimes", "one of auto, always, never"),
            ("response_mode: fragment", "one of query, form_post"), ("max_age: 2y", "max_age is a time"),
            ("profile: fapi1", "one of standard, fapi2"), ("dpop: 1", "true or false"),
        ])
    func wrong(text: String, message: String) {
        #expect(mistake("issuer: https://x.test, \(text)").contains(message), "\(mistake(text))")
    }

    // MARK: FAPI 2.0

    @Test("FAPI 2.0 pushes requests, and shows who it is with the key")
    func fapi() throws {
        let made = try withKey { key in
            try provider("issuer: https://x.test, profile: fapi2, dpop: true, client_key_file: \(key)")
        }
        #expect(made.isFAPI && made.pushes == .always && made.clientAuthentication == .keyToken && made.bindsTokens)
        let certified = try withCertificate { key, certificate in
            try provider(
                """
                issuer: https://x.test, profile: fapi2, client_authentication: tls, client_key_file: \(key),
                client_certificate_file: \(certificate)
                """)
        }
        #expect(certified.isFAPI && certified.clientAuthentication == .tls && !certified.bindsTokens)
    }

    @Test(
        "REL-11: what FAPI 2.0 does not allow is a mistake",
        arguments: [
            ("dpop: false", "bound tokens"), ("pushed_authorization: never", "pushed authorization requests"),
            ("response_mode: form_post", "response_mode: query"),
            ("client_authentication: post", "private_key_jwt or tls"),
            ("client_authentication: client_secret_jwt", "private_key_jwt or tls"),
            ("insecure_http: true", "leave insecure_http out"), ("kind: github", "an OpenID provider"),
        ])
    func fapiRefuses(text: String, message: String) throws {
        let key = text.prefix { $0 != ":" }
        let found = try withKey { file in
            let parts =
                [
                    "kind: oidc", "issuer: https://x.test", "profile: fapi2", "dpop: true", "client_key_file: \(file)",
                ].filter { !$0.hasPrefix("\(key):") } + [text]
            return mistake(parts.joined(separator: ", "))
        }
        #expect(found.contains("profile: fapi2 demands") && found.contains(message), "\(found)")
    }

    @Test("Without a key or a certificate FAPI 2.0 has nothing to show")
    func fapiWithoutKey() {
        let found = mistake("issuer: https://x.test, profile: fapi2, dpop: true")
        #expect(found.contains("private_key_jwt or tls"), "\(found)")
    }

    // MARK: Access tokens

    @Test("Programs' tokens are taken where the operator says for whom, or that the provider is asked")
    func accessTokens() throws {
        let signed = try provider(
            """
            issuer: https://x.test,
            access_tokens: { audiences: [api], types: [AT+JWT, JWT], scopes: [read, write], cache: 2m }
            """)
        let demand = try #require(signed.accessTokens)
        #expect(
            demand.audiences == ["api"] && demand.types == ["at+jwt", "jwt"] && demand.scopes == ["read", "write"])
        #expect(demand.cacheLifetime == 120 && !demand.isIntrospected)
        let asked = try provider("issuer: https://x.test, access_tokens: { introspection: true }")
        #expect(asked.accessTokens?.isIntrospected == true && asked.accessTokens?.audiences == [])
        #expect(asked.accessTokens?.types == ["at+jwt"] && asked.accessTokens?.cacheLifetime == 30)
        #expect(try provider("issuer: https://x.test, access_tokens: { scopes: [read] }").accessTokens == nil)
    }
}

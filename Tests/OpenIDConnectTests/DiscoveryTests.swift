import JOSE
import Testing
import Values
import Web

@testable import OpenIDConnect

@Suite("Discovery believes only what the configured issuer says of itself")
struct DiscoveryTests {
    @Test("The document is fetched from the issuer's well-known place, a last slash counted once")
    func request() throws {
        for issuer in ["https://op.test/realm", "https://op.test/realm/"] {
            let request = try Discovery.request(to: provider { $0.issuer = issuer }, deadline: 7)
            #expect(request.url.text == "https://op.test/realm/.well-known/openid-configuration")
            #expect(request.deadline == 7)
        }
    }

    @Test("Its endpoints, methods and algorithms are read; what is optional may be missing")
    func document() throws {
        let full = try metadata(["token_endpoint_auth_methods_supported": .array([.string("client_secret_post")])])
        #expect(full.authorizationEndpoint.text == "https://op.test/realm/authorize?tenant=1")
        #expect(full.clientAuthentications == ["client_secret_post"])
        #expect(full.signatureAlgorithms == [.es256])
        #expect(!full.sendsIssuer)
        let bare = try metadata([
            "userinfo_endpoint": absent, "end_session_endpoint": .null,
            "id_token_signing_alg_values_supported": absent,
        ])
        #expect(bare.userinfoEndpoint == nil && bare.endSessionEndpoint == nil)
        #expect(bare.clientAuthentications == ["client_secret_basic"])
        #expect(bare.signatureAlgorithms == [.rs256])
    }

    @Test("JOSE: none and HMAC are no algorithms, whatever the provider says of them")
    func algorithms() throws {
        let named = JSONValue.array([.string("none"), .string("HS256"), .string("PS256")])
        #expect(try metadata(["id_token_signing_alg_values_supported": named]).signatureAlgorithms == [.ps256])
    }

    @Test("DISC: another issuer, or one that differs by a byte, is refused")
    func otherIssuer() throws {
        for issuer in [
            JSONValue.string("https://op.test/realm/"), .string("https://OP.test/realm"), .integer(1), .null,
        ] {
            #expect(throws: DiscoveryFailure.self) { try metadata(["issuer": issuer]) }
        }
    }

    @Test("DISC: a needed endpoint that is missing, or any endpoint that is no https address, is refused")
    func badEndpoints() throws {
        for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
            #expect(throws: DiscoveryFailure.invalid("\(name) is missing")) { try metadata([name: absent]) }
        }
        for name in [
            "authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "end_session_endpoint",
        ] {
            for address in [
                "http://op.test/x", "file:///etc/passwd", "https://169.254.169.254/", "//op.test", "javascript:1",
            ] {
                #expect(throws: DiscoveryFailure.self, "\(name) \(address)") { try metadata([name: .string(address)]) }
            }
        }
    }

    @Test("Plain http is for the issuer's own origin, where it is allowed at all")
    func insecure() throws {
        let url = try #require(EndpointURL("http://op.test/realm", allowsHTTP: true))
        let plain = provider {
            $0.issuerURL = url
            $0.insecureHTTP = true
        }
        #expect(try metadata(["token_endpoint": .string("http://op.test/token")], plain).tokenEndpoint.isHTTPS == false)
        #expect(throws: DiscoveryFailure.self) {
            try metadata(["token_endpoint": .string("http://other.test/token")], plain)
        }
    }

    @Test("What is no answer, or no object, is refused")
    func otherAnswers() {
        for (status, body) in [(404, "{}"), (301, "{}"), (500, "{}"), (200, "[]"), (200, "<html>"), (200, "")] {
            #expect(throws: DiscoveryFailure.self) {
                try Discovery.process(ProviderResponse(status: status, body: Array(body.utf8)), from: provider())
            }
        }
    }
}

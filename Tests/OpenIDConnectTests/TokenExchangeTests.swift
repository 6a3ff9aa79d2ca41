import HTTPTypes
import Testing
import Values
import Web

@testable import OpenIDConnect

@Suite("The token endpoint is asked, and its answers are understood")
struct TokenExchangeTests {
    private let now = Timestamp(seconds: 1000)
    private let pending = PendingSignIn(
        state: "st", nonce: "no", codeVerifier: Secret("ver"), provider: "op", returnURL: "/",
        created: Timestamp(seconds: 0))

    @Test("A code goes with its verifier and the address it came to")
    func codeRequest() throws {
        let request = try codeRequest(provider())
        #expect(request.method == .post && request.url.text == "https://op.test/realm/token")
        #expect(
            form(request) == [
                "grant_type": "authorization_code", "code": "c+d", "redirect_uri": "https://a.test/cb",
                "code_verifier": "ver",
            ])
    }

    @Test("A refresh token goes alone")
    func refreshRequest() throws {
        let request = TokenExchange.request(refreshToken: Secret("r t"), provider(), try metadata(), deadline: 1)
        #expect(form(request) == ["grant_type": "refresh_token", "refresh_token": "r t"])
    }

    @Test("client_secret_basic encodes both halves first (RFC 6749, section 2.3.1)")
    func basic() throws {
        let request = try codeRequest(provider())
        let field = request.fields.first { $0.name == .authorization }
        #expect(field?.value == "Basic \(Base64.encode(Array("postern%20id:s3cret%26%3D".utf8)))")
    }

    @Test("client_secret_post is used where the provider offers nothing better, or the operator says so")
    func post() throws {
        let onlyPost = ["token_endpoint_auth_methods_supported": JSONValue.array([.string("client_secret_post")])]
        for request in [
            try codeRequest(provider(), onlyPost), try codeRequest(provider { $0.clientAuthentication = .post }),
        ] {
            #expect(form(request)["client_id"] == "postern id" && form(request)["client_secret"] == "s3cret&=")
            #expect(!request.fields.contains { $0.name == .authorization })
        }
        let both = [
            "token_endpoint_auth_methods_supported": JSONValue.array([
                .string("client_secret_post"), .string("client_secret_basic"),
            ])
        ]
        #expect(form(try codeRequest(provider(), both))["client_secret"] == nil)
    }

    @Test("A public client names itself, and has no secret to send")
    func publicClient() throws {
        let request = try codeRequest(provider(secret: nil))
        #expect(form(request)["client_id"] == "postern id" && form(request)["client_secret"] == nil)
        #expect(!request.fields.contains { $0.name == .authorization })
    }

    @Test("Tokens, and when the access token ends")
    func tokens() throws {
        let grant = try process(
            #"{"access_token":"a","token_type":"bEaReR","refresh_token":"r","id_token":"i","expires_in":60}"#)
        #expect(
            grant
                == Grant(
                    accessToken: Secret("a"), refreshToken: Secret("r"), idToken: Secret("i"),
                    expires: Timestamp(seconds: 1060)))
        let bare = try process(#"{"access_token":"a","token_type":"Bearer","refresh_token":""}"#)
        #expect(bare == Grant(accessToken: Secret("a"), refreshToken: nil, idToken: nil, expires: nil))
    }

    @Test(
        "expires_in is a number or digits; what is out of range is as good as not said",
        arguments: [
            (#""60""#, 60 as Int64?), ("60.9", 60), ("0", nil), ("-1", nil), ("1e300", nil), (#""6o""#, nil),
            ("true", nil),
            ("315360001", nil), ("null", nil),
        ])
    func lifetime(text: String, seconds: Int64?) throws {
        let grant = try process(#"{"access_token":"a","token_type":"Bearer","expires_in":\#(text)}"#)
        #expect(grant.expires == seconds.map { Timestamp(seconds: 1000 + $0) })
    }

    @Test(
        "An answer without a bearer token is refused",
        arguments: [
            "{}", "[]", "", "access_token=a", #"{"access_token":"a"}"#, #"{"access_token":"","token_type":"Bearer"}"#,
            #"{"access_token":"a","token_type":"MAC"}"#, #"{"access_token":7,"token_type":"Bearer"}"#,
        ])
    func invalid(body: String) {
        #expect(failure(200, body) == "invalid")
    }

    @Test("Errors that are named are told apart from a provider that is out of order")
    func errors() {
        #expect(failure(400, #"{"error":"invalid_grant"}"#) == "named invalid_grant")
        #expect(failure(401, #"{"error":"invalid_client"}"#) == "named invalid_client")
        #expect(failure(200, #"{"error":"invalid_grant","access_token":"a"}"#) == "named invalid_grant")
        #expect(failure(403, "<html>") == "named -")
        for status in [301, 429, 500, 502, 503] {
            #expect(failure(status, #"{"error":"invalid_grant"}"#) == "unavailable", "\(status)")
        }
    }

    private func codeRequest(_ provider: Provider, _ members: [String: JSONValue?] = [:]) throws -> ProviderRequest {
        TokenExchange.request(
            code: "c+d", pending, provider, try metadata(members), redirectURI: "https://a.test/cb", deadline: 1)
    }

    private func form(_ request: ProviderRequest) -> [String: String] {
        parameters(String(decoding: request.body, as: UTF8.self))
    }

    private func process(_ body: String, status: Int = 200) throws(TokenExchange.Failure) -> Grant {
        try TokenExchange.process(ProviderResponse(status: status, body: Array(body.utf8)), now: now)
    }

    private func failure(_ status: Int, _ body: String) -> String {
        do throws(TokenExchange.Failure) {
            _ = try process(body, status: status)
            return "none"
        } catch .named(let error, _) {
            return "named \(error)"
        } catch .unavailable {
            return "unavailable"
        } catch {
            return "invalid"
        }
    }
}

import Crypto
import TestSupport
import Testing
import Values

@testable import OpenIDConnect

@Suite("The authorization request and its response")
struct AuthorizationTests {
    private let pending = PendingSignIn(
        state: "st", nonce: "no", codeVerifier: Secret("verifier"), provider: "op", returnURL: "/",
        created: Timestamp(seconds: 0))

    @Test("The request has PKCE, state and nonce")
    func request() throws {
        let challenge = Base64URL.encode(Array(SHA256.hash(data: Array("verifier".utf8))))
        #expect(
            sent(provider { $0.scopes = ["openid", "e mail"] }, "https://a.test/cb?x=1") == [
                "response_type": "code", "client_id": "postern id", "scope": "openid e mail",
                "redirect_uri": "https://a.test/cb?x=1", "state": "st", "nonce": "no", "code_challenge": challenge,
                "code_challenge_method": "S256",
            ])
    }

    @Test("The operator's parameters are added, and never replace those of the protocol")
    func moreParameters() throws {
        let extended = provider {
            $0.prompt = "login"
            $0.authorizationParameters = [
                ("hd", "example.com"), ("state", "evil"), ("code_challenge_method", "plain"), ("prompt", "none"),
            ]
        }
        let sent = sent(extended, "https://a.test/")
        #expect(sent["hd"] == "example.com")
        #expect(sent["state"] == "st")
        #expect(sent["code_challenge_method"] == "S256")
        #expect(sent["prompt"] == "login")
    }

    private func sent(_ provider: Provider, _ redirectURI: String) -> [String: String] {
        let sent = Authorization.parameters(provider, redirectURI: redirectURI, pending)
        return Dictionary(sent) { "\($0) and \($1)" }
    }

    @Test("A response with a code is taken, with or without the right iss")
    func code() throws {
        #expect(try process([("code", "c"), ("state", "st")]) == "c")
        #expect(try process([("code", "c"), ("iss", ScriptedProvider.issuer), ("unknown", "x")]) == "c")
    }

    @Test("FLOW: a response of another issuer is refused, even if it is an error")
    func otherIssuer() throws {
        for issuer in ["https://evil.test", ScriptedProvider.issuer + "/", "", "HTTPS://op.test/realm"] {
            #expect(throws: SignInFailure.self) { try process([("code", "c"), ("iss", issuer)]) }
            #expect(throws: SignInFailure.invalidResponse("iss is \(issuer), another issuer's")) {
                try process([("error", "access_denied"), ("iss", issuer)])
            }
        }
    }

    @Test("FLOW: where the provider always says iss, a response without it is refused")
    func missingIssuer() throws {
        let saysAlways = ["authorization_response_iss_parameter_supported": JSONValue.bool(true)]
        #expect(throws: SignInFailure.self) { try process([("code", "c")], saysAlways) }
        #expect(try process([("code", "c"), ("iss", ScriptedProvider.issuer)], saysAlways) == "c")
    }

    @Test("An error is told with its code, and no more of it than a line bears")
    func error() throws {
        #expect(throws: SignInFailure.denied(code: "access_denied")) {
            try process([("error", "access_denied"), ("code", "c")])
        }
        let long = String(repeating: "x", count: 500)
        #expect(throws: SignInFailure.denied(code: String(long.prefix(120)))) { try process([("error", long)]) }
    }

    @Test("FLOW: no code, an empty one, one without end, or two are refused")
    func badCode() throws {
        for query in [
            [], [("code", "")], [("code", String(repeating: "c", count: 4097))], [("code", "c"), ("code", "c")],
            [("code", "c"), ("state", "st"), ("state", "st")],
        ] {
            #expect(throws: SignInFailure.self) { try process(query) }
        }
    }

    private func process(
        _ query: [(String, String)], _ members: [String: JSONValue?] = [:]
    ) throws -> String {
        try Authorization.process(query.map { (name: $0.0, value: $0.1) }, provider(), try metadata(members))
    }
}

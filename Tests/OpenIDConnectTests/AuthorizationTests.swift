import Crypto
import HTTPTypes
import Identity
import JOSE
import TestSupport
import Testing
import Values
import Web

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

    @Test("How people prove who they are, how they return, and what tokens are for is asked as it is configured")
    func demands() throws {
        let demanding = provider {
            $0.responseMode = .formPost
            $0.resources = ["https://a.test", "https://b.test"]
        }
        let strength = Strength(acrValues: ["mfa", "phr"], maxAge: 0)
        let sent = Authorization.parameters(demanding, redirectURI: "https://a.test/", pending, strength)
        let values = { (name: String) in sent.filter { $0.0 == name }.map(\.1) }
        #expect(values("acr_values") == ["mfa phr"] && values("max_age") == ["0"])
        #expect(values("response_mode") == ["form_post"])
        #expect(values("resource") == ["https://a.test", "https://b.test"])
    }

    @Test("A plain OAuth2 service is sent no nonce, which it would not know, and no scope where none is wanted")
    func plain() {
        let sent = sent(
            provider {
                $0.dialect = .oauth2
                $0.scopes = []
            }, "https://a.test/")
        #expect(sent["nonce"] == nil && sent["scope"] == nil && sent["state"] == "st")
        #expect(sent["code_challenge_method"] == "S256")
    }

    @Test("LinkedIn is sent no challenge, which it refuses beside a secret")
    func noChallenge() {
        let sent = sent(provider { $0.oddities = [.noPKCE] }, "https://a.test/")
        #expect(sent["code_challenge"] == nil && sent["code_challenge_method"] == nil && sent["nonce"] == "no")
    }

    // MARK: Signed, and pushed

    @Test("A signed request says all in one token; beside it stands only what OpenID Connect wants in the open")
    func signed() throws {
        let key = PrivateKey.made()
        let signing = provider {
            $0.clientKey = key
            $0.resources = ["https://a.test", "https://b.test"]
        }
        let parameters = Authorization.parameters(signing, redirectURI: "https://a.test/", pending)
        let sent = try Authorization.signed(parameters, signing, metadata(), now: Timestamp(seconds: 1000))
        #expect(Set(sent.map(\.0)) == ["client_id", "response_type", "scope", "request"])
        let text = try #require(sent.first { $0.0 == "request" }?.1)
        let (header, claims) = try parts(text)
        #expect(header["typ"] == .string("oauth-authz-req+jwt") && header["kid"] == .string(key.thumbprint))
        #expect(claims["iss"] == .string("postern id") && claims["aud"] == .string(ScriptedProvider.issuer))
        #expect(claims["exp"] == .integer(1300) && claims["nbf"] == .integer(1000))
        #expect(claims["state"] == .string("st") && claims["redirect_uri"] == .string("https://a.test/"))
        #expect(claims["resource"] == .array([.string("https://a.test"), .string("https://b.test")]))
        let published = try #require(Bench().party(signing).publicKey)
        let keys = try #require(KeySet(json: Array(JSONValue.object(["keys": .array([published])]).text.utf8)))
        let token = try #require(CompactToken(text))
        #expect(throws: Never.self) { try keys.verify(token, allowed: [.es256]) }
    }

    @Test("A pushed request goes to the provider with proof of the client; the browser carries a name for it only")
    func pushed() throws {
        let bench = Bench()
        offerPush(bench)
        bench.scripted.answer("/par", .object(["request_uri": .string("urn:x:1"), "expires_in": .integer(60)]))
        let (location, pending) = try bench.party(provider()).begin(returnURL: "/", deadline: 9)
        #expect(
            query(of: location) == ["tenant": "1", "client_id": "postern id", "request_uri": "urn:x:1"])
        let form = try #require(bench.forms("/par").first)
        #expect(form["state"] == pending.state && form["nonce"] == pending.nonce && form["code_challenge"] != nil)
        #expect(bench.requests("/par").first?.value(of: .authorization)?.hasPrefix("Basic ") == true)
        let never = try bench.party(provider { $0.pushes = .never }).begin(returnURL: "/", deadline: 9).location
        #expect(query(of: never)["state"] != nil && bench.requests("/par").count == 1)
    }

    @Test("A signed request that is pushed has nothing beside it but proof of the client (RFC 9126, section 3)")
    func signedAndPushed() throws {
        let bench = Bench()
        offerPush(bench)
        bench.scripted.answer("/par", .object(["request_uri": .string("urn:x:1")]))
        let signing = provider {
            $0.clientKey = .made()
            $0.signsRequests = true
        }
        let location = try bench.party(signing).begin(returnURL: "/", deadline: 9).location
        #expect(query(of: location)["request_uri"] == "urn:x:1" && query(of: location)["request"] == nil)
        #expect(try Set(#require(bench.forms("/par").first).keys) == ["client_id", "request"])
    }

    @Test("Where a push is demanded, and the provider does not offer it, nobody is sent there")
    func noPush() {
        #expect(
            kind { _ = try Bench().party(provider { $0.pushes = .always }).begin(returnURL: "/", deadline: 9) }
                == "providerUnavailable")
    }

    @Test(
        "A push that is refused is told from a provider that is out of order; what is no name is none",
        arguments: [
            (400, #"{"error":"invalid_request"}"#, "invalidResponse"), (401, "", "invalidResponse"),
            (429, "{}", "providerUnavailable"), (500, "{}", "providerUnavailable"),
            (302, "{}", "providerUnavailable"), (201, "{}", "invalidResponse"),
            (201, #"{"request_uri":""}"#, "invalidResponse"), (201, #"{"request_uri":7}"#, "invalidResponse"),
            (201, #"{"request_uri":"urn:a b"}"#, "invalidResponse"), (201, "[]", "invalidResponse"),
            (201, #"{"request_uri":"urn:ok"}"#, "none"),
        ])
    func pushAnswers(status: Int, body: String, failure: String) {
        let response = ProviderResponse(status: status, body: Array(body.utf8))
        #expect(kind { _ = try Authorization.name(ofPushed: response) } == failure)
    }

    @Test("Tokens that are to be bound to a key are announced with it")
    func bound() throws {
        let bench = Bench()
        let binding = provider { $0.bindsTokens = true }
        let (location, pending) = try bench.party(binding).begin(returnURL: "/", deadline: 9)
        #expect(query(of: location)["dpop_jkt"] == pending.proofKey?.thumbprint && pending.proofKey != nil)
        offerPush(bench)
        bench.clock.advance(seconds: 2 * 3600)
        bench.scripted.answer("/par", .object(["request_uri": .string("urn:x:1")]))
        let pushed = try bench.party(binding).begin(returnURL: "/", deadline: 9)
        let proof = try #require(bench.requests("/par").first?.value(of: .proof))
        #expect(try parts(proof).header["jwk"] == pushed.pending.proofKey.map { .object($0.publicKey) })
        #expect(pushed.pending.proofKey?.thumbprint != pending.proofKey?.thumbprint, "each sign-in has its own")
    }

    private func offerPush(_ bench: Bench) {
        bench.scripted.answer(
            "/.well-known/openid-configuration",
            bench.scripted.metadata([
                "pushed_authorization_request_endpoint": .string(ScriptedProvider.issuer + "/par")
            ]))
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

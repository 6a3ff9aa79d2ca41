import Crypto
import HTTPTypes
import JOSE
import TestSupport
import Testing
import Values
import Web

@testable import OpenIDConnect

@Suite("The client shows the provider who it is")
struct ClientProofTests {
    @Test("client_secret_basic encodes both halves first (RFC 6749, section 2.3.1)")
    func basic() throws {
        let request = try proof(provider())
        let field = request.fields.first { $0.name == .authorization }
        #expect(field?.value == "Basic \(Base64.encode(Array("postern%20id:s3cret%26%3D".utf8)))")
    }

    @Test("client_secret_post is used where the provider offers nothing better, or the operator says so")
    func post() throws {
        let onlyPost = ["token_endpoint_auth_methods_supported": JSONValue.array([.string("client_secret_post")])]
        for request in [
            try proof(provider(), onlyPost), try proof(provider { $0.clientAuthentication = .post }),
        ] {
            #expect(
                parameters(request)["client_id"] == "postern id" && parameters(request)["client_secret"] == "s3cret&=")
            #expect(!request.fields.contains { $0.name == .authorization })
        }
        let both = [
            "token_endpoint_auth_methods_supported": JSONValue.array([
                .string("client_secret_post"), .string("client_secret_basic"),
            ])
        ]
        #expect(parameters(try proof(provider(), both))["client_secret"] == nil)
    }

    @Test("A public client names itself, and has no secret to send")
    func publicClient() throws {
        let request = try proof(provider(secret: nil))
        #expect(parameters(request)["client_id"] == "postern id" && parameters(request)["client_secret"] == nil)
        #expect(!request.fields.contains { $0.name == .authorization })
    }

    @Test("client_secret_jwt is a token under the secret, for one request to one endpoint, and the secret stays here")
    func secretToken() throws {
        let sent = parameters(try proof(provider { $0.clientAuthentication = .secretToken }))
        #expect(sent["client_id"] == "postern id" && sent["client_secret"] == nil)
        #expect(sent["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
        let token = try #require(sent["client_assertion"])
        let (header, claims) = try parts(token)
        #expect(header["alg"] == .string("HS256"))
        #expect(claims == assertion(audience: ScriptedProvider.issuer + "/token"))
        let halves = try #require(token.lastIndex(of: ".").map { (token[..<$0], token[token.index(after: $0)...]) })
        let key = SymmetricKey(data: Array("s3cret&=".utf8))
        #expect(
            Array(HMAC<SHA256>.authenticationCode(for: Array(halves.0.utf8), using: key))
                == Base64URL.decode(halves.1.utf8))
    }

    @Test("private_key_jwt is a token under our key, by the name that the provider knows")
    func keyToken() throws {
        let key = PrivateKey.made()
        for name in [nil, "k-7"] {
            let keyed = provider {
                $0.clientAuthentication = .keyToken
                $0.clientKey = key
                $0.clientKeyName = name
            }
            let sent = parameters(try proof(keyed))
            #expect(Set(sent.keys) == ["client_id", "client_assertion_type", "client_assertion"])
            let text = try #require(sent["client_assertion"])
            #expect(try parts(text).header["kid"] == .string(name ?? key.thumbprint))
            #expect(try parts(text).claims == assertion(audience: ScriptedProvider.issuer + "/token"))
            let published = try #require(Bench().party(keyed).publicKey)
            let keys = try #require(KeySet(json: Array(JSONValue.object(["keys": .array([published])]).text.utf8)))
            let token = try #require(CompactToken(text))
            #expect(throws: Never.self) { try keys.verify(token, allowed: [.es256]) }
        }
    }

    @Test("FAPI 2.0 wants the issuer for the audience")
    func audienceOfFAPI() throws {
        let fapi = provider {
            $0.clientAuthentication = .keyToken
            $0.clientKey = .made()
            $0.isFAPI = true
        }
        let text = try #require(parameters(try proof(fapi))["client_assertion"])
        #expect(try parts(text).claims == assertion(audience: ScriptedProvider.issuer))
    }

    @Test("A certificate shows who we are in the handshake; no secret goes with it")
    func certificate() throws {
        let request = try proof(provider { $0.clientAuthentication = .tls })
        #expect(parameters(request) == ["client_id": "postern id"] && request.fields.isEmpty)
    }

    @Test("Apple's secret is a token of the team's, made anew each time")
    func apple() throws {
        let key = PrivateKey.made()
        let apple = provider(secret: nil) {
            $0.oddities = [.appleSecret]
            $0.clientAuthentication = .post
            $0.tenant = "TEAM"
            $0.clientKey = key
            $0.clientKeyName = "KEY"
        }
        let (header, claims) = try parts(#require(parameters(try proof(apple))["client_secret"]))
        #expect(header == .object(["alg": .string("ES256"), "kid": .string("KEY")]))
        #expect(
            claims
                == .object([
                    "iss": .string("TEAM"), "sub": .string("postern id"), "aud": .string(ScriptedProvider.issuer),
                    "iat": .integer(1000), "exp": .integer(1300),
                ]))
    }

    @Test("Unless the operator chose, it is the best that the provider offers and we have the means for")
    func chosen() throws {
        let offered = { (names: [String]) in
            try metadata(["token_endpoint_auth_methods_supported": .array(names.map { .string($0) })])
        }
        let keyed = provider { $0.clientKey = .made() }
        let all = ["client_secret_post", "client_secret_basic", "private_key_jwt"]
        #expect(try ClientProof.method(of: keyed, offered(all)) == .keyToken)
        #expect(try ClientProof.method(of: provider(), offered(all)) == .basic)
        #expect(try ClientProof.method(of: keyed, offered(["client_secret_post"])) == .post)
        #expect(try ClientProof.method(of: provider(), offered(["tls_client_auth"])) == .basic)
        #expect(try ClientProof.method(of: keyed.with { $0.clientSecret = nil }, offered([])) == .keyToken)
        #expect(try ClientProof.method(of: provider(secret: nil), offered(all)) == .none)
        #expect(try ClientProof.method(of: keyed.with { $0.clientAuthentication = .tls }, offered(all)) == .tls)
    }

    @Test("A key of several algorithms signs with the first that the provider takes, and that FAPI 2.0 allows")
    func algorithm() throws {
        let rsa = try rsaKey()
        let plain = provider { $0.clientKey = rsa }
        #expect(plain.signing([]) == .rs256)
        #expect(plain.signing(["ES256", "PS256", "RS512"]) == .ps256)
        #expect(plain.signing(["ES256"]) == .rs256, "it says so of nothing that the key can")
        let fapi = plain.with { $0.isFAPI = true }
        #expect(fapi.signing(["RS256", "PS256"]) == .ps256)
        #expect(fapi.signing([]) == .ps256)
        #expect(provider { $0.clientKey = .made() }.signing(["RS256"]) == .es256)
    }

    private func assertion(audience: String) -> JSONValue {
        .object([
            "iss": .string("postern id"), "sub": .string("postern id"), "aud": .string(audience), "jti": .string("j"),
            "iat": .integer(1000), "exp": .integer(1060),
        ])
    }

    private func proof(_ provider: Provider, _ members: [String: JSONValue?] = [:]) throws -> ClientProof {
        let metadata = try metadata(members)
        return ClientProof(
            provider, metadata, at: metadata.tokenEndpoint, now: Timestamp(seconds: 1000), identifier: "j")
    }

    private func parameters(_ proof: ClientProof) -> [String: String] {
        Dictionary(proof.parameters) { "\($0) and \($1)" }
    }
}

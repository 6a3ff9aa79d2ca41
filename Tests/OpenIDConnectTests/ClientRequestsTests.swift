import HTTPTypes
import Identity
import JOSE
import TestSupport
import Testing
import Values
import Web

@testable import OpenIDConnect

@Suite("What the client sends to the provider itself")
struct ClientRequestsTests {
    private let bench = Bench()
    private let challenge = JSONValue.object(["error": .string("use_dpop_nonce")])

    @Test("A form is posted with proof of who sends it, which replaces nothing of the form")
    func form() throws {
        let party = bench.party(provider { $0.clientAuthentication = .post })
        let metadata = try party.published(9)
        let form = [("token", "t+1"), ("client_id", "kept")]
        bench.answerTokens()
        _ = try party.post(form, to: metadata.tokenEndpoint, metadata, 7)
        let request = try #require(bench.requests("/token").first)
        #expect(bench.forms("/token") == [["token": "t+1", "client_id": "kept", "client_secret": "s3cret&="]])
        #expect(request.value(of: .contentType) == "application/x-www-form-urlencoded" && request.deadline == 7)
        #expect(request.value(of: .proof) == nil)
    }

    @Test("Tokens that are bound to a key are asked for with proof of it, and again with the nonce that is wanted")
    func nonce() throws {
        bench.answerOnce("/token", challenge, status: 400, head: "DPoP-Nonce: n1\r\n")
        bench.answerTokens(["token_type": .string("DPoP")])
        let grant = try tokens(provider { $0.clientAuthentication = .secretToken })
        #expect(grant.proofKey != nil)
        let sent = try bench.requests("/token").map { try parts(#require($0.value(of: .proof))).claims }
        #expect(sent.map { $0["nonce"] } == [nil, .string("n1")])
        #expect(Set(sent.compactMap { $0["jti"]?.string }).count == 2, "no proof comes twice")
        let assertions = try bench.forms("/token").map { try parts(#require($0["client_assertion"])).claims["jti"] }
        #expect(assertions.count == 2 && assertions[0] != assertions[1], "and no assertion either")
    }

    @Test("REL-02: a server that wants another nonce each time is given up")
    func endless() {
        for number in 1...5 {
            bench.answerOnce("/token", challenge, status: 400, head: "DPoP-Nonce: n\(number)\r\n")
        }
        #expect(kind { _ = try tokens(provider()) } == "providerUnavailable")
        #expect(bench.requests("/token").count == 2)
    }

    @Test("A token that is not bound to the key that was shown is not taken, nor one that is where none was")
    func unbound() {
        bench.answerTokens()
        #expect(kind { _ = try tokens(provider()) } == "invalidResponse")
        bench.answerTokens(["token_type": .string("DPoP")])
        #expect(kind { _ = try tokens(provider(), boundTo: nil) } == "invalidResponse")
    }

    @Test("A bound token is shown with its own scheme and a proof that holds its hash; any other as bearer")
    func get() throws {
        bench.scripted.answer("/userinfo", .object([:]))
        let party = bench.party()
        var grant = Grant(accessToken: Secret("access"), refreshToken: nil, idToken: nil, expires: nil)
        let endpoint = try address(ScriptedProvider.issuer + "/userinfo")
        _ = try party.get(endpoint, grant, 9)
        grant.proofKey = .made()
        _ = try party.get(endpoint, grant, 9)
        let requests = bench.requests("/userinfo")
        #expect(requests.map { $0.value(of: .authorization) } == ["Bearer access", "DPoP access"])
        #expect(requests[0].value(of: .proof) == nil)
        let claims = try parts(#require(requests[1].value(of: .proof))).claims
        #expect(claims["ath"] == .string("oFYf1knNtrqnhAVfBRuteW6gr-8X_KOCGVSd7rpOjBo"))
        #expect(claims["htm"] == .string("GET"))
    }

    @Test("LEAK-01: the public half of our key is published, by the name that the provider knows")
    func publicKey() throws {
        #expect(bench.party().publicKey == nil)
        let key = PrivateKey.made()
        let plain = try #require(bench.party(provider { $0.clientKey = key }).publicKey?.object)
        #expect(plain["kid"] == .string(key.thumbprint) && plain["use"] == .string("sig") && plain["d"] == nil)
        let named = provider {
            $0.clientKey = key
            $0.clientKeyName = "k-7"
        }
        #expect(bench.party(named).publicKey?["kid"] == .string("k-7"))
    }

    private func tokens(_ provider: Provider, boundTo key: PrivateKey? = .made()) throws -> Grant {
        let party = bench.party(provider)
        return try party.tokens([("grant_type", "x")], party.published(9), boundTo: key, 9)
    }
}

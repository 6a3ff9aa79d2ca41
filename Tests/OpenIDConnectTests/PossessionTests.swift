import HTTPTypes
import JOSE
import Testing
import Values
import Web

@testable import OpenIDConnect

@Suite("Proof of possession (RFC 9449)")
struct PossessionTests {
    private let possession = Possession()
    private let key = PrivateKey.made()
    private let now = Timestamp(seconds: 1000)

    @Test("A proof is for one request, and signed by the key whose public half it shows")
    func proof() throws {
        let text = try proof("https://op.test/token?a=b")
        let (header, claims) = try parts(text)
        #expect(header["typ"] == .string("dpop+jwt") && header["alg"] == .string("ES256"))
        #expect(header["jwk"] == .object(key.publicKey) && header["kid"] == nil)
        #expect(
            claims
                == .object([
                    "htm": .string("POST"), "htu": .string("https://op.test/token"), "jti": .string("j-1"),
                    "iat": .integer(1000),
                ]))
        let keys = JSONValue.object(["keys": .array([.object(key.publicKey)])])
        let token = try #require(CompactToken(text))
        #expect(throws: Never.self) {
            try #require(KeySet(json: Array(keys.text.utf8))).verify(token, allowed: [.es256])
        }
    }

    @Test("With an access token the proof holds its hash")
    func accessTokenHash() throws {
        let claims = try parts(proof("https://op.test/userinfo", accessToken: Secret("access"), .get)).claims
        #expect(claims["ath"] == .string("oFYf1knNtrqnhAVfBRuteW6gr-8X_KOCGVSd7rpOjBo"))
        #expect(claims["htm"] == .string("GET"))
    }

    @Test("A server's nonce goes with the next proof for it, the newest one, and to no other server")
    func nonces() throws {
        #expect(try learn("DPoP-Nonce: n1", 400, #"{"error":"use_dpop_nonce"}"#))
        #expect(try nonce(for: "https://op.test/userinfo") == .string("n1"))
        #expect(try !learn("dpop-nonce:  n2", 200, "{}"))
        #expect(try nonce(for: "https://OP.test:443/token") == .string("n2"))
        for other in ["https://other.test/token", "https://op.test:8443/token"] {
            #expect(try nonce(for: other) == nil)
        }
    }

    @Test(
        "A request is made once more only when the answer asks for a nonce, and brings a new one",
        arguments: [
            ("DPoP-Nonce: n1", 400, #"{"error":"use_dpop_nonce"}"#, true),
            ("WWW-Authenticate: DPoP error=\"use_dpop_nonce\"\r\nDPoP-Nonce: n1", 401, "", true),
            ("DPoP-Nonce: n1", 401, "", false), ("DPoP-Nonce: n1", 400, #"{"error":"invalid_grant"}"#, false),
            ("DPoP-Nonce: n1", 500, #"{"error":"use_dpop_nonce"}"#, false),
            ("X: y", 400, #"{"error":"use_dpop_nonce"}"#, false),
            ("DPoP-Nonce: n1", 200, #"{"error":"use_dpop_nonce"}"#, false),
        ])
    func again(head: String, status: Int, body: String, isWanted: Bool) throws {
        #expect(try learn(head, status, body) == isWanted)
        #expect(try !learn(head, status, body, sent: "n1"), "the same nonce again helps nobody")
        #expect(try learn(head, status, body, sent: "n0") == isWanted, "whoever learnt it meanwhile")
    }

    @Test("REL-02: a nonce without end is not kept")
    func longNonce() throws {
        let long = String(repeating: "n", count: 513)
        #expect(try !learn("DPoP-Nonce: \(long)", 400, #"{"error":"use_dpop_nonce"}"#))
        #expect(try nonce(for: "https://op.test/token") == nil)
        #expect(try learn("DPoP-Nonce: \(long.dropLast())", 400, #"{"error":"use_dpop_nonce"}"#))
    }

    private func request(_ url: String, _ method: HTTPRequest.Method) throws -> ProviderRequest {
        ProviderRequest(method, try address(url), deadline: 1)
    }

    private func proof(
        _ url: String, accessToken: Secret? = nil, _ method: HTTPRequest.Method = .post
    ) throws -> String {
        let field = possession.proof(
            try request(url, method), key, accessToken: accessToken, nonce: possession.nonce(for: try address(url)),
            now: now, identifier: "j-1")
        #expect(field.name.rawName == "DPoP")
        return field.value
    }

    private func nonce(for url: String) throws -> JSONValue? {
        try parts(proof(url)).claims["nonce"]
    }

    private func learn(_ head: String, _ status: Int, _ body: String, sent: String? = nil) throws -> Bool {
        let head = Array("HTTP/1.1 \(status) X\r\n\(head)\r\n\r\n".utf8)
        let response = ProviderResponse(status: status, head: head, body: Array(body.utf8))
        return possession.learn(from: response, of: try request("https://op.test/token", .post), sent: sent)
    }
}

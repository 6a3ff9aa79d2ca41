import HTTPTypes
import Identity
import Testing
import Values
import Web

@testable import OpenIDConnect

@Suite("Facebook")
struct FacebookTests {
    private let interface = Interface()
    /// HMAC-SHA-256 under `s3cret&=` of `token`, and of `12345|s3cret&=`.
    private let proof = "c8606a6c8c305eeb8c16fef3d21528e3972ca82a88b21d3df837208299aba923"
    private let proofOfApp = "f44b74d9fae5190cdf2e24f390f9e12fd19d71a2296524c5102b7edcb64aeb73"

    @Test("The token is looked into first, as the app; then the profile is asked; each call proves the secret")
    func profile() throws {
        answer()
        let claims = try claims()
        #expect(claims["id"] == .string("77") && claims["name"] == .string("Alice"))
        #expect(interface.paths == ["/debug_token", "/me"])
        let (looked, asked) = (interface.requests[0], interface.requests[1])
        #expect(query(of: looked.url.text) == ["input_token": "token", "appsecret_proof": proofOfApp])
        #expect(looked.value(of: .authorization) == "Bearer 12345|s3cret&=")
        #expect(query(of: asked.url.text) == ["fields": "id,name", "appsecret_proof": proof])
        #expect(asked.value(of: .authorization) == "Bearer token")
    }

    @Test("POL-02: an address is never verified, whatever the profile says")
    func unverified() throws {
        answer(profile: #"{"id":"77","email":"a@example.com","email_verified":true}"#)
        let claims = try claims()
        #expect(claims["email"] == .string("a@example.com") && claims["email_verified"] == nil)
    }

    @Test(
        "FLOW-03: a token that was given to another app is refused, and its person not asked about",
        arguments: [
            #"{"data":{"app_id":"999","is_valid":true}}"#, #"{"data":{"is_valid":true}}"#, "{}", "[]",
            #"{"data":{"app_id":12345,"is_valid":true}}"#, #"{"data":{"app_id":"123456","is_valid":true}}"#,
            #"{"app_id":"12345","is_valid":true}"#,
        ])
    func otherApp(said: String) {
        answer(token: said)
        #expect(kind { _ = try claims() } == "invalidToken")
        #expect(interface.paths == ["/debug_token"])
    }

    @Test(
        "REF-04: a token that is not valid any more is told from a fault of ours",
        arguments: [#"{"data":{"app_id":"12345","is_valid":false}}"#, #"{"data":{"app_id":"12345"}}"#])
    func invalid(said: String) {
        answer(token: said)
        #expect(kind { _ = try claims() } == "tokenRefused")
    }

    @Test("REF-04: an app's own token that is refused says nothing of the visitor's", arguments: [400, 401, 403, 500])
    func ownFault(status: Int) {
        interface.answer("/debug_token", #"{"error":{"type":"OAuthException","code":190}}"#, status: status)
        let failure = kind { _ = try claims() }
        #expect(failure == "providerUnavailable", "\(failure)")
    }

    @Test("REF-04: the profile call says by a number that the token is over")
    func over() {
        answer(profile: #"{"error":{"code":190}}"#, status: 400)
        #expect(kind { _ = try claims() } == "tokenRefused")
    }

    @Test("Nothing is asked without the secret that the calls must prove")
    func noSecret() throws {
        let bare = try service("facebook") { $0.clientSecret = nil }
        #expect(kind { _ = try Facebook.claims(interface.api(bare)) } == "invalidResponse")
        #expect(interface.requests.isEmpty)
        let grant = interface.api(bare).grant
        #expect(Facebook.revocation(of: grant, bare, deadline: 1) == nil)
    }

    @Test("The app is taken off the account by deleting its permissions")
    func revocation() throws {
        let provider = try provider()
        let request = try #require(Facebook.revocation(of: interface.api(provider).grant, provider, deadline: 5))
        #expect(request.method == .delete && request.deadline == 5)
        #expect(request.url.text == "https://op.test/realm/api/me/permissions?appsecret_proof=\(proof)")
        #expect(request.value(of: .authorization) == "Bearer token")
    }

    private func answer(
        token: String = #"{"data":{"app_id":"12345","is_valid":true}}"#,
        profile: String = #"{"id":"77","name":"Alice"}"#, status: Int = 200
    ) {
        interface.answer("/debug_token", token)
        interface.answer("/me", profile, status: status)
    }

    private func provider() throws -> Provider {
        try service("facebook") { $0.clientID = "12345" }
    }

    private func claims() throws -> Claims {
        try Facebook.claims(interface.api(provider()))
    }
}

import HTTPTypes
import JOSE
import TestSupport
import Testing
import Values
import Web

@testable import OpenIDConnect

@Suite("The end of a session: here, there, and of its tokens")
struct RelyingPartyLogoutTests {
    private let bench = Bench()

    // MARK: What the provider says is over

    @Test("OUT-03: a token of the provider's, of its own kind or an older unnamed one")
    func logout() throws {
        for type in ["logout+jwt", "LOGOUT+JWT", "application/logout+jwt", "JWT", nil] {
            let token = try bench.party().logout(bench.sign(logoutClaims(bench.clock.now), type: type), deadline: 9)
            #expect(token.subject == "s-1" && token.identifier == "j-1", "\(type ?? "-")")
        }
    }

    @Test("OUT-04: another kind of token, another's signature, none, or claims of another")
    func refused() throws {
        let claims = logoutClaims(bench.clock.now)
        let sound = bench.sign(claims, type: "logout+jwt")
        let unsigned = sound.split(separator: ".")
        let none = Base64URL.encode(Array(#"{"alg":"none","typ":"logout+jwt"}"#.utf8))
        let shared = SharedKey(Secret("s3cret&=")).sign(claims, header: ["typ": .string("logout+jwt")])
        for text in [
            bench.sign(claims, type: "at+jwt"), bench.sign(claims, type: "dpop+jwt"), bench.sign(claims, type: ""),
            bench.sign(claims, type: "logout+jwt", by: .made()), shared, "\(none).\(unsigned[1]).",
            "\(unsigned[0]).\(unsigned[1]).", "", "x", sound + ".x",
            bench.sign(logoutClaims(bench.clock.now, ["iss": .string("https://evil.test")])),
            bench.sign(goodClaims(bench.clock.now)),
        ] {
            #expect(kind { _ = try bench.party().logout(text, deadline: 9) } == "invalidToken", "\(text)")
        }
    }

    @Test("REL-01: while its keys cannot be had, nobody can tell whether the token is good")
    func silent() {
        bench.scripted.answer("/keys", .failure(.timedOut))
        let text = bench.sign(logoutClaims(bench.clock.now))
        #expect(kind { _ = try bench.party().logout(text, deadline: 9) } == "providerUnavailable")
    }

    @Test("A token is only looked at by whom it names for its issuer, byte by byte")
    func issuer() throws {
        let party = bench.party()
        let isIssuer = { (party: RelyingParty, token: String) in party.isIssuer(RelyingParty.issuer(asSaidBy: token)) }
        #expect(isIssuer(party, bench.sign(["iss": .string(ScriptedProvider.issuer)])))
        for text in [
            bench.sign(["iss": .string(ScriptedProvider.issuer + "/")]), bench.sign(["iss": .array([])]),
            bench.sign([:]), "x", "",
        ] {
            #expect(!isIssuer(party, text))
        }
        let plain = try bench.party(service("github"))
        #expect(!isIssuer(plain, bench.sign(["iss": .string(ScriptedProvider.issuer)])))
    }

    // MARK: The provider's own session

    @Test("Cognito ends its session at an address of its own, with names of its own")
    func cognito() throws {
        let location = try #require(
            bench.party(service("cognito")).endSessionURL(
                idToken: Secret("i"), postLogoutRedirectURI: "https://a.test/bye", state: "s", deadline: 9))
        #expect(location.hasPrefix("https://op.test/logout?"))
        #expect(query(of: location) == ["client_id": "postern id", "logout_uri": "https://a.test/bye"])
    }

    @Test("Login.gov refuses a sign-out that names the ID token, and gets none")
    func noHint() throws {
        let quiet = bench.party(provider { $0.oddities = [.noLogoutHint] })
        let location = try #require(
            quiet.endSessionURL(idToken: Secret("i"), postLogoutRedirectURI: "https://a.test/", state: nil, deadline: 9)
        )
        #expect(query(of: location) == ["client_id": "postern id", "post_logout_redirect_uri": "https://a.test/"])
    }

    // MARK: Tokens

    @Test("At a sign-out both tokens are taken back, with proof of who asks")
    func revoke() {
        offerRevocation()
        bench.scripted.answer("/revoke", .null)
        bench.party().revoke(grant, deadline: 7)
        #expect(
            bench.forms("/revoke") == [
                ["token": "refresh", "token_type_hint": "refresh_token"],
                ["token": "access", "token_type_hint": "access_token"],
            ])
        #expect(bench.requests("/revoke").allSatisfy { $0.value(of: .authorization) != nil && $0.deadline == 7 })
        #expect(bench.log.isEmpty)
    }

    @Test("Nothing is sent where the operator does not want it, or the provider has no such place")
    func noRevocation() throws {
        bench.party().revoke(grant, deadline: 7)
        offerRevocation()
        bench.party(provider { $0.revokes = false }).revoke(grant, deadline: 7)
        #expect(bench.requests("/revoke").isEmpty && bench.log.isEmpty)
    }

    @Test("What does not succeed is said in the log, without the token", arguments: [400, 401, 503])
    func failing(status: Int) {
        offerRevocation()
        bench.scripted.answer("/revoke", .null, status: status)
        bench.party().revoke(grant, deadline: 7)
        let said = "\(bench.log)"
        #expect(bench.log.count == 1 && said.contains("not taken back") && !said.contains("\"refresh\""))
    }

    @Test("GitHub takes its token back by a call of the application's; Facebook by deleting permissions")
    func ownWays() throws {
        let path = "/api/applications/postern%20id/token"
        bench.scripted.answer(path, .null, status: 204)
        try bench.party(service("github")).revoke(grant, deadline: 7)
        #expect(bench.requests(path).map(\.method) == [.delete])
        try bench.party(service("facebook")).revoke(grant, deadline: 7)
        #expect(bench.requests("/api/me/permissions").contains { $0.method == .delete })
        #expect(bench.requests("/revoke").isEmpty)
    }

    private var grant: Grant {
        Grant(accessToken: Secret("access"), refreshToken: Secret("refresh"), idToken: nil, expires: nil)
    }

    private func offerRevocation() {
        bench.scripted.answer(
            "/.well-known/openid-configuration",
            bench.scripted.metadata(["revocation_endpoint": .string(ScriptedProvider.issuer + "/revoke")]))
    }
}

import HTTPTypes
import Identity
import OpenIDConnect
import Policy
import TestSupport
import Testing
import Values
import Web

@testable import Gate

@Suite("Programs bring an access token")
struct BearerTokenTests {
    private let site: Site

    /// `/pay` wants a strong sign-in.
    init() throws {
        let pay = Rule(
            name: "pay", paths: [PathPattern("/pay/*".utf8)].compactMap(\.self), effect: .allow(.anyone),
            demand: SignInDemand(strength: Strength(acrValues: ["mfa", "phr"], maxAge: 60)))
        site = try Site(
            rules: [pay],
            clients: [
                Client("op", hosts: ["app.test"]) {
                    $0.accessTokens = AccessTokenDemand(audiences: [], isIntrospected: true, cacheLifetime: 30)
                }
            ])
        site.provider.answer(
            "/.well-known/openid-configuration",
            site.provider.metadata(["introspection_endpoint": .string(ScriptedProvider.issuer + "/introspect")]))
        answer(["active": .bool(true), "client_id": .string("job"), "groups": .array([.string("admins")])])
    }

    @Test("A good token passes as its program, by the same rules as people")
    func good() {
        let answer = ask("/admin", "Bearer t-1")
        #expect(answer.status == .ok && answer.text(.init("x-forwarded-user")!) == "job" && answer.cookies.isEmpty)
        #expect(ask("/x", "bEaReR   t-1").status == .ok)
        #expect(ask("/closed", "Bearer t-1").status == .forbidden)
        self.answer(["active": .bool(true), "client_id": .string("other")])
        let denied = ask("/admin", "Bearer t-2")
        #expect(denied.status == .forbidden && denied.identity == nil)
        #expect(site.log.all.contains { $0.contains("refused") && $0.contains("user=other") })
        #expect(!site.log.all.contains { $0.contains("t-1") || $0.contains("t-2") })
    }

    @Test("A token that speaks for nobody is told so (RFC 6750), and is not asked about again for a while")
    func refused() {
        answer(["active": .bool(false)])
        for _ in 0..<3 {
            let answer = ask("/x", "Bearer t-1")
            #expect(answer.status == .unauthorized && answer.identity == nil)
            #expect(answer.text(.wwwAuthenticate) == "Bearer error=\"invalid_token\"")
        }
        #expect(site.provider.requests("/introspect").count == 1)
        answer(["active": .bool(true), "client_id": .string("job")])
        site.advance(seconds: 10)
        #expect(ask("/x", "Bearer t-1").status == .ok)
    }

    @Test("What was found out is believed for its time, and no longer")
    func cached() {
        for _ in 0..<3 { #expect(ask("/x", "Bearer t-1").status == .ok) }
        #expect(site.provider.requests("/introspect").count == 1)
        answer(["active": .bool(false)])
        site.advance(seconds: 29)
        #expect(ask("/x", "Bearer t-1").status == .ok)
        site.advance(seconds: 1)
        #expect(ask("/x", "Bearer t-1").status == .unauthorized)
    }

    @Test("REL-01: while the provider does not answer nobody can tell; that is not remembered, nor a refusal")
    func silent() {
        site.provider.answer("/introspect", .failure(.timedOut))
        let answer = ask("/x", "Bearer t-1")
        #expect(answer.status == .serviceUnavailable && answer.text(.wwwAuthenticate) == nil)
        self.answer(["active": .bool(true), "client_id": .string("job")])
        #expect(ask("/x", "Bearer t-1").status == .ok)
    }

    @Test("A session comes before a token: applications have tokens of their own")
    func session() throws {
        let cookie = try site.signIn()
        let answer = ask("/x", "Bearer of-the-application", cookie: cookie)
        #expect(answer.status == .ok && answer.text(.init("x-forwarded-user")!) == "alice")
        #expect(site.provider.requests("/introspect").isEmpty)
    }

    @Test("What is public is not worth asking about")
    func open() {
        #expect(ask("/public", "Bearer t-1").status == .ok)
        #expect(site.provider.requests("/introspect").isEmpty)
    }

    @Test(
        "What is no bearer token is none, and nobody is asked about it",
        arguments: [
            "Bearer", "Bearer ", "Bearer  ", "Basic dDp0", "Bearer a b", "Bearer a,b", "Bearer é", "Bearert-1",
            "Bearer " + String(repeating: "t", count: 16 * 1024), "",
        ])
    func noToken(authorization: String) {
        let answer = ask("/x", authorization)
        #expect(answer.status == .unauthorized && answer.identity == nil)
        #expect(site.provider.requests("/introspect").isEmpty)
    }

    @Test("Whoever comes without token or session is told what to bring; a person is sent to sign in instead")
    func challenge() {
        #expect(ask("/x", nil).text(.wwwAuthenticate) == "Bearer")
        let start = { (uri: String, accept: String) in
            site.answer(makeRequest(uri, location: "/oauth2/start", extra: [("HTTP_ACCEPT", accept)]))
        }
        let program = start("/oauth2/start", "application/json")
        #expect(program.status == .unauthorized && program.text(.wwwAuthenticate) == "Bearer")
        let instead = start("/x", "application/json")
        #expect(instead.status == .unauthorized && instead.text(.wwwAuthenticate) == nil, "the check said it already")
        let person = start("/x", "text/html")
        #expect(person.status == .found && person.text(.wwwAuthenticate) == nil)
    }

    @Test("Where no access tokens are taken there is no word of them")
    func notTaken() throws {
        let site = try Site()
        let answer = site.check("/x", extra: [("HTTP_AUTHORIZATION", "Bearer t-1"), ("HTTP_ACCEPT", "text/json")])
        #expect(answer.status == .unauthorized && answer.text(.wwwAuthenticate) == nil)
    }

    @Test("A rule that demands more of a sign-in says what (RFC 9470); a token that tells of it passes")
    func stepUp() {
        let needed =
            "Bearer error=\"insufficient_user_authentication\", acr_values=\"mfa phr\", max_age=\"60\""
        #expect(ask("/pay/x", "Bearer t-1").text(.wwwAuthenticate) == needed)
        answer([
            "active": .bool(true), "sub": .string("s-1"), "acr": .string("phr"),
            "auth_time": .integer(site.clock.now.seconds),
        ])
        #expect(ask("/pay/x", "Bearer t-2").status == .ok)
    }

    @Test("SES-04: a token counts on no host that its provider is not for, asked about there or known already")
    func host() {
        let elsewhere = { (token: String) in
            site.answer(
                Request(
                    role: .responder,
                    parameters: [
                        ("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/x"), ("SCRIPT_NAME", "/oauth2/auth"),
                        ("SERVER_NAME", "evil.test"), ("HTTP_AUTHORIZATION", token),
                    ])
            ).status
        }
        #expect(elsewhere("Bearer t-1") == .unauthorized)
        #expect(ask("/x", "Bearer t-1").status == .ok)
        #expect(elsewhere("Bearer t-1") == .unauthorized)
    }

    @Test("Two different tokens are a contradiction, and nobody is asked about either")
    func twice() {
        let answer = ask("/x", "Bearer t-1", extra: [("HTTP_AUTHORIZATION", "Bearer t-2")])
        #expect(answer.status == .internalServerError && answer.identity == nil)
        #expect(site.provider.requests("/introspect").isEmpty)
    }

    @Test("LEAK-01: a token that names its issuer is shown to no other")
    func candidates() throws {
        let demand = AccessTokenDemand(audiences: [], isIntrospected: true)
        let other = try #require(EndpointURL("https://other.test/realm"))
        let site = try Site(
            clients: [
                Client("other") {
                    $0.accessTokens = demand
                    $0.issuer = other.text
                    $0.issuerURL = other
                }, Client("op") { $0.accessTokens = demand },
            ])
        site.provider.answer(
            "/.well-known/openid-configuration",
            site.provider.metadata(["introspection_endpoint": .string(ScriptedProvider.issuer + "/introspect")]))
        site.provider.answer("/introspect", .object(["active": .bool(true), "client_id": .string("job")]))
        let token = try site.provider.sign(["iss": .string(ScriptedProvider.issuer)])
        #expect(site.check("/x", extra: [("HTTP_AUTHORIZATION", "Bearer \(token)")]).status == .ok)
        #expect(!site.log.all.contains { $0.contains("provider=other") })
        #expect(site.check("/x", extra: [("HTTP_AUTHORIZATION", "Bearer opaque")]).status == .ok)
        #expect(site.log.all.contains { $0.contains("provider=other") }, "it was asked about the one that names nobody")
    }

    @Test("LEAK-01: a token that names a provider which takes none here is shown to nobody")
    func strangers() throws {
        let other = try #require(EndpointURL("https://other.test/realm"))
        let site = try Site(
            clients: [
                Client("other") {
                    $0.accessTokens = AccessTokenDemand(audiences: [], isIntrospected: true)
                    $0.issuer = other.text
                    $0.issuerURL = other
                }, Client("op"),
            ])
        let token = try site.provider.sign(["iss": .string(ScriptedProvider.issuer)])
        #expect(site.check("/x", extra: [("HTTP_AUTHORIZATION", "Bearer \(token)")]).status == .unauthorized)
        #expect(!site.log.all.contains { $0.contains("provider=other") })
    }

    @Test("HDR-01: an authorizer's answer has the program in variables, as a person")
    func authorizer() {
        let request = makeRequest("/x", role: .authorizer, extra: [("HTTP_AUTHORIZATION", "Bearer t-1")])
        #expect(site.answer(request).text(.init("Variable-REMOTE_USER")!) == "job")
    }

    private func answer(_ members: [String: JSONValue]) {
        site.provider.answer("/introspect", .object(members))
    }

    private func ask(
        _ uri: String, _ authorization: String?, cookie: String? = nil, extra: [(String, String)] = []
    ) -> Response {
        let field = authorization.map { [("HTTP_AUTHORIZATION", $0)] } ?? []
        return site.check(uri, cookie: cookie, extra: (field + extra).map { (name: $0.0, value: $0.1) })
    }
}

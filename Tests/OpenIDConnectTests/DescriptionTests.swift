import HTTPTypes
import Identity
import JOSE
import TestSupport
import Testing
import Values
import Web

@testable import OpenIDConnect

@Suite("A person is described as their provider does it")
struct DescriptionTests {
    private let bench = Bench()

    @Test("A plain OAuth2 service says who it is in its profile call")
    func profile() throws {
        answer("/api/me?fields=id,name", #"{"id":42,"login":"alice","verified":true,"email":"a@example.com"}"#)
        let plain = try service("discord") { $0.mapping.username = ["login"] }
        let identity = try signIn(plain)
        #expect(identity.subject == "42" && identity.username == "alice" && identity.isEmailVerified)
        #expect(identity.issuer == ScriptedProvider.issuer && identity.provider == "op")
        #expect(bench.requests("/api/me").first?.value(of: .authorization) == "Bearer access")
        #expect(bench.requests("/.well-known/openid-configuration").isEmpty && bench.requests("/keys").isEmpty)
    }

    @Test(
        "JOSE-09: a profile that names nobody is nobody's",
        arguments: [
            "{}", #"{"id":0}"#, #"{"id":-1}"#, #"{"id":1.5}"#, #"{"id":true}"#, #"{"id":""}"#, #"{"id":null}"#,
            #"{"id":["42"]}"#, #"{"id":"a\u000ab"}"#, #"{"id":"é"}"#,
        ])
    func nobody(profile: String) throws {
        answer("/api/me?fields=id,name", profile)
        #expect(try kind(service("discord")) == "identityRefused")
    }

    @Test(
        "DISC-08: a profile that is no object, or is not given, is no sign-in",
        arguments: [
            (200, "[]", "invalidResponse"), (200, "x", "invalidResponse"), (401, "{}", "tokenRefused"),
            (500, "{}", "providerUnavailable"),
        ])
    func noProfile(status: Int, body: String, failure: String) throws {
        answer("/api/me?fields=id,name", body, status: status)
        #expect(try kind(service("discord")) == failure)
    }

    @Test("Nextcloud is told that a program asks, and answers in an envelope")
    func envelope() throws {
        answer("/api/me?fields=id,name", #"{"ocs":{"data":{"id":"alice","email":"a@example.com"}}}"#)
        let identity = try signIn(service("nextcloud"))
        #expect(identity.username == "alice" && !identity.isEmailVerified)
        let name = try #require(HTTPField.Name("OCS-APIRequest"))
        #expect(bench.requests("/api/me").first?.value(of: name) == "true")
        answer("/api/me?fields=id,name", #"{"id":"alice"}"#)
        #expect(try kind(service("nextcloud")) == "invalidResponse")
    }

    @Test("POL-02: of Bitbucket's addresses the one that is primary and confirmed counts, none of the profile's")
    func bitbucket() throws {
        answer(
            "/api/me?fields=id,name",
            #"{"account_id":"1","username":"a","email":"x@evil.test","email_verified":true}"#)
        let entry = { (isConfirmed: Bool) in
            #"{"values":[{"email":"a@example.com","is_primary":true,"is_confirmed":\#(isConfirmed)}]}"#
        }
        answer("/api/user/emails", entry(true))
        let proved = try signIn(service("bitbucket"))
        #expect(proved.email == "a@example.com" && proved.isEmailVerified)
        answer("/api/user/emails", entry(false))
        let unproved = try signIn(service("bitbucket"))
        #expect(unproved.email == nil && !unproved.isEmailVerified)
    }

    @Test("Keycloak's roles come from its access token; one that only the provider can read has none")
    func keycloak() throws {
        let access = bench.sign(roles())
        #expect(try signIn(service("keycloak"), access: access).groups == ["staff", "role:admin"])
        #expect(try signIn(service("keycloak"), access: "opaque").groups == ["staff"])
    }

    @Test("JOSE-11: roles of a token that is another's, signed by another, or over, are refused with it")
    func forgedRoles() throws {
        for access in [
            bench.sign(roles(), by: .made()), bench.sign(roles(["iss": absent])),
            bench.sign(roles(["iss": .string("https://evil.test")])), bench.sign(roles(["sub": .string("s-2")])),
            bench.sign(roles(["exp": .integer(bench.clock.now.seconds - 61)])), bench.sign(roles(["exp": absent])),
        ] {
            #expect(try kind(service("keycloak"), access: access) == "invalidToken")
        }
    }

    private func roles(_ more: [String: JSONValue?] = [:]) -> [String: JSONValue] {
        var claims: [String: JSONValue] = [
            "iss": .string(ScriptedProvider.issuer), "exp": .integer(bench.clock.now.seconds + 60),
            "sub": .string("s-1"), "realm_access": .object(["roles": .array([.string("admin")])]),
        ]
        for (name, value) in more { claims[name] = value }
        return claims
    }

    @Test("Zitadel's roles are the names of an object's members")
    func zitadel() throws {
        let claim = "urn:zitadel:iam:org:project:roles"
        let roles = JSONValue.object(["writer": .object([:]), "admin": .object(["1": .string("x")])])
        #expect(try signIn(service("zitadel"), claims: [claim: roles]).groups == ["admin", "writer"])
        #expect(try signIn(service("zitadel"), claims: [claim: .array([.object([:])])]).groups == [])
    }

    @Test("POL-01: an account of another organisation than Google's hosted domains is nobody here")
    func hostedDomain() throws {
        let google = try service("google") { $0.hostedDomains = ["example.com"] }
        #expect(try signIn(google, claims: ["hd": .string("example.com")]).username == "alice")
        #expect(kind(google, claims: ["hd": .string("evil.test")]) == "identityRefused")
        #expect(kind(google) == "identityRefused")
    }

    private func answer(_ path: String, _ body: String, status: Int = 200) {
        bench.scripted.answer(path, .success(ProviderResponse(status: status, body: Array(body.utf8))))
    }

    private func signIn(
        _ provider: Provider, access: String = "access", claims: [String: JSONValue?] = [:]
    ) throws -> Identity {
        let party = bench.party(provider)
        let pending = try party.begin(returnURL: "/", deadline: 9).pending
        let idToken = bench.sign(goodClaims(bench.clock.now, nonce: pending.nonce, claims))
        bench.answerTokens([
            "access_token": .string(access), "id_token": provider.dialect == .oauth2 ? nil : .string(idToken),
        ])
        return try party.finish([(name: "code", value: "c")], pending: pending, deadline: 9).identity
    }

    private func kind(
        _ provider: Provider, access: String = "access", claims: [String: JSONValue?] = [:]
    ) -> String {
        OpenIDConnectTests.kind { _ = try signIn(provider, access: access, claims: claims) }
    }
}

import HTTPTypes
import Identity
import JOSE
import TestSupport
import Testing
import Values
import Web

@testable import OpenIDConnect

@Suite("Who an access token speaks for")
struct RelyingPartyAccessTokenTests {
    private let bench = Bench()
    private let signed = AccessTokenDemand(audiences: ["api1"], cacheLifetime: 30)
    private let looked = AccessTokenDemand(audiences: [], isIntrospected: true, cacheLifetime: 30)

    @Test("A signed token of the provider's speaks for a person, or for a program by its own name")
    func verified() throws {
        let person = try bearer(access(["preferred_username": .string("alice"), "groups": .array([.string("ops")])]))
        #expect(person.identity.username == "alice" && person.identity.groups == ["ops"])
        #expect(person.identity.subject == "s-1" && person.identity.provider == "op")
        #expect(person.isKnownUntil == bench.clock.now.adding(30))
        let program = try bearer(access(["sub": .string("job")]))
        #expect(program.identity.username == "job" && program.identity.subject == "job")
        let nameless = try bearer(access())
        #expect(nameless.identity.username == "s-1", "whoever comes by way of a program is not that program")
        let soon = bench.clock.now.adding(10)
        #expect(try bearer(access(["exp": .integer(soon.seconds)])).expires == soon)
        #expect(bench.requests("/introspect").isEmpty)
    }

    @Test("JOSE-01, JOSE-11: another kind of token, another's signature, none, or a key that both sides know")
    func refused() {
        let claims = accessClaims(bench.clock.now)
        let sound = bench.sign(claims, type: "at+jwt").split(separator: ".")
        let none = Base64URL.encode(Array(#"{"alg":"none","typ":"at+jwt"}"#.utf8))
        for text in [
            bench.sign(claims), bench.sign(claims, type: "JWT"), bench.sign(claims, type: "logout+jwt"),
            bench.sign(claims, type: "at+jwt", by: .made()), "\(none).\(sound[1]).", "\(sound[0]).\(sound[1]).",
            SharedKey(Secret("s3cret&=")).sign(claims, header: ["typ": .string("at+jwt")]), "opaque", "",
            access(["aud": .string("other")]),
        ] {
            #expect(kind { _ = try bearer(text) } == "invalidToken", "\(text)")
        }
    }

    @Test("The kinds that the operator names are taken, whatever the case of their letters")
    func types() {
        let lax = AccessTokenDemand(audiences: ["api1"], types: ["jwt", "at+jwt"])
        for type in ["JWT", "at+JWT", "application/at+jwt"] {
            let token = bench.sign(accessClaims(bench.clock.now), type: type)
            #expect(throws: Never.self) { try bearer(token, lax) }
        }
        #expect(kind { _ = try bearer(bench.sign(accessClaims(bench.clock.now)), lax) } == "invalidToken")
    }

    @Test("JOSE-09: an ID token is no access token, though the same key signed it")
    func idToken() {
        let lax = AccessTokenDemand(audiences: ["postern id"], types: ["jwt", "at+jwt"])
        let token = bench.sign(goodClaims(bench.clock.now), type: "JWT")
        #expect(kind { _ = try bearer(token, lax) } == "invalidToken")
    }

    @Test("A token that is looked into is shown to the provider, with proof of who asks")
    func introspected() throws {
        answer(["active": .bool(true), "sub": .string("u-9"), "username": .string("bob")])
        let bearer = try bearer("opaque", looked)
        #expect(bearer.identity.username == "bob" && bearer.identity.subject == "u-9")
        #expect(bearer.isKnownUntil == bench.clock.now.adding(30))
        #expect(bench.forms("/introspect") == [["token": "opaque", "token_type_hint": "access_token"]])
        #expect(bench.requests("/introspect").first?.value(of: .authorization)?.hasPrefix("Basic ") == true)
    }

    @Test("A token that is not active speaks for nobody")
    func inactive() {
        answer(["active": .bool(false)])
        #expect(kind { _ = try bearer("opaque", looked) } == "invalidToken")
    }

    @Test("REL-01: a provider that cannot be asked leaves it open", arguments: [400, 401, 403, 429, 503])
    func unavailable(status: Int) {
        answer(["active": .bool(true), "sub": .string("u-9")], status: status)
        #expect(kind { _ = try bearer("opaque", looked) } == "providerUnavailable")
    }

    @Test("REL-01: so does one that offers no such place")
    func noEndpoint() {
        #expect(kind { _ = try bearer("opaque", looked) } == "providerUnavailable")
    }

    @Test("Only tokens that may be of the provider are worth asking about")
    func mayKnow() {
        let may = { (demand: AccessTokenDemand?, token: String) in
            bench.party(provider { $0.accessTokens = demand }).mayKnow(tokenOf: RelyingParty.issuer(asSaidBy: token))
        }
        #expect(may(signed, access()) && may(looked, access()) && may(looked, "opaque"))
        #expect(!may(signed, "opaque") && !may(signed, access(["iss": .string("https://evil.test")])))
        #expect(!may(nil, access()) && !may(nil, "opaque"))
        #expect(kind { _ = try bench.party().bearer(of: access(), deadline: 9) } == "invalidToken")
    }

    private func access(_ more: [String: JSONValue?] = [:]) -> String {
        bench.sign(accessClaims(bench.clock.now, more), type: "at+jwt")
    }

    private func bearer(_ token: String, _ demand: AccessTokenDemand? = nil) throws -> Bearer {
        try bench.party(provider { $0.accessTokens = demand ?? signed }).bearer(of: token, deadline: 9)
    }

    private func answer(_ members: [String: JSONValue], status: Int = 200) {
        bench.scripted.answer(
            "/.well-known/openid-configuration",
            bench.scripted.metadata(["introspection_endpoint": .string(ScriptedProvider.issuer + "/introspect")]))
        bench.scripted.answer("/introspect", .object(members), status: status)
    }
}

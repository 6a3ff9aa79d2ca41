import HTTPTypes
import Identity
import JOSE
import TestSupport
import Testing
import Values
import Web

@testable import OpenIDConnect

@Suite("Asking again about a person of whom there is nothing to refresh")
struct RelyingPartyRefreshTests {
    private let bench = Bench()
    private let path = "/api/me?fields=id,name"

    @Test("REF: groups and names are as the provider has them now; the tokens stay, and the next time is set")
    func recheck() throws {
        answer(#"{"id":"7","login":"alice2","groups":["new"]}"#)
        guard case .renewed(let grant, let now) = refresh(grant()) else {
            Issue.record("not renewed")
            return
        }
        #expect(now.username == "alice2" && now.groups == ["new"] && now.subject == "7")
        #expect(grant.accessToken.exposed == Array("access".utf8) && grant.recheck == bench.clock.now.adding(3600))
        #expect(bench.requests("/token").isEmpty)
        #expect(bench.requests("/api/me").first?.value(of: .authorization) == "Bearer access")
    }

    @Test(
        "REF-04: a token that is refused, or a person that is nobody, ends the session; whatever else happens does not",
        arguments: [
            (401, "{}", "ended"), (400, #"{"error":{"code":190}}"#, "ended"), (200, "{}", "ended"),
            (200, #"{"id":"7","login":"a\nb"}"#, "ended"), (403, "{}", "ended"), (429, "{}", "failed"),
            (500, "{}", "failed"), (200, "<html>", "failed"), (400, #"{"error":{"code":4}}"#, "failed"),
        ])
    func outcomes(status: Int, body: String, outcome: String) {
        answer(body, status: status)
        #expect("\(refresh(grant()))".hasPrefix(outcome))
    }

    @Test("REF-05: the profile of another person changes nobody's session")
    func another() {
        answer(#"{"id":"8","login":"mallory","groups":["admin"]}"#)
        if case .renewed = refresh(grant()) { Issue.record("renewed") }
    }

    @Test("REF-04: a provider that does not answer ends nothing")
    func silent() {
        bench.scripted.answer(path, .failure(.timedOut))
        #expect(refresh(grant()) == .failed(reason: "unavailable: no answer in time"))
    }

    @Test("REF: with a refresh token new tokens are asked for when they are due, and only the person before that")
    func withRefreshToken() {
        answer(#"{"id":"7","login":"alice"}"#)
        bench.answerTokens()
        let grant = { (end: Int64, recheck: Int64) in
            Grant(
                accessToken: Secret("access"), refreshToken: Secret("r"), idToken: nil,
                expires: bench.clock.now.adding(end), recheck: bench.clock.now.adding(recheck))
        }
        #expect("\(refresh(grant(3600, 60)))".hasPrefix("renewed"))
        #expect(bench.requests("/token").isEmpty)
        #expect("\(refresh(grant(50, 3600)))".hasPrefix("renewed"))
        #expect("\(refresh(grant(30, 20)))".hasPrefix("renewed"), "both are due: tokens first")
        #expect(bench.forms("/token").map { $0["refresh_token"] } == ["r", "r"])
    }

    @Test("GitHub says in words of its own that a refresh token is over; of another provider they mean nothing")
    func badRefreshToken() throws {
        bench.scripted.answer("/token", .object(["error": .string("bad_refresh_token")]))
        let grant = Grant(
            accessToken: Secret("a"), refreshToken: Secret("r"), idToken: nil, expires: bench.clock.now)
        let refresh = { (provider: Provider) in
            "\(bench.party(provider).refresh(grant, of: identity, deadline: 9))"
        }
        #expect(try refresh(service("github")).hasPrefix("ended"))
        #expect(refresh(plain()).hasPrefix("failed"))
    }

    @Test("A recheck of GitHub asks what the sign-in was granted, and no more")
    func scopes() throws {
        bench.scripted.answer("/api/user", .object(["id": .integer(7), "login": .string("alice")]))
        let github = try service("github") { $0.recheck = 3600 }
        let person = Identity(
            provider: "op", issuer: ScriptedProvider.issuer, subject: "7", username: "alice",
            claims: Claims(["scope": .string("gist notifications")]))
        let outcome = bench.party(github).refresh(grant(), of: person, deadline: 9)
        guard case .renewed(_, let now) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(bench.requests("/api/user").count == 1 && bench.requests("/api/user/emails").isEmpty)
        #expect(now.claims["scope"] == .string("gist notifications"))
    }

    @Test("Tokens that are bound to a key are renewed with proof of the same key")
    func bound() throws {
        let key = PrivateKey.made()
        bench.answerTokens(["token_type": .string("DPoP"), "refresh_token": .string("r2")])
        bench.scripted.answer("/userinfo", .object(["sub": .string("7")]))
        var old = Grant(accessToken: Secret("a"), refreshToken: Secret("r"), idToken: nil, expires: bench.clock.now)
        old.proofKey = key
        guard case .renewed(let new, _) = bench.party().refresh(old, of: identity, deadline: 9) else {
            Issue.record("not renewed")
            return
        }
        #expect(new.proofKey?.thumbprint == key.thumbprint)
        let proof = try #require(bench.requests("/token").first?.value(of: .proof))
        #expect(try parts(proof).header["jwk"] == .object(key.publicKey))
    }

    @Test("How and when somebody proved who they are stays, where a refresh does not say it anew")
    func strength() throws {
        let first = goodClaims(bench.clock.now, ["acr": .string("mfa"), "auth_time": .integer(1), "sid": .string("x")])
        let person = Identity(
            provider: "op", issuer: ScriptedProvider.issuer, subject: "s-1", username: "alice", claims: Claims(first))
        let old = Grant(accessToken: Secret("a"), refreshToken: Secret("r"), idToken: nil, expires: bench.clock.now)
        let claims = { (more: [String: JSONValue?]) throws -> Claims? in
            bench.answerTokens(["id_token": .string(bench.sign(goodClaims(bench.clock.now, nonce: nil, more)))])
            guard case .renewed(_, let now) = bench.party().refresh(old, of: person, deadline: 9) else { return nil }
            return now.claims
        }
        let kept = try #require(try claims([:]))
        #expect(kept["acr"] == .string("mfa") && kept["auth_time"] == .integer(1) && kept["sid"] == .string("x"))
        #expect(try claims(["acr": .string("pwd")])?["acr"] == .string("pwd"))
    }

    private func plain() -> Provider {
        provider {
            $0.dialect = .oauth2
            $0.recheck = 3600
            $0.mapping = IdentityMapping(subject: "id", username: ["login"])
            $0.endpoints.authorization = EndpointURL(ScriptedProvider.issuer + "/authorize")
            $0.endpoints.token = EndpointURL(ScriptedProvider.issuer + "/token")
            $0.endpoints.userinfo = EndpointURL(Interface.base + "/me?fields=id,name")
        }
    }

    private var identity: Identity {
        Identity(provider: "op", issuer: ScriptedProvider.issuer, subject: "7", username: "alice", groups: ["old"])
    }

    private func grant() -> Grant {
        Grant(
            accessToken: Secret("access"), refreshToken: nil, idToken: nil, expires: nil, recheck: bench.clock.now)
    }

    private func refresh(_ grant: Grant) -> RefreshOutcome {
        bench.party(plain()).refresh(grant, of: identity, deadline: 9)
    }

    private func answer(_ body: String, status: Int = 200) {
        bench.scripted.answer(path, .success(ProviderResponse(status: status, body: Array(body.utf8))))
    }
}

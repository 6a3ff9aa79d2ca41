import HTTPTypes
import Identity
import Synchronization
import TestSupport
import Testing
import Values
import Web

@testable import OpenIDConnect

@Suite("The relying party, against a provider that signs for real")
struct RelyingPartyTests {
    private let clock = ManualClock()
    private let scripted = ScriptedProvider()
    private let log = Log()

    @Test("A sign-in: the location, the code, the tokens, the identity")
    func signIn() throws {
        let party = party()
        let (location, pending) = try party.begin(returnURL: "/deep?x=1", deadline: 9)
        #expect(query(of: location)["state"] == pending.state && query(of: location)["nonce"] == pending.nonce)
        #expect(pending.returnURL == "/deep?x=1" && pending.provider == "op" && pending.created == clock.now)
        #expect(Set([pending.state, pending.nonce]).count == 2 && pending.state.utf8.count == 22)
        try grant(["nonce": .string(pending.nonce)])
        let signedIn = try party.finish([(name: "code", value: "c")], pending: pending, deadline: 9)
        #expect(signedIn.identity.username == "alice" && signedIn.identity.groups == ["staff"])
        #expect(signedIn.grant.accessToken.exposed == Array("access".utf8))
        #expect(scripted.requests("/userinfo").isEmpty, "the ID token says everything")
        #expect(log.entries.isEmpty)
    }

    @Test("FLOW: nothing is asked of the token endpoint unless the response is good")
    func badResponse() throws {
        let party = party()
        let pending = try party.begin(returnURL: "/", deadline: 9).pending
        for query in [[], [("error", "access_denied")], [("code", "c"), ("iss", "https://evil.test")]] {
            #expect(throws: SignInFailure.self) {
                try party.finish(query.map { (name: $0.0, value: $0.1) }, pending: pending, deadline: 9)
            }
        }
        #expect(scripted.requests("/token").isEmpty)
    }

    @Test("JOSE: an answer without an ID token, or with one that fails a check, is no sign-in")
    func badTokens() throws {
        let party = party()
        let pending = try party.begin(returnURL: "/", deadline: 9).pending
        let finish = { _ = try party.finish([(name: "code", value: "c")], pending: pending, deadline: 9) }
        scripted.answer("/token", .object(["access_token": .string("a"), "token_type": .string("Bearer")]))
        #expect(throws: SignInFailure.invalidResponse("id_token is missing")) { try finish() }
        try grant(["nonce": .string("another")])
        #expect(throws: SignInFailure.invalidToken("nonce is not the one we sent")) { try finish() }
        scripted.answer("/token", tokens("a.b.c"))
        #expect(throws: SignInFailure.invalidToken("the ID token is no signed token")) { try finish() }
        scripted.answer("/token", .object(["error": .string("invalid_grant")]), status: 400)
        #expect(throws: SignInFailure.invalidResponse("the token endpoint answered 400 invalid_grant")) { try finish() }
        scripted.answer("/token", .failure(.timedOut))
        #expect(throws: SignInFailure.providerUnavailable("no answer in time")) { try finish() }
    }

    @Test("Userinfo says what the ID token does not, and never overrules it")
    func userinfo() throws {
        let party = party()
        let pending = try party.begin(returnURL: "/", deadline: 9).pending
        try grant(["nonce": .string(pending.nonce), "groups": absent])
        scripted.answer(
            "/userinfo",
            .object(["sub": .string("s-1"), "groups": .array([.string("late")]), "email": .string("other@evil.test")]))
        let identity = try party.finish([(name: "code", value: "c")], pending: pending, deadline: 9).identity
        #expect(identity.groups == ["late"] && identity.email == "alice@example.com")
        scripted.answer("/userinfo", .object(["sub": .string("s-2"), "groups": .array([.string("admin")])]))
        #expect(throws: SignInFailure.invalidResponse("userinfo is about another subject")) {
            try party.finish([(name: "code", value: "c")], pending: pending, deadline: 9)
        }
    }

    @Test("DISC: a provider that is down at the start recovers alone; its trouble is said once, and its end")
    func trouble() throws {
        let party = party()
        scripted.answer("/.well-known/openid-configuration", .failure(.unreachable("no route")))
        for _ in 0..<3 {
            #expect(throws: SignInFailure.self) { try party.begin(returnURL: "/", deadline: 9) }
            clock.advance(seconds: 2)
        }
        scripted.answer("/.well-known/openid-configuration", scripted.metadata())
        _ = try party.begin(returnURL: "/", deadline: 9)
        #expect(log.entries.count == 2)
        #expect(log.entries.last == .ended(provider: "op"))
    }

    @Test("What is published is fetched ahead of need")
    func prepare() throws {
        let party = party()
        party.prepare(deadline: 9)
        _ = try party.begin(returnURL: "/", deadline: 9)
        #expect(scripted.requests("/.well-known/openid-configuration").count == 1)
        #expect(scripted.requests("/keys").count == 1)
    }

    // MARK: Refresh

    @Test("REF: a refresh gives new tokens, and the identity as a new ID token has it")
    func refresh() throws {
        try grant(["nonce": absent, "groups": .array([.string("new")])])
        guard case .renewed(let renewed, let now) = party().refresh(old, of: identity, deadline: 9) else {
            Issue.record("not renewed")
            return
        }
        #expect(renewed.accessToken.exposed == Array("access".utf8))
        #expect(now.groups == ["new"])
    }

    @Test("REF: without an ID token the identity stays as it was, as far as userinfo does not say otherwise")
    func refreshWithoutIDToken() throws {
        scripted.answer("/token", .object(["access_token": .string("access"), "token_type": .string("Bearer")]))
        scripted.answer("/userinfo", .object(["sub": .string("s-1")]))
        guard case .renewed(let renewed, let now) = party().refresh(old, of: identity, deadline: 9) else {
            Issue.record("not renewed")
            return
        }
        #expect(now.username == identity.username && now.groups == identity.groups)
        #expect(renewed.refreshToken == nil)
    }

    @Test("REF: a new ID token of another subject or issuer changes nobody's identity")
    func refreshOfAnother() throws {
        for claims: [String: JSONValue?] in [["sub": .string("s-2")], ["iss": .string("https://evil.test")]] {
            try grant(claims.merging(["groups": .array([.string("admin")])]) { $1 })
            guard case .renewed(let renewed, let now) = party().refresh(old, of: identity, deadline: 9) else {
                Issue.record("not renewed")
                return
            }
            #expect(now == identity)
            #expect(renewed.idToken == nil, "the next refresh takes the claims of the ID token that is kept")
        }
        #expect(log.entries.count == 2)
    }

    @Test(
        "REF: only invalid_grant ends a session",
        arguments: [
            ("invalid_grant", 400, "ended"), ("invalid_client", 401, "refused"),
            ("unauthorized_client", 400, "refused"),
            ("temporarily_unavailable", 400, "failed"), ("invalid_grant", 503, "failed"),
            ("invalid_grant", 429, "failed"),
        ])
    func refreshErrors(error: String, status: Int, outcome: String) {
        scripted.answer("/token", .object(["error": .string(error)]), status: status)
        #expect("\(party().refresh(old, of: identity, deadline: 9))".hasPrefix(outcome))
    }

    @Test("REF: a provider that does not answer, and a session without refresh token, end nothing")
    func refreshFailures() {
        scripted.answer("/token", .failure(.timedOut))
        #expect(party().refresh(old, of: identity, deadline: 9) == .failed(reason: "no answer in time"))
        let bare = Grant(accessToken: Secret("a"), refreshToken: nil, idToken: nil, expires: nil)
        #expect(party().refresh(bare, of: identity, deadline: 9) == .failed(reason: "there is no refresh token"))
    }

    // MARK: The end

    @Test("OUT: the sign-out goes on to the provider with a hint and the way back, if there is such a place")
    func endSession() throws {
        let location = try #require(
            party().endSessionURL(
                idToken: Secret("i.d.t"), postLogoutRedirectURI: "https://a.test/bye", state: "st", deadline: 9))
        #expect(location.hasPrefix("https://op.test/realm/end?"))
        #expect(
            query(of: location) == [
                "id_token_hint": "i.d.t", "client_id": "postern id", "state": "st",
                "post_logout_redirect_uri": "https://a.test/bye",
            ])
        let quiet = party(provider { $0.endSession = false })
        #expect(quiet.endSessionURL(idToken: nil, postLogoutRedirectURI: "x", state: nil, deadline: 9) == nil)
        scripted.answer("/.well-known/openid-configuration", scripted.metadata(["end_session_endpoint": absent]))
        #expect(party().endSessionURL(idToken: nil, postLogoutRedirectURI: "x", state: nil, deadline: 9) == nil)
    }

    private func party(_ provider: Provider = provider()) -> RelyingParty {
        RelyingParty(
            provider: provider, redirectURI: "https://a.test/oauth2/callback", client: scripted, clock: clock.clock,
            entropy: .system, log: { [log] in log.add($0) })
    }

    private var identity: Identity {
        Identity(
            provider: "op", issuer: ScriptedProvider.issuer, subject: "s-1", username: "alice",
            email: "alice@example.com", isEmailVerified: true, preferredUsername: "alice", groups: ["staff"],
            claims: Claims(goodClaims(clock.now)))
    }

    private var old: Grant {
        Grant(accessToken: Secret("old"), refreshToken: Secret("r"), idToken: nil, expires: nil)
    }

    /// What the token endpoint answers from now on.
    private func grant(_ more: [String: JSONValue?]) throws {
        scripted.answer("/token", tokens(try scripted.sign(goodClaims(clock.now, more))))
    }

    private func tokens(_ idToken: String) -> JSONValue {
        .object([
            "access_token": .string("access"), "token_type": .string("Bearer"), "refresh_token": .string("r2"),
            "id_token": .string(idToken), "expires_in": .integer(300),
        ])
    }
}

private final class Log: Sendable {
    private let noted = Mutex<[ProviderTrouble]>([])

    var entries: [ProviderTrouble] { noted.withLock { $0 } }

    func add(_ trouble: ProviderTrouble) {
        noted.withLock { $0.append(trouble) }
    }
}

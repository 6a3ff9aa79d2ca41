import HTTPTypes
import JOSE
import OpenIDConnect
import TestSupport
import Testing
import Values
import Web

@testable import Gate

@Suite("A provider says that somebody signed out there")
struct ProviderLogoutTests {
    private let site: Site

    init() throws {
        site = try Site(clients: [Client("op"), Client("corp") { $0.clientID = "corp id" }])
    }

    // MARK: By itself

    @Test("OUT-03: a token by sid ends that session at once, and no other of the same person")
    func bySession() throws {
        let (one, two) = (try signIn(sid: "x"), try signIn(sid: "y"))
        let answer = post(try token(["sid": .string("x")]))
        #expect(answer.status == .ok && answer.cookies.isEmpty && answer.body.isEmpty)
        #expect(site.check("/", cookie: one).status == .unauthorized)
        #expect(site.check("/", cookie: two).status == .ok)
        #expect(site.log.all.contains { $0.contains("signed out by the provider") && $0.contains("sessions=1") })
    }

    @Test("OUT-03: a token by subject alone ends all sessions of that person with that client, and nobody else's")
    func bySubject() throws {
        let mine = [try signIn(sid: "x"), try signIn(sid: nil)]
        let others = [
            try signIn(sid: "z", ["sub": .string("s-2")]),
            try signIn(sid: "x", with: "corp", ["aud": .string("corp id")]),
        ]
        #expect(post(try token()).status == .ok)
        #expect(mine.allSatisfy { site.check("/", cookie: $0).status == .unauthorized })
        #expect(others.allSatisfy { site.check("/", cookie: $0).status == .ok })
        #expect(post(try token(["aud": .string("corp id"), "jti": .string("j-2")])).status == .ok)
        #expect(site.check("/", cookie: others[0]).status == .ok)
        #expect(site.check("/", cookie: others[1]).status == .unauthorized)
    }

    @Test("OUT-03: where several providers of ours are one client, the token is about the sessions of each")
    func oneClientTwice() throws {
        for order in [["api", "op"], ["op", "api"]] {
            let site = try Site(clients: order.map { Client($0) })
            let sessions = try ["op", "api"].map { try site.signIn(with: $0) }
            #expect(post(try site.provider.sign(logoutClaims(site.clock.now)), site).status == .ok)
            #expect(sessions.allSatisfy { site.check("/", cookie: $0).status == .unauthorized }, "\(order)")
        }
    }

    @Test("OUT-03: a session that is not known is none to end, and that is well")
    func unknown() throws {
        #expect(post(try token(["sid": .string("nobody's")])).status == .ok)
    }

    @Test("OUT-04: what fails a check is refused, and every session goes on")
    func refused() throws {
        let cookie = try signIn(sid: "x")
        let sid = ["sid": JSONValue?.some(.string("x"))]
        let shared = SharedKey(Secret("s3cret")).sign(logoutClaims(site.clock.now, sid))
        let sound = try token(sid)
        for text in [
            "", "x", shared, String(sound.dropLast(4)), try token(sid.merging(["events": nil]) { $1 }),
            try token(sid.merging(["nonce": .string("n")]) { $1 }),
            try token(sid.merging(["iss": .string("https://evil.test")]) { $1 }),
            try token(sid.merging(["aud": .string("other")]) { $1 }),
            try token(["sub": nil]), try site.provider.sign(goodClaims(site.clock.now)),
        ] {
            let answer = post(text)
            #expect(answer.status == .badRequest, "\(text)")
            #expect(answer.text(.contentType) == "application/json" && answer.page.contains("invalid_request"))
        }
        #expect(site.check("/", cookie: cookie).status == .ok)
        #expect(!site.log.all.contains { $0.contains(sound) })
    }

    @Test("OUT-04: a token counts once")
    func replayed() throws {
        let text = try token(["sid": .string("x")])
        #expect(post(text).status == .ok)
        let cookie = try signIn(sid: "x")
        #expect(post(text).status == .badRequest)
        #expect(site.check("/", cookie: cookie).status == .ok)
    }

    @Test("FCG-05: only a whole form with one token is read, and only one that is posted")
    func requests() throws {
        let cookie = try signIn(sid: "x")
        let form = "logout_token=\(try token(["sid": .string("x")]))"
        let get = site.answer(
            makeRequest("/oauth2/backchannel_logout?\(form)", location: "/oauth2/backchannel_logout", query: form))
        #expect(get.status == .methodNotAllowed && get.text(.allow) == "POST")
        for (body, length) in [
            (form, form.utf8.count + 1), (form, 0), ("\(form)&\(form)", form.utf8.count * 2 + 1), ("", 0),
            ("logout_token=%ff", 16), ("logout_token=%zz", 16),
        ] {
            #expect(send(body, length: length).status == .badRequest, "\(body)")
        }
        #expect(site.check("/", cookie: cookie).status == .ok)
    }

    @Test("REL-01: while the provider's keys cannot be had the answer is to try again, and the token is not used up")
    func silent() throws {
        let site = try Site()
        let text = try site.provider.sign(logoutClaims(site.clock.now))
        site.provider.answer("/keys", .failure(.timedOut))
        let answer = post(text, site)
        #expect(answer.status == .serviceUnavailable && answer.text(.retryAfter) != nil)
        site.provider.publishKeys()
        site.clock.advance(seconds: 60)
        #expect(post(text, site).status == .ok)
    }

    // MARK: By way of a frame

    @Test("OUT-03: a frame of the provider's ends the session that it names, and may be framed by the provider alone")
    func frame() throws {
        let (one, two) = (try signIn(sid: "x"), try signIn(sid: "y"))
        let answer = frame([("iss", ScriptedProvider.issuer), ("sid", "x")])
        #expect(answer.status == .ok && answer.text(.contentType)?.hasPrefix("text/html") == true)
        let policy = try #require(answer.text(.contentSecurityPolicy))
        #expect(policy.contains("default-src 'none'") && policy.hasSuffix("frame-ancestors https://op.test"))
        #expect(answer.text(.frameOptions) == nil && answer.text(.location) == nil)
        #expect(site.check("/", cookie: one).status == .unauthorized && site.check("/", cookie: two).status == .ok)
    }

    @Test("OUT-01, OUT-04: without the issuer and a session that it knows a frame ends nothing")
    func strangeFrames() throws {
        let cookie = try signIn(sid: "x")
        let issuer = ("iss", ScriptedProvider.issuer)
        for query in [
            [], [issuer], [("sid", "x")], [issuer, ("sid", "")], [("iss", "https://evil.test"), ("sid", "x")],
            [("iss", ScriptedProvider.issuer + "/"), ("sid", "x")], [issuer, ("sid", "x"), ("sid", "x")],
            [issuer, issuer, ("sid", "x")], [issuer, ("sid", String(repeating: "x", count: 513))],
        ] {
            #expect(frame(query).status == .badRequest, "\(query)")
        }
        #expect(frame([issuer, ("sid", "z")]).status == .ok)
        #expect(frame([issuer, ("sid", "x")], method: "POST").status == .methodNotAllowed)
        #expect(site.check("/", cookie: cookie).status == .ok)
    }

    @Test("OUT-03: where a provider has no names for sessions, its frame ends the one whose cookie comes along")
    func namelessSession() throws {
        let (nameless, other) = (try signIn(sid: nil), try signIn(sid: nil))
        let named = try signIn(sid: "y")
        let parameters = [("iss", ScriptedProvider.issuer), ("sid", "alice")]
        #expect(frame(parameters, cookie: named, from: "same-site").status == .ok)
        #expect(site.check("/", cookie: named).status == .ok, "it has a name, and it is another")
        #expect(frame([("iss", "https://evil.test"), ("sid", "alice")], cookie: nameless).status == .badRequest)
        #expect(site.check("/", cookie: nameless).status == .ok)
        for site in ["cross-site", "none", nil] {
            #expect(frame(parameters, cookie: nameless, from: site).status == .ok)
        }
        #expect(site.check("/", cookie: nameless).status == .ok, "OUT-01: a link elsewhere signs nobody out")
        #expect(frame(parameters, cookie: nameless, from: "same-site").status == .ok)
        #expect(site.check("/", cookie: nameless).status == .unauthorized)
        #expect(site.check("/", cookie: other).status == .ok)
    }

    // MARK: Our keys

    @Test("LEAK-01: jwks.json has the public halves of our keys, each once")
    func keys() throws {
        let (one, two) = (PrivateKey.made(), PrivateKey.made())
        let site = try Site(
            clients: [Client("a") { $0.clientKey = one }, Client("b") { $0.clientKey = one }, Client("c")]
                + [Client("d") { $0.clientKey = two }])
        let answer = site.answer(makeRequest("/oauth2/jwks.json", location: "/oauth2/jwks.json"))
        #expect(answer.status == .ok && answer.text(.contentType) == "application/json")
        let keys = try #require(JSONValue(parsing: answer.body, limit: 10_000)?["keys"]?.array)
        #expect(keys.map { $0["kid"] } == [.string(one.thumbprint), .string(two.thumbprint)])
        #expect(keys.allSatisfy { $0["d"] == nil && $0["x"] != nil })
        let posted = makeRequest("/oauth2/jwks.json", location: "/oauth2/jwks.json", method: "POST")
        #expect(site.answer(posted).status == .methodNotAllowed)
        let none = try Site().answer(makeRequest("/oauth2/jwks.json", location: "/oauth2/jwks.json"))
        #expect(JSONValue(parsing: none.body, limit: 100) == .object(["keys": .array([])]))
    }

    private func signIn(sid: String?, with client: String = "op", _ more: [String: JSONValue?] = [:]) throws -> String {
        try site.signIn(with: client, claims: more.merging(["sid": sid.map { .string($0) }]) { $1 })
    }

    private func token(_ more: [String: JSONValue?] = [:]) throws -> String {
        try site.provider.sign(logoutClaims(site.clock.now, more))
    }

    private func post(_ token: String, _ other: Site? = nil) -> Response {
        let form = Query.encode([("logout_token", token)])
        return send(form, length: form.utf8.count, other)
    }

    private func send(_ body: String, length: Int, _ other: Site? = nil) -> Response {
        (other ?? site).answer(
            makeRequest(
                "/oauth2/backchannel_logout", location: "/oauth2/backchannel_logout", method: "POST",
                extra: [("CONTENT_LENGTH", "\(length)")], body: body))
    }

    private func frame(
        _ parameters: [(String, String)], method: String = "GET", cookie: String? = nil, from site: String? = nil
    ) -> Response {
        let query = Query.encode(parameters)
        return self.site.answer(
            makeRequest(
                "/oauth2/frontchannel_logout?\(query)", location: "/oauth2/frontchannel_logout", method: method,
                query: query, cookie: cookie, extra: site.map { [("HTTP_SEC_FETCH_SITE", $0)] } ?? []))
    }
}

/// The claims of a good logout token.
private func logoutClaims(_ now: Timestamp, _ more: [String: JSONValue?] = [:]) -> [String: JSONValue] {
    var claims: [String: JSONValue] = [
        "iss": .string(ScriptedProvider.issuer), "aud": .string("postern id"), "sub": .string("s-1"),
        "jti": .string("j-1"), "iat": .integer(now.seconds), "exp": .integer(now.seconds + 120),
        "events": .object(["http://schemas.openid.net/event/backchannel-logout": .object([:])]),
    ]
    for (name, value) in more { claims[name] = value }
    return claims
}

import HTTPTypes
import TestSupport
import Testing
import Web

@testable import Gate

@Suite("The check")
struct CheckTests {
    private let site: Site

    init() throws {
        site = try Site()
    }

    @Test("Without a session: what is public passes, what is closed does not, for the rest one signs in")
    func noSession() {
        #expect(site.check("/public").status == .ok)
        #expect(site.check("/closed").status == .forbidden)
        #expect(site.check("/admin").status == .unauthorized)
        #expect(site.check("/any?x=1").status == .unauthorized)
    }

    @Test("With a session the rules decide, and the answer says who it is; nothing is said of a denied one")
    func session() throws {
        let cookie = try site.signIn(groups: ["admins"])
        let allowed = site.check("/admin", cookie: cookie)
        #expect(allowed.status == .ok && allowed.text(.init("x-forwarded-user")!) == "alice")
        #expect(allowed.cookies.isEmpty)
        let other = try site.signIn(groups: ["staff"])
        let denied = site.check("/admin", cookie: other)
        #expect(denied.status == .forbidden && denied.fields.isEmpty && denied.identity == nil)
        #expect(site.check("/public", cookie: cookie).identity == nil, "a public page is not told who looks at it")
    }

    @Test("An authorizer is answered 200 with variables, a responder 204 where the web server asks for it")
    func roles() throws {
        let cookie = try site.signIn()
        let authorizer = site.answer(makeRequest("/", cookie: cookie, role: .authorizer))
        #expect(authorizer.status == .ok)
        #expect(authorizer.text(.init("Variable-REMOTE_USER")!) == "alice")
        #expect(authorizer.text(.init("Variable-X_FORWARDED_USER")!) == "alice")
        #expect(site.check("/", cookie: cookie, extra: [("POSTERN_ALLOW_STATUS", "204")]).status == .noContent)
        let asked = makeRequest("/", cookie: cookie, role: .authorizer, extra: [("POSTERN_ALLOW_STATUS", "204")])
        #expect(site.answer(asked).status == .ok)
    }

    @Test("PATH: a request that is incomplete, contradicts itself or has two meanings is never allowed")
    func unsound() throws {
        let cookie = try site.signIn(groups: ["admins"])
        let missing = Request(role: .responder, parameters: [("REQUEST_METHOD", "GET"), ("HTTP_COOKIE", cookie)])
        #expect(site.answer(missing).status == .internalServerError)
        let twice = site.check("/public", cookie: cookie, extra: [("REQUEST_URI", "/closed")])
        #expect(twice.status == .internalServerError)
        for uri in ["/public/%2e%2e/closed", "/public%00", "public", "/public/..%2fclosed"] {
            #expect(site.check(uri).status != .ok, "\(uri)")
        }
        #expect(site.log.all.contains { $0.contains("REQUEST_URI is missing") && $0.contains("remedy") })
    }

    @Test("SES-06: of cookies with one name the first that opens a session counts; four are looked at")
    func manyCookies() throws {
        let cookie = try site.signIn()
        let planted = "\(Site.cookieName)=x"
        #expect(site.check("/", cookie: "\(planted); \(cookie)").status == .ok)
        let four = Array(repeating: planted, count: 4).joined(separator: "; ")
        #expect(site.check("/", cookie: "\(four); \(cookie)").status == .unauthorized)
    }

    @Test("HDR: an identity that the web server has no room for is refused, and the log says what to raise")
    func tooLarge() throws {
        let site = try Site { $0.identity.limit = 10 }
        let cookie = try site.signIn()
        #expect(site.check("/", cookie: cookie).status == .forbidden)
        #expect(site.log.all.contains { $0.contains("identity headers of") && $0.contains("raise") })
        #expect(site.check("/", cookie: cookie, extra: [("POSTERN_HEADER_BYTES", "4k")]).status == .ok)
        for odd in ["4g", "-1", "", "99999999999999999999", "0"] {
            let answer = site.check("/", cookie: cookie, extra: [("POSTERN_HEADER_BYTES", odd)])
            #expect(answer.status == .forbidden, "\(odd)")
        }
    }

    @Test(
        "POL: a network is the peer's, or behind a trusted proxy the last address that is not such a proxy's",
        arguments: [
            ("10.0.0.9", "203.0.113.7", HTTPResponse.Status.unauthorized), ("127.0.0.1", "203.0.113.7", .ok),
            ("127.0.0.1", "203.0.113.7, 127.0.0.1", .ok), ("127.0.0.1", "203.0.113.7, 10.0.0.9", .unauthorized),
            ("127.0.0.1", "203.0.113.7, rubbish", .unauthorized), ("203.0.113.7", "10.0.0.9", .ok),
        ])
    func networks(peer: String, forwarded: String, status: HTTPResponse.Status) throws {
        let inside = try #require(Network("203.0.113.0/24".utf8))
        let proxies = try #require(Network("127.0.0.0/8".utf8))
        let site = try Site(openTo: inside) { $0.trustedProxies = [proxies] }
        let request = Request(
            role: .responder,
            parameters: [
                ("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/x"), ("REMOTE_ADDR", peer),
                ("HTTP_X_FORWARDED_FOR", forwarded),
            ])
        #expect(site.answer(request).status == status)
    }

    @Test("OUT: tokens that are over are renewed first; while the provider is down the session goes on for a while")
    func expired() throws {
        let cookie = try site.signIn()
        site.advance(seconds: 301)
        #expect(site.check("/public", cookie: cookie).status == .ok)
        #expect(site.provider.requests("/token").count == 1, "a public page waits for nobody")
        site.provider.answer("/token", .failure(.timedOut))
        #expect(site.check("/", cookie: cookie).status == .ok)
        #expect(site.provider.requests("/token").count == 2)
        site.clock.advance(seconds: 600)
        #expect(site.check("/", cookie: cookie).status == .serviceUnavailable)
    }

    @Test("Where the web server hands answers on as they are, a refusal is the page for it (lighttpd)")
    func pages() throws {
        let ask = { (uri: String, cookie: String?, extra: [(name: String, value: String)]) in
            site.answer(
                Request(
                    role: .authorizer,
                    parameters: [
                        ("REQUEST_METHOD", "GET"), ("REQUEST_URI", uri), ("SERVER_NAME", "app.test"),
                        ("POSTERN_PAGES", "on"), ("HTTP_COOKIE", cookie ?? ""),
                    ] + extra))
        }
        let begun = ask("/deep?x=1", nil, [])
        #expect(begun.status == .found && !begun.cookies.isEmpty)
        #expect(ask("/deep", nil, [("HTTP_ACCEPT", "application/json")]).status == .unauthorized)
        let cookie = try site.signIn()
        let allowed = ask("/deep", cookie, [])
        #expect(
            allowed.text(.init("Variable-REMOTE_USER")!) == "alice"
                && allowed.text(.init("Variable-POSTERN")!) == "passed")
        #expect(ask("/public", nil, []).text(.init("Variable-POSTERN")!) == "passed")
        let denied = ask("/admin", cookie, [])
        #expect(denied.status == .forbidden && denied.page.contains("alice"))
    }

    @Test("A browser that asks for the check itself is not told who it is")
    func askedFor() throws {
        let answer = site.answer(makeRequest("/oauth2/auth?x", location: "/oauth2/auth", cookie: try site.signIn()))
        #expect(answer.status == .ok && answer.identity == nil)
    }

    @Test(
        "nginx may reuse an answer only where the operator allows it, not longer than the session is good, and no token"
    )
    func reuse() throws {
        let off = try Site()
        #expect(off.check("/", cookie: try off.signIn()).text(.accelExpires) == nil)
        let site = try Site { $0.answerCache = 30 }
        let cookie = try site.signIn()
        #expect(site.check("/", cookie: cookie).text(.accelExpires) == "29")
        #expect(site.check("/").text(.accelExpires) == nil && site.check("/public/x").text(.accelExpires) == nil)
        #expect(site.check("/closed", cookie: cookie).text(.accelExpires) == nil)
        #expect(site.answer(makeRequest(cookie: cookie, role: .authorizer)).text(.accelExpires) == nil)
        let late = try Site { settings in
            settings.answerCache = 30
            settings.lifetime = 20
        }
        #expect(late.check("/", cookie: try late.signIn()).text(.accelExpires) == "19")
        let withToken = try Site { settings in
            settings.answerCache = 30
            settings.identity.headers.append((.init("x-token")!, .accessToken))
        }
        #expect(withToken.check("/", cookie: try withToken.signIn()).text(.accelExpires) == nil)
    }
}

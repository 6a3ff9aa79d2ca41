import HTTPTypes
import TestSupport
import Testing
import Web

@testable import Gate

@Suite("The way to the provider")
struct SignInTests {
    private let site: Site

    init() throws {
        site = try Site()
    }

    @Test("A person is sent to the provider with a cookie for the way back")
    func person() throws {
        let (cookie, sent) = try site.begin("/report?x=1&y=2")
        #expect(sent["redirect_uri"] == "https://app.test/oauth2/callback" && sent["code_challenge_method"] == "S256")
        #expect(cookie.contains("__Host-postern-state-") && cookie.contains("__Host-postern-attempts"))
        #expect(!cookie.contains(try #require(sent["nonce"])) && !cookie.contains("report"), "it is sealed")
    }

    @Test("A program is told so, and gets neither a redirect nor a cookie")
    func program() {
        for extra in [[("HTTP_ACCEPT", "application/json")], [("HTTP_X_REQUESTED_WITH", "XMLHttpRequest")]] {
            let answer = site.answer(
                makeRequest("/api", location: "/oauth2/start", extra: extra.map { (name: $0.0, value: $0.1) }))
            #expect(answer.status == .unauthorized && answer.cookies.isEmpty)
        }
        #expect(site.answer(makeRequest("/form", location: "/oauth2/start", method: "POST")).status == .unauthorized)
    }

    @Test(
        "RD: where to return to is the original address, or what rd says; anything off our site is the home page",
        arguments: [
            ("/a%20b?x=1#", nil, "/"), ("/a%20b?x=1", nil, "/a%20b?x=1"),
            ("/oauth2/start", "rd=%2Fdeep%3Fx%3D1", "/deep?x=1"),
            ("/oauth2/start", "rd=/deep?x=1&y=2", "/deep?x=1&y=2"), ("/oauth2/start", "rd=https://evil.test/", "/"),
            ("/oauth2/start", "rd=//evil.test", "/"), ("/oauth2/start", "rd=/a&rd=/b", "/"),
            ("/oauth2/start", nil, "/"),
            ("//evil.test/x", nil, "/"), ("/\\evil.test", nil, "/"),
        ])
    func returnURL(uri: String, query: String?, target: String) throws {
        let request = makeRequest(
            query == nil ? uri : "\(uri)?\(query ?? "")", location: "/oauth2/start", query: query)
        #expect(site.gate.returnURL(of: request).text == target)
    }

    @Test("In place of a 401 that was a 403 there is no sign-in: it would not help (mod_fcgid)")
    func deniedInPlace() throws {
        let cookie = try site.signIn()
        let person = site.answer(makeRequest("/admin/x", location: "/oauth2/start", cookie: cookie))
        #expect(person.status == .forbidden && person.page.contains("alice") && person.cookies.isEmpty)
        let program = site.answer(
            makeRequest(
                "/closed/x", location: "/oauth2/start", cookie: cookie, extra: [("HTTP_ACCEPT", "application/json")]))
        #expect(program.status == .forbidden && program.page == "not allowed\n")
        #expect(site.answer(makeRequest("/closed/x", location: "/oauth2/start")).status == .forbidden)
        #expect(site.answer(makeRequest("/admin/x", location: "/oauth2/start")).status == .found)
    }

    @Test("Whoever asks for the page itself is sent to sign in, also with a session")
    func askedFor() throws {
        let cookie = try site.signIn()
        let request = makeRequest(
            "/oauth2/start?rd=/admin/x", location: "/oauth2/start", query: "rd=/admin/x", cookie: cookie)
        #expect(site.answer(request).status == .found)
        let apart = makeRequest(
            "/oauth2/start?rd=/admin/x", location: "/oauth2", query: "rd=/admin/x", cookie: cookie,
            extra: [("PATH_INFO", "/start")])
        #expect(site.answer(apart).status == .found)
        #expect(site.gate.returnURL(of: apart).text == "/admin/x")
    }

    @Test("What an error page is asked with is not what was asked first (Apache's ErrorDocument)")
    func redirectedMethod() {
        let request = makeRequest("/form", location: "/oauth2/start", extra: [("REDIRECT_REQUEST_METHOD", "POST")])
        #expect(site.answer(request).status == .unauthorized)
        #expect(site.gate.returnURL(of: request).text == "/")
    }

    @Test("What was posted cannot be posted again: the way back leads home")
    func posted() {
        let request = makeRequest(
            "/form", location: "/oauth2/start", method: "POST", extra: [("HTTP_SEC_FETCH_MODE", "navigate")])
        #expect(site.answer(request).status == .found)
        #expect(site.gate.returnURL(of: request).text == "/")
    }

    @Test("DISC: while the provider is down a page says so, and the log says why")
    func providerDown() {
        site.provider.answer("/.well-known/openid-configuration", .failure(.timedOut))
        let answer = site.answer(makeRequest("/", location: "/oauth2/start"))
        #expect(answer.status == .serviceUnavailable && answer.text(.retryAfter) == "5")
        #expect(site.log.all.contains { $0.contains("sign-in failed") && $0.contains("no answer in time") })
    }

    @Test("FLOW: who goes round and round is shown why")
    func loop() throws {
        var cookie = ""
        for _ in 0..<3 {
            let (begun, sent) = try site.begin("/", cookie: cookie)
            cookie = jar(try site.comeBack(sent, cookie: begun), begun)
            site.clock.advance(seconds: 2)
        }
        let withSession = site.answer(makeRequest("/", location: "/oauth2/start", cookie: cookie))
        #expect(withSession.status == .conflict && withSession.page.contains("application"))
        let lost = cookie.split(separator: "; ").filter { !$0.hasPrefix("\(Site.cookieName)=") }.joined(separator: "; ")
        let withoutCookie = site.answer(makeRequest("/", location: "/oauth2/start", cookie: lost))
        #expect(withoutCookie.status == .conflict && withoutCookie.page.contains(Site.cookieName))
    }
}

import HTTPTypes
import TestSupport
import Testing
import Web

@testable import Gate

@Suite("Signing out")
struct SignOutTests {
    private let site: Site

    init() throws {
        site = try Site()
    }

    @Test("OUT: it ends the session here, and leads on to the provider with the way back")
    func signOut() throws {
        let cookie = try site.signIn()
        let answer = signOut(cookie: cookie)
        #expect(answer.status == .found)
        let location = try #require(answer.text(.location))
        #expect(location.hasPrefix("https://op.test/realm/end?id_token_hint="))
        #expect(location.contains("post_logout_redirect_uri=https%3A%2F%2Fapp.test%2Foauth2%2Fsign_out"))
        #expect(answer.cookies.first { $0.name == Site.cookieName }?.maxAge == 0)
        #expect(answer.cookies.first { $0.name == "session" }?.maxAge == 0)
        #expect(site.check("/", cookie: cookie).status == .unauthorized)
        #expect(site.log.all.contains { $0.hasPrefix("info signed out") && $0.contains("user=alice") })
    }

    @Test("SES: of cookies with one name each ends its session")
    func manyCookies() throws {
        let (one, two) = (try site.signIn(), try site.signIn())
        _ = signOut(cookie: "\(one); \(two)")
        #expect(site.check("/", cookie: one).status == .unauthorized)
        #expect(site.check("/", cookie: two).status == .unauthorized)
    }

    @Test(
        "OUT-01: another site cannot sign anybody out: it takes a click on our own page",
        arguments: [
            [("HTTP_SEC_FETCH_MODE", "no-cors")],
            [("HTTP_SEC_FETCH_MODE", "navigate"), ("HTTP_SEC_FETCH_SITE", "cross-site")],
            [("HTTP_SEC_FETCH_SITE", "same-site")], [("HTTP_REFERER", "https://evil.test/")],
            [("HTTP_ORIGIN", "https://app.test.evil.test")], [("HTTP_ORIGIN", "null")],
        ])
    func otherSite(fields: [(String, String)]) throws {
        let cookie = try site.signIn()
        let answer = signOut(cookie: cookie, extra: fields.map { (name: $0.0, value: $0.1) })
        #expect(answer.status == .ok && answer.page.contains("<form"))
        #expect(site.check("/", cookie: cookie).status == .ok)
        let proof = try #require(answer.page.firstMatch(of: /name="proof" value="([^"]+)"/)?.1)
        #expect(post("proof=AAAA", cookie: cookie).page.contains("<form"))
        #expect(site.check("/", cookie: cookie).status == .ok)
        let other = try site.signIn()
        #expect(post("proof=\(proof)", cookie: other).page.contains("<form"), "a proof is for one session")
        #expect(post("proof=\(proof)&rd=%2Fbye", cookie: cookie).status == .found)
        #expect(site.check("/", cookie: cookie).status == .unauthorized)
    }

    @Test("Without a session it says so, or goes on to where the provider was told to come back to")
    func withoutSession() {
        #expect(signOut(cookie: nil).status == .ok)
        #expect(signOut(cookie: nil, query: "state=L2J5ZQ").text(.location) == "/bye")
        #expect(signOut(cookie: nil, query: "rd=%2Fbye").text(.location) == "/bye")
        #expect(signOut(cookie: nil, query: "rd=https://evil.test").status == .ok)
        #expect(signOut(cookie: nil, query: "state=aHR0cHM6Ly9ldmlsLnRlc3Q").status == .ok)
    }

    @Test("A form that did not arrive whole, and other methods, do nothing")
    func oddRequests() throws {
        let cookie = try site.signIn()
        let cut = makeRequest(
            "/oauth2/sign_out", location: "/oauth2/sign_out", method: "POST", cookie: cookie,
            extra: [("CONTENT_LENGTH", "99")], body: "proof=x")
        #expect(site.answer(cut).status == .badRequest)
        let deleted = makeRequest("/oauth2/sign_out", location: "/oauth2/sign_out", method: "DELETE", cookie: cookie)
        #expect(site.answer(deleted).status == .methodNotAllowed)
        #expect(site.check("/", cookie: cookie).status == .ok)
    }

    private func signOut(
        cookie: String?, query: String? = nil, extra: [(name: String, value: String)] = []
    ) -> Response {
        site.answer(
            makeRequest("/oauth2/sign_out", location: "/oauth2/sign_out", query: query, cookie: cookie, extra: extra))
    }

    private func post(_ form: String, cookie: String) -> Response {
        site.answer(
            makeRequest(
                "/oauth2/sign_out", location: "/oauth2/sign_out", method: "POST", cookie: cookie,
                extra: [("CONTENT_LENGTH", "\(form.utf8.count)")], body: form))
    }
}

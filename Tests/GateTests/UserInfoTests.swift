import HTTPTypes
import TestSupport
import Testing
import Values
import Web

@testable import Gate

@Suite("Who is signed in")
struct UserInfoTests {
    private let site: Site

    init() throws {
        site = try Site()
    }

    @Test("userinfo tells who it is, and no token")
    func userinfo() throws {
        let cookie = try site.signIn()
        let answer = ask("userinfo", cookie: cookie)
        #expect(answer.status == .ok && answer.text(.contentType)?.hasPrefix("application/json") == true)
        let document = try #require(JSONValue(parsing: answer.body, limit: 10_000)?.object)
        #expect(Set(document.keys) == ["user", "subject", "provider", "groups", "email", "preferredUsername"])
        #expect(document["user"] == .string("alice") && document["groups"] == .array([.string("staff")]))
    }

    @Test("Without a session userinfo is 401, whoever asks; tokens that are over are renewed first")
    func noSession() throws {
        #expect(ask("userinfo", cookie: nil).status == .unauthorized)
        let cookie = try site.signIn()
        site.advance(seconds: 301)
        site.provider.answer("/token", .object(["error": .string("invalid_grant")]), status: 400)
        #expect(ask("userinfo", cookie: cookie).status == .unauthorized)
        #expect(ask("userinfo", cookie: cookie).status == .unauthorized)
        #expect(site.provider.requests("/token").count == 2)
    }

    @Test("denied is a page for people that names them, escaped, and a word for programs")
    func denied() throws {
        let (cookie, sent) = try site.begin()
        let back = try site.comeBack(sent, cookie: cookie, claims: ["preferred_username": .string("<b>&\"")])
        let page = ask("denied", cookie: jar(back, cookie))
        #expect(page.status == .forbidden && page.page.contains("&lt;b&gt;") && !page.page.contains("<b>"))
        #expect(page.page.contains("/oauth2/sign_out"))
        #expect(!ask("denied", cookie: nil).page.contains("sign_out"))
        let program = ask("denied", cookie: nil, accept: "application/json")
        #expect(program.status == .forbidden && !program.page.contains("<"))
    }

    private func ask(_ endpoint: String, cookie: String?, accept: String = "text/html") -> Response {
        site.answer(
            makeRequest(
                "/oauth2/\(endpoint)", location: "/oauth2/\(endpoint)", cookie: cookie,
                extra: [("HTTP_ACCEPT", accept)]))
    }
}

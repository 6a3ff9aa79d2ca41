import HTTPTypes
import TestSupport
import Testing
import Values
import Web

@testable import Gate

@Suite("The way back from the provider")
struct CallbackTests {
    private let site: Site

    init() throws {
        site = try Site()
    }

    @Test("A good answer gives a session, removes what is spent, and leads where the visitor wanted to go")
    func signedIn() throws {
        let (cookie, sent) = try site.begin("/report?x=1")
        let answer = try site.comeBack(sent, cookie: cookie)
        #expect(answer.status == .found && answer.text(.location) == "/report?x=1")
        let session = try #require(answer.cookies.first { $0.name == Site.cookieName })
        #expect(session.text.hasSuffix("; Path=/; Max-Age=43200; Secure; HttpOnly; SameSite=Lax"))
        #expect(answer.cookies.contains { $0.name.hasPrefix("__Host-postern-state-") && $0.maxAge == 0 })
        #expect(answer.cookies.contains { $0.name == "session" && $0.maxAge == 0 }, "the application's own cookie")
        #expect(site.check("/", cookie: jar(answer, cookie)).status == .ok)
        #expect(site.log.all.contains { $0.hasPrefix("info signed in") && $0.contains("user=alice") })
    }

    @Test("FLOW-01: a state that this browser did not begin is refused, and nothing is asked of the provider")
    func foreignState() throws {
        let (cookie, sent) = try site.begin()
        let (other, otherSent) = try site.begin()
        let attempts: [(sent: [String: String], cookie: String?)] = [
            (sent, other), (otherSent, cookie), (sent, nil), (sent.merging(["state": "A"]) { $1 }, cookie),
            (sent.merging(["state": ""]) { $1 }, cookie),
        ]
        for attempt in attempts {
            #expect(try site.comeBack(attempt.sent, cookie: attempt.cookie).status == .badRequest)
        }
        #expect(site.provider.requests("/token").isEmpty)
    }

    @Test("FLOW-02: an answer is good once")
    func twice() throws {
        let (cookie, sent) = try site.begin()
        #expect(try site.comeBack(sent, cookie: cookie).status == .found)
        #expect(try site.comeBack(sent, cookie: cookie).status == .badRequest)
        #expect(site.provider.requests("/token").count == 1)
    }

    @Test("FLOW: an answer that comes too late is refused")
    func late() throws {
        let (cookie, sent) = try site.begin()
        site.clock.advance(seconds: 601)
        #expect(try site.comeBack(sent, cookie: cookie).status == .badRequest)
    }

    @Test("JOSE: a token that fails a check signs nobody in, and the page does not say which")
    func badToken() throws {
        let (cookie, sent) = try site.begin()
        let answer = try site.comeBack(sent, cookie: cookie, claims: ["iss": .string("https://evil.test")])
        #expect(answer.status == .badRequest && !answer.cookies.contains { $0.name == Site.cookieName })
        #expect(!answer.page.contains("iss") && site.log.all.contains { $0.contains("iss is not the issuer") })
    }

    @Test("SES: the session that the browser had, also a planted one, ends with the new sign-in")
    func planted() throws {
        let old = try site.signIn()
        let second = try site.signIn()
        let (cookie, sent) = try site.begin("/", cookie: "\(old); \(second)")
        _ = try site.comeBack(sent, cookie: cookie)
        #expect(site.check("/", cookie: old).status == .unauthorized)
        #expect(site.check("/", cookie: second).status == .unauthorized)
    }

    @Test("Only GET, and only a query that can be read")
    func otherRequests() {
        let post = site.answer(makeRequest("/oauth2/callback", location: "/oauth2/callback", method: "POST"))
        #expect(post.status == .methodNotAllowed && post.text(.allow) == "GET")
        for query in ["", "code=c", "state=%zz", "state=a&state=b"] {
            let answer = site.answer(makeRequest("/x", location: "/oauth2/callback", query: query))
            #expect(answer.status == .badRequest, "\(query)")
        }
    }

    @Test(
        "A provider that says no is told from one that is silent",
        arguments: [
            ("error=access_denied", HTTPResponse.Status.forbidden), ("code=c", .serviceUnavailable),
        ])
    func failures(answer: String, status: HTTPResponse.Status) throws {
        let (cookie, sent) = try site.begin("/deep")
        site.provider.answer("/token", .failure(.timedOut))
        let query = "\(answer)&state=\(try #require(sent["state"]))"
        let page = site.answer(makeRequest("/x", location: "/oauth2/callback", query: query, cookie: cookie))
        #expect(page.status == status && page.page.contains("rd=%2Fdeep"), "one click tries again")
    }
}

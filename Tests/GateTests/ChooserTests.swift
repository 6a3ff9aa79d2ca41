import HTTPTypes
import Identity
import OpenIDConnect
import Policy
import TestSupport
import Testing
import Values
import Web

@testable import Gate

@Suite("Which provider somebody signs in with")
struct ChooserTests {
    private let site: Site

    /// `/pay` wants a strong sign-in with corp.
    init() throws {
        let pay = Rule(
            name: "pay", paths: [PathPattern("/pay/*".utf8)].compactMap(\.self), effect: .allow(.anyone),
            demand: SignInDemand(providers: ["corp"], strength: Strength(acrValues: ["mfa"], maxAge: 60)))
        site = try Site(
            rules: [pay],
            clients: [
                Client("op") { $0.title = "Our <b>provider</b>" }, Client("corp") { $0.title = "Corp & Co" },
                Client("jobs", isForPeople: false), Client("far", hosts: ["far.test"]),
            ])
    }

    private func ask(
        _ endpoint: String, _ query: String? = nil, cookie: String? = nil, host: String? = nil, accept: String? = nil
    ) -> Response {
        let path = "/oauth2/\(endpoint)"
        return site.answer(
            Request(
                role: .responder,
                parameters: [
                    ("REQUEST_METHOD", "GET"), ("REQUEST_URI", path + (query.map { "?\($0)" } ?? "")),
                    ("SCRIPT_NAME", path), ("SERVER_NAME", host ?? "app.test"), ("QUERY_STRING", query ?? ""),
                    ("HTTP_COOKIE", cookie ?? ""), ("HTTP_ACCEPT", accept ?? "text/html"),
                ]))
    }

    @Test("Where several are possible the visitor chooses, and comes to where they wanted to go")
    func page() throws {
        let sent = ask("start", "rd=/a?b=1%262")
        #expect(sent.status == .found && sent.text(.location) == "/oauth2/sign_in?rd=%2Fa%3Fb%3D1%25262")
        let page = ask("sign_in", "rd=%2Fa%3Fb%3D1")
        #expect(page.status == .ok && page.text(.contentType)?.hasPrefix("text/html") == true)
        #expect(page.page.contains("href=\"/oauth2/start?provider=op&amp;rd=%2Fa%3Fb%3D1\""))
        #expect(page.page.contains("Corp &amp; Co") && !page.page.contains("jobs") && !page.page.contains("far"))
        #expect(page.cookies.isEmpty, "nothing has begun")
        let (_, begun) = try site.begin("/a?b=1", with: "corp")
        #expect(begun["state"] != nil)
    }

    @Test("LEAK-03: a title is only ever text")
    func escaped() {
        #expect(ask("sign_in").page.contains("Our &lt;b&gt;provider&lt;/b&gt;"))
    }

    @Test(
        "RD-05: the page leads on only to where start would",
        arguments: ["rd=https://evil.test/", "rd=//evil.test", "rd=/a&rd=/b", "rd=/%5Cevil.test", ""])
    func target(query: String) {
        #expect(ask("sign_in", query).page.contains("provider=op&amp;rd=%2F\""))
    }

    @Test(
        "One that is not offered there cannot be chosen",
        arguments: ["other", "jobs", "far", "OP", "", "op&provider=corp"])
    func notOffered(name: String) {
        let answer = ask("start", "provider=\(name)&rd=/a")
        #expect(answer.text(.location) == "/oauth2/sign_in?rd=%2Fa" && answer.cookies.isEmpty)
    }

    @Test("Where only one is possible there is nothing to choose: by host, by rule, or because there is no other")
    func onlyOne() throws {
        #expect(ask("start", "rd=/pay/x").text(.location)?.hasPrefix(ScriptedProvider.issuer) == true)
        #expect(ask("sign_in", "rd=/pay/x").text(.location)?.hasPrefix(ScriptedProvider.issuer) == true)
        #expect(ask("start", "provider=op&rd=/pay/x").text(.location)?.hasPrefix(ScriptedProvider.issuer) == true)
        let single = try Site()
        let request = makeRequest("/oauth2/sign_in?rd=/x", location: "/oauth2/sign_in", query: "rd=/x")
        #expect(single.answer(request).text(.location)?.hasPrefix(ScriptedProvider.issuer) == true)
    }

    @Test("Where none is possible a page says so")
    func none() throws {
        let site = try Site(clients: [Client("far", hosts: ["far.test"])])
        let answer = site.answer(makeRequest("/x", location: "/oauth2/start"))
        #expect(answer.status == .forbidden && answer.cookies.isEmpty && answer.page.contains("cannot sign in here"))
    }

    @Test("FLOW-12: a program is told, and gets no page to choose on")
    func program() {
        let answer = ask("sign_in", "rd=/a", accept: "application/json")
        #expect(answer.status == .unauthorized && !answer.page.contains("<"))
    }

    // MARK: What a rule demands

    @Test("A session of another provider, or a weaker one, is asked to sign in there; the right one passes")
    func demanded() throws {
        let mfa: [String: JSONValue?] = ["acr": .string("mfa"), "auth_time": .integer(site.clock.now.seconds)]
        let other = try site.signIn(with: "op", claims: mfa)
        #expect(site.check("/x", cookie: other).status == .ok)
        #expect(site.check("/pay/x", cookie: other).status == .unauthorized)
        let weak = try site.signIn(with: "corp")
        #expect(site.check("/pay/x", cookie: weak).status == .unauthorized)
        let strong = try site.signIn("/pay/x", claims: mfa)
        #expect(site.check("/pay/x", cookie: strong).status == .ok && site.check("/x", cookie: strong).status == .ok)
        site.advance(seconds: 66)
        #expect(site.check("/pay/x", cookie: strong).status == .unauthorized, "it is too long ago")
        #expect(site.check("/x", cookie: strong).status == .ok)
    }

    @Test("Where a rule looks at the clock nginx keeps no answer: it would be good for longer than the sign-in")
    func notCached() throws {
        let timed = Rule(
            name: "timed", paths: [PathPattern("/pay/*".utf8)].compactMap(\.self), effect: .allow(.anyone),
            demand: SignInDemand(strength: Strength(maxAge: 60)))
        for (rules, isKept) in [([timed], false), ([], true)] {
            let site = try Site(rules: rules) { $0.answerCache = 30 }
            let cookie = try site.signIn()
            #expect((site.check("/x", cookie: cookie).text(.accelExpires) != nil) == isKept)
        }
    }

    @Test("What is demanded is asked of the provider, by the address that is wanted and no other")
    func asked() throws {
        let (_, sent) = try site.begin("/pay/x")
        #expect(sent["acr_values"] == "mfa" && sent["max_age"] == "60")
        let (_, plain) = try site.begin("/x", with: "corp")
        #expect(plain["acr_values"] == nil && plain["max_age"] == nil)
    }

    @Test("FLOW-11: a provider that lets people prove less than was asked signs nobody in, and says so once")
    func tooWeak() throws {
        for claims: [String: JSONValue?] in [
            [:], ["acr": .string("pwd"), "auth_time": .integer(site.clock.now.seconds)], ["acr": .string("mfa")],
            ["acr": .string("mfa"), "auth_time": .integer(site.clock.now.seconds - 3600)],
        ] {
            let (cookie, sent) = try site.begin("/pay/x")
            let answer = try site.comeBack(sent, cookie: cookie, claims: claims)
            #expect(answer.status == .forbidden && answer.text(.location) == nil)
            #expect(!answer.cookies.contains { $0.name == Site.cookieName })
        }
    }

    @Test("SES-04: a session counts on no host that its provider is not for")
    func host() throws {
        let site = try Site(clients: [Client("op", hosts: ["app.test"])])
        let cookie = try site.signIn()
        let check = { (host: String) in
            site.answer(
                Request(
                    role: .responder,
                    parameters: [
                        ("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/"), ("SCRIPT_NAME", "/oauth2/auth"),
                        ("SERVER_NAME", host), ("HTTP_COOKIE", cookie),
                    ])
            ).status
        }
        #expect(check("app.test") == .ok)
        for host in ["far.test", "evil.test", "_", ""] { #expect(check(host) == .unauthorized, "\(host)") }
    }
}

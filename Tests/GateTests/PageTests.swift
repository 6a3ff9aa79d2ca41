import Testing
import Web

@testable import Gate

@Suite("Page")
struct PageTests {
    @Test("LEAK-03: markup in anything from outside is inert")
    func markup() {
        let hostile = "<script>alert('x')</script>\"><img src=x onerror=y>&\r\n"
        let page = Page(
            language: .english, message: .denied(user: hostile), link: Page.Link(.tryAgain, to: hostile),
            form: Page.Form(action: hostile, button: .signOut, fields: [(hostile, hostile)]))
        #expect(!page.html.utf8.contains(0x0D))
        #expect(!page.html.contains("<script"))
        #expect(!page.html.contains("<img"))
        #expect(page.html.contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&gt;"))
    }

    @Test("Every page has a title, a language, a heading and at least one sentence", arguments: Language.allCases)
    func wellFormed(language: Language) {
        let messages: [Message] = [
            .notFound, .badForm, .notNow, .signedOut, .confirmSignOut, .denied(user: "a"), .denied(user: nil),
            .signInLost, .signInRefused, .signInDenied, .providerSilent, .cookieMissing(name: "c"), .sessionUnknown,
            .applicationRefuses,
        ]
        for message in messages {
            let html = Page(language: language, message: message).html
            #expect(html.contains("<html lang=\"\(language.rawValue)\">"))
            #expect(html.contains("<title>") && html.contains("<h1>") && html.contains("<p>"))
        }
    }

    @Test("The content security policy allows our one style sheet and nothing else")
    func policy() {
        let policy = String(decoding: Page.contentSecurityPolicy, as: UTF8.self)
        #expect(policy.contains("default-src 'none'; style-src 'sha256-"))
        #expect(policy.contains("frame-ancestors 'none'"))
        #expect(!policy.contains("unsafe"))
    }
}

import Testing
import Web

@testable import Gate

@Suite("Visitor")
struct VisitorTests {
    private func visitor(_ fields: (name: String, value: String)...) -> Visitor {
        Visitor(of: makeRequest(extra: fields))
    }

    @Test("A browser window that navigates is a person, whatever it accepts")
    func navigation() {
        #expect(visitor(("HTTP_SEC_FETCH_MODE", "navigate")) == .person)
        #expect(visitor(("HTTP_SEC_FETCH_MODE", "navigate"), ("HTTP_ACCEPT", "application/json")) == .person)
    }

    @Test(
        "Everything else that a browser fetches is a program",
        arguments: ["cors", "no-cors", "same-origin", "websocket"])
    func fetches(mode: String) {
        #expect(visitor(("HTTP_SEC_FETCH_MODE", mode), ("HTTP_ACCEPT", "text/html")) == .program)
    }

    @Test("A page fetched before anybody looks at it is a program")
    func prefetch() {
        #expect(visitor(("HTTP_SEC_FETCH_MODE", "navigate"), ("HTTP_SEC_PURPOSE", "prefetch")) == .program)
    }

    @Test("Without Fetch Metadata, XHR, WebSocket and JSON are programs")
    func olderPrograms() {
        #expect(visitor(("HTTP_X_REQUESTED_WITH", "XMLHttpRequest")) == .program)
        #expect(visitor(("HTTP_UPGRADE", "WebSocket")) == .program)
        #expect(visitor(("HTTP_ACCEPT", "application/json")) == .program)
        #expect(visitor(("HTTP_ACCEPT", "application/json, text/plain, */*")) == .program)
        #expect(visitor(("HTTP_ACCEPT", "image/avif,image/webp")) == .program)
    }

    @Test("Without Fetch Metadata, whoever takes HTML or says nothing is a person")
    func olderPeople() {
        #expect(visitor(("HTTP_ACCEPT", "text/html,application/json;q=0.5")) == .person)
        #expect(visitor(("HTTP_ACCEPT", "TEXT/HTML ; q=0.9")) == .person)
        #expect(visitor(("HTTP_ACCEPT", "*/*")) == .person)
        #expect(visitor() == .person)
    }
}

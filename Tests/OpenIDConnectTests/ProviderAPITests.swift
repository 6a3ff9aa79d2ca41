import HTTPTypes
import TestSupport
import Testing
import Values
import Web

@testable import OpenIDConnect

@Suite("A provider's own interface is asked with the visitor's token")
struct ProviderAPITests {
    private let interface = Interface()

    @Test("The token goes in the header field; fields of the caller's own replace ours")
    func request() throws {
        interface.answer("/user", #"{"id":1}"#)
        let accept = HTTPField(name: .accept, value: "application/vnd.github+json")
        let page = try api().get("/user", [("a b", "c&d")], fields: [accept])
        #expect(page.value["id"] == .integer(1) && !page.hasNext)
        let request = try #require(interface.requests.first)
        #expect(request.url.text == "https://op.test/realm/api/user?a%20b=c%26d" && request.method == .get)
        #expect(request.fields.filter { $0.name == .accept } == [accept])
        #expect(request.value(of: .authorization) == "Bearer token" && request.deadline == 9)
        #expect(request.limit == 2 * 1024 * 1024, "a page of teams is long")
    }

    @Test(
        "REF-04: a token that is not taken is told from an interface that is out of order, or refuses us",
        arguments: [
            (401, "{}", "tokenRefused"), (400, #"{"error":{"code":190}}"#, "tokenRefused"),
            (400, #"{"error":{"code":4}}"#, "providerUnavailable"), (400, "", "providerUnavailable"),
            (403, "{}", "tokenRefused"), (404, "{}", "tokenRefused"),
            (429, "{}", "providerUnavailable"), (302, "{}", "providerUnavailable"),
            (503, "{}", "providerUnavailable"), (200, "<html>", "invalidResponse"), (200, "", "invalidResponse"),
        ])
    func failures(status: Int, body: String, failure: String) {
        interface.answer("/user", body, status: status)
        #expect(kind { _ = try api().get("/user") } == failure)
    }

    @Test("A list is read to its last page, by number; where a Link leads does not matter")
    func pages() throws {
        let next = "HTTP/1.1 200 OK\r\nLINK: <https://evil.test/next>; rel=\"next\", <https://x.test>; rel=\"last\"\r\n"
        interface.answer("/orgs", "[1,2]", head: next)
        interface.answer("/orgs", "[3]", head: next)
        interface.answer("/orgs", "[4]", head: "X-Link: <x>; rel=\"next\"\r\nLink: <x>; rel=\"prev\"\r\n")
        #expect(try api().list("/orgs", fields: []) == (1...4).map { .integer($0) })
        #expect(
            interface.requests.map(\.url.text)
                == (1...3).map { "https://op.test/realm/api/orgs?per_page=100&page=\($0)" })
    }

    @Test("REL-02: a list without end is given up, and what is no list is none")
    func endless() {
        interface.answer("/orgs", "[1]", head: "Link: <x>; rel=\"next\"\r\n")
        #expect(kind { _ = try api().list("/orgs", fields: []) } == "invalidResponse")
        #expect(interface.requests.count == ProviderAPI.mostPages)
        interface.answer("/teams", #"{"teams":[]}"#)
        #expect(kind { _ = try api().list("/teams", fields: []) } == "invalidResponse")
    }

    @Test("DISC-02: an interface that is no https address is not asked")
    func insecure() {
        let plain = provider { $0.api = EndpointURL("http://op.test", allowsHTTP: true) }
        #expect(kind { _ = try interface.api(plain).get("/user") } == "invalidResponse")
        #expect(interface.requests.isEmpty)
    }

    private func api() throws -> ProviderAPI {
        interface.api(try service("github"))
    }
}

/// The kind of failure that the work ends with.
func kind(_ work: () throws -> Void) -> String {
    do {
        try work()
        return "none"
    } catch let failure as SignInFailure {
        return String("\(Mirror(reflecting: failure).children.first?.label ?? "")")
    } catch {
        return "\(error)"
    }
}

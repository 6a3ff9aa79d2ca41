import Identity
import Testing
import Values
import Web

@testable import OpenIDConnect

@Suite("Google")
struct GoogleTests {
    private let interface = Interface()
    private let path = "/v1/groups/-/memberships:searchTransitiveGroups"
    private let scope = "https://www.googleapis.com/auth/cloud-identity.groups.readonly"

    @Test(
        "POL-01: the organisation of an account is one of those that are configured, letter by letter",
        arguments: [
            ("example.com", true), ("other.example", true), ("EXAMPLE.com", false), ("evilexample.com", false),
            ("sub.example.com", false), ("", false), (nil, false),
        ] as [(String?, Bool)])
    func hostedDomain(domain: String?, isTaken: Bool) throws {
        let organisations = try service("google") { $0.hostedDomains = ["example.com", "other.example"] }
        let claims = Claims(domain.map { ["hd": .string($0)] } ?? [:])
        #expect((kind { try Google.checkDomain(claims, organisations) } == "none") == isTaken)
        #expect(throws: Never.self) { try Google.checkDomain(claims, service("google")) }
    }

    @Test("Groups are asked for only with a scope that allows it")
    func noScope() throws {
        #expect(try Google.groups(interface.api(service("google")), of: person("a@example.com")) == nil)
        #expect(interface.requests.isEmpty)
    }

    @Test("Groups are named by their address, page by page")
    func pages() throws {
        interface.answer(
            path, #"{"memberships":[{"groupKey":{"id":"ops@example.com"}},{"group":"x"}],"nextPageToken":"p 2"}"#)
        interface.answer(path, #"{"memberships":[{"groupKey":{"id":"staff@example.com"}}]}"#)
        #expect(try groups(of: "alice@example.com") == ["ops@example.com", "staff@example.com"])
        let asked = interface.requests.map { query(of: $0.url.text) }
        #expect(asked.map { $0["pageToken"] } == [nil, "p 2"])
        #expect(
            asked[0]["query"] == "member_key_id == 'alice@example.com' && "
                + "'cloudidentity.googleapis.com/groups.discussion_forum' in labels")
    }

    @Test("An apostrophe stays within its quotes")
    func apostrophe() throws {
        interface.answer(path, "{}")
        #expect(try groups(of: "o'neil@example.com") == [])
        let asked = try #require(interface.requests.first.map { query(of: $0.url.text)["query"] } ?? nil)
        #expect(asked.hasPrefix(#"member_key_id == 'o\'neil@example.com' && "#))
    }

    @Test(
        "What would leave the quotes is in no group, and nobody is asked",
        arguments: [#"a\' || true"#, "a b", "é", ""])
    func hostile(email: String) throws {
        interface.answer(path, "{}")
        let groups = try groups(of: email.isEmpty ? nil : email)
        #expect(groups == [] && interface.requests.isEmpty)
    }

    @Test("REL-02: pages without end are given up")
    func endless() {
        interface.answer(path, #"{"nextPageToken":"again"}"#)
        #expect(kind { _ = try groups(of: "a@example.com") } == "invalidResponse")
        #expect(interface.requests.count == ProviderAPI.mostPages)
    }

    private func groups(of email: String?) throws -> [String]? {
        let provider = try service("google") { $0.scopes.append(scope) }
        return try Google.groups(interface.api(provider), of: person(email))
    }

    private func person(_ email: String?) -> Claims {
        Claims(email.map { ["email": .string($0)] } ?? [:])
    }
}

import HTTPTypes
import Identity
import JOSE
import TestSupport
import Testing
import Values
import Web

@testable import OpenIDConnect

@Suite("Microsoft Entra ID")
struct EntraTests {
    private let interface = Interface()
    private let path = "/v1.0/me/transitiveMemberOf/microsoft.graph.group"

    @Test(
        "Graph is asked only where the token says that there are too many groups for it",
        arguments: [
            #"{"groups":["g"]}"#, "{}", #"{"hasgroups":"true"}"#, #"{"hasgroups":false}"#,
            #"{"_claim_names":{"roles":"src1"}}"#, #"{"groups":[],"hasgroups":true}"#,
        ])
    func notAsked(claims: String) throws {
        #expect(try groups(claims) == nil)
        #expect(interface.requests.isEmpty)
    }

    @Test(
        "All groups are read there, page by page, and never from where the token says",
        arguments: [
            #"{"hasgroups":true}"#,
            #"{"_claim_names":{"groups":"src1"},"_claim_sources":{"src1":{"endpoint":"https://evil.test/"}}}"#,
        ])
    func overage(claims: String) throws {
        let next = "\(Interface.base)\(path)?$skiptoken=2"
        interface.answer(path, #"{"value":[{"id":"g1"},{"name":"x"},{"id":7}],"@odata.nextLink":"\#(next)"}"#)
        interface.answer(path, #"{"value":[{"id":"g2"}]}"#)
        #expect(try groups(claims) == ["g1", "g2"])
        #expect(
            query(of: interface.requests[0].url.text) == ["$count": "true", "$select": "id", "$top": "999"])
        #expect(interface.requests[1].url.text == next)
        let level = try #require(HTTPField.Name("ConsistencyLevel"))
        #expect(interface.requests.allSatisfy { $0.value(of: level) == "eventual" })
    }

    @Test(
        "DISC-02: a next page elsewhere is not asked, with the visitor's token in particular",
        arguments: ["https://evil.test/x", "http://op.test/x", "https://op.test:8443/x", "//op.test/x", "file:///x"])
    func elsewhere(next: String) {
        interface.answer(path, #"{"value":[],"@odata.nextLink":"\#(next)"}"#)
        #expect(kind { _ = try groups(#"{"hasgroups":true}"#) } == "invalidResponse")
        #expect(interface.requests.count == 1)
    }

    @Test("REL-02: pages without end are given up; an answer that is no list is no groups")
    func endless() {
        interface.answer(path, #"{"value":[],"@odata.nextLink":"\#(Interface.base + path)"}"#)
        #expect(kind { _ = try groups(#"{"hasgroups":true}"#) } == "invalidResponse")
        #expect(interface.requests.count == ProviderAPI.mostPages + 1)
        let other = Interface()
        other.answer(path, "{}")
        #expect(kind { _ = try groups(#"{"hasgroups":true}"#, other) } == "invalidResponse")
    }

    @Test("The issuer of a token of many tenants is that of its own tenant")
    func issuer() throws {
        let good = ["iss": filled(tenant), "tid": JSONValue.string(tenant)]
        #expect(throws: Never.self) { try token(good) }
    }

    @Test(
        "JOSE-04: any other issuer is refused, that of another tenant and the pattern itself among them",
        arguments: [
            (filled(tenant), nil), (filled("common"), .string("common")), (filled("x/../y"), .string("x/../y")),
            (filled(""), .string("")), (filled("{tenantid}"), .string("{tenantid}")), (filled("{tenantid}"), nil),
            (filled("0-0"), .string(tenant)), (.string("https://evil.test/\(tenant)/v2.0"), .string(tenant)),
            (filled(tenant), .array([.string(tenant)])), (.null, .string(tenant)),
        ] as [(JSONValue, JSONValue?)])
    func otherIssuer(issuer: JSONValue, tenant: JSONValue?) {
        #expect(kind { try token(["iss": issuer, "tid": tenant]) } == "invalidToken")
    }

    @Test(
        "DISC-01: discovery may name the pattern where all tenants are configured, and only there",
        arguments: [
            ("common", pattern, true), ("organizations", pattern, true), (tenant, pattern, false),
            ("common", "https://evil.test/{tenantid}/v2.0", false), ("consumers", pattern, false),
            ("consumers", "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0", true),
            ("consumers", "https://login.microsoftonline.com/\(tenant)/v2.0", false),
            ("common", "https://login.microsoftonline.com/\(tenant)/v2.0", false),
            ("common", "https://login.microsoftonline.com/{tenantid}/v2.0/", false),
        ])
    func discovery(configured: String, said: String, isTaken: Bool) throws {
        let provider = try service("entra") { $0.issuer = "https://login.microsoftonline.com/\(configured)/v2.0" }
        let document = ["issuer": JSONValue.string(said)]
        #expect((try? metadata(document, provider)) == nil ? !isTaken : isTaken)
        #expect((try? metadata(document, provider.with { $0.oddities = [] })) == nil)
    }

    private func token(_ more: [String: JSONValue?]) throws {
        let now = Timestamp(seconds: ManualClock.start)
        let expected = IDToken.Expectation(
            issuer: pattern, oddities: [.issuerPerTenant], clientID: "postern id", nonce: "n-1",
            accessToken: Secret("a"), now: now)
        _ = try IDToken(verified: Array(JSONValue.object(goodClaims(now, more)).text.utf8), .es256, expected)
    }

    private func groups(_ claims: String, _ other: Interface? = nil) throws -> [String]? {
        let members = try #require(JSONValue(parsing: Array(claims.utf8), limit: 1000)?.object)
        return try Entra.groups((other ?? interface).api(service("entra")), of: Claims(members))
    }
}

private let tenant = "9122040d-6c67-4c5b-b112-36a304b66dad"
private let pattern = "https://login.microsoftonline.com/{tenantid}/v2.0"

private func filled(_ tenant: String) -> JSONValue {
    .string(pattern.replacing("{tenantid}", with: tenant))
}

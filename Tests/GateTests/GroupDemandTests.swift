import HTTPTypes
import Identity
import Policy
import Testing
import Web

@testable import Gate

@Suite("Groups that a location asks for")
struct GroupDemandTests {
    private func narrowed(_ query: String, groups: [String]?) throws -> Decision {
        let demand = try #require(GroupDemand(of: makeRequest(query: query)))
        let identity = groups.map { Identity(provider: "op", issuer: "i", subject: "s", username: "u", groups: $0) }
        return demand.narrow(.allow(rule: "r"), for: identity)
    }

    @Test(
        "One of them is enough, whole and byte for byte",
        arguments: [
            ("allowed_groups=staff", ["staff"], true), ("allowed_groups=ops,staff", ["staff"], true),
            ("allowed_groups=ops&allowed_groups=staff", ["staff"], true), ("allowed_groups=ops", ["ops-ro"], false),
            ("allowed_groups=ops", ["Ops"], false), ("allowed_groups=a%2Cb", ["a,b"], false),
            ("allowed_groups=", [""], false), ("allowed_groups=,", ["staff"], false), ("", ["staff"], true),
            ("x=1", ["staff"], true), ("allowed_groups=the+team", ["the team"], true),
        ])
    func member(query: String, groups: [String], isAllowed: Bool) throws {
        #expect(try narrowed(query, groups: groups) == (isAllowed ? .allow(rule: "r") : .deny(.groupNotHeld)))
    }

    @Test("Who is not signed in is asked to, and what the rules deny stays denied")
    func others() throws {
        #expect(try narrowed("allowed_groups=staff", groups: nil) == .signIn(rule: nil))
        let demand = try #require(GroupDemand(of: makeRequest(query: "allowed_groups=staff")))
        #expect(demand.narrow(.deny(.noRuleMatches), for: nil) == .deny(.noRuleMatches))
        #expect(demand.narrow(.allowPublic(rule: "p"), for: nil) == .signIn(rule: nil))
    }

    @Test(
        "What we do not understand lets nobody in",
        arguments: ["allowed_group=x", "allowed_emails=a", "allowed_groups=%zz"])
    func unknown(query: String) throws {
        #expect(GroupDemand(of: makeRequest(query: query)) == nil)
        let site = try Site()
        #expect(site.answer(makeRequest(query: query, cookie: try site.signIn())).status == .internalServerError)
    }

    @Test("An authorizer's query is the client's")
    func authorizer() throws {
        let site = try Site()
        let request = makeRequest(query: "allowed_groups=nobody", cookie: try site.signIn(), role: .authorizer)
        #expect(site.answer(request).status == .ok)
    }
}

import HTTPTypes
import TestSupport
import Testing
import Values
import Web

@testable import Gate

@Suite("Asking the provider for new tokens")
struct RenewalTests {
    private let site: Site

    init() throws {
        site = try Site()
    }

    @Test("REF: tokens that are due are renewed once, and groups change with them")
    func due() throws {
        let cookie = try site.signIn(groups: ["staff"])
        site.advance(seconds: 250)
        try answerRefresh(groups: ["admins"])
        #expect(site.check("/admin", cookie: cookie).status == .forbidden, "this one began with what was")
        #expect(site.check("/admin", cookie: cookie).status == .ok)
        #expect(site.provider.requests("/token").count == 2)
    }

    @Test("REF: a refresh token that is not given again is kept")
    func kept() throws {
        let cookie = try site.signIn()
        for _ in 0..<2 {
            site.advance(seconds: 250)
            try answerRefresh(groups: ["staff"])
            _ = site.check("/", cookie: cookie)
        }
        let sent = site.provider.requests("/token").map { String(decoding: $0.body, as: UTF8.self) }
        #expect(sent.count == 3 && sent.dropFirst().allSatisfy { $0.contains("refresh_token=r1") })
    }

    @Test("REF: invalid_grant ends the session, and the log says so")
    func ended() throws {
        let cookie = try site.signIn()
        site.advance(seconds: 301)
        site.provider.answer("/token", .object(["error": .string("invalid_grant")]), status: 400)
        #expect(site.check("/", cookie: cookie).status == .unauthorized)
        #expect(
            site.log.all.contains { $0.hasPrefix("info session refresh outcome=ended") && $0.contains("user=alice") })
    }

    @Test("A client that the provider refuses is the operator's to mend: an error, and nobody is signed out")
    func refused() throws {
        let cookie = try site.signIn()
        site.advance(seconds: 250)
        site.provider.answer("/token", .object(["error": .string("invalid_client")]), status: 401)
        #expect(site.check("/", cookie: cookie).status == .ok)
        #expect(site.check("/", cookie: cookie).status == .ok)
        #expect(site.log.all.contains { $0.hasPrefix("error session refresh outcome=refused") })
    }

    private func answerRefresh(groups: [String]) throws {
        let claims = goodClaims(site.clock.now, nonce: nil, ["groups": .array(groups.map { .string($0) })])
        site.provider.answer(
            "/token",
            .object([
                "access_token": .string("a2"), "token_type": .string("Bearer"), "expires_in": .integer(300),
                "id_token": .string(try site.provider.sign(claims)),
            ]))
    }
}

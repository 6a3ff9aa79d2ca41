import OpenIDConnect
import Sessions
import Testing
import Values
import Web

@testable import Gate

@Suite("Sign-ins under way are kept by the browser, sealed")
struct PendingSignInsTests {
    private let now = Timestamp(seconds: 1_000_000)
    private let pendingSignIns: PendingSignIns

    init() throws {
        let keys = KeyRing([RingKey(created: now, secret: Secret([UInt8](repeating: 1, count: 32)))])
        let url = try #require(EndpointURL("https://app.test"))
        let settings = GateSettings(
            publicURL: url, prefix: "/oauth2", cookies: CookieSettings(name: "s", scope: SetCookie.Scope()),
            identity: IdentitySettings(headers: [], limit: 0),
            returnTargets: ReturnTargets(publicURL: url, hosts: []), lifetime: 1, signInLifetime: 600,
            providerTimeout: 1)
        pendingSignIns = PendingSignIns(keys: keys, settings: settings)
    }

    @Test("What was put in comes out, in the browser that has the cookie, for the state that it was")
    func roundTrip() throws {
        let pending = pending("state-1")
        let cookie = try #require(cookies(pending).first)
        let opened = try #require(open("state-1", cookie.line))
        #expect(opened.nonce == pending.nonce && opened.returnURL == pending.returnURL)
        #expect(opened.codeVerifier.exposed == pending.codeVerifier.exposed && opened.provider == pending.provider)
        #expect(opened.state == "state-1" && opened.created == now)
        #expect(open("state-2", cookie.line) == nil)
        #expect(open("state-1", nil) == nil)
    }

    @Test("FLOW: a changed cookie, or the seal of another state under this name, opens nothing")
    func forged() throws {
        let cookie = try #require(cookies(pending("state-1")).first)
        let other = try #require(cookies(pending("state-2")).first)
        #expect(open("state-1", "\(cookie.name)=\(other.value)") == nil)
        #expect(open("state-1", "\(cookie.name)=\(cookie.value.dropLast())") == nil)
        #expect(open("state-1", "\(cookie.name)=") == nil)
        #expect(open("state-1", "\(cookie.name)=rubbish; \(cookie.line)") != nil, "a planted one hinders not")
    }

    @Test("They are good for their time, with a minute for a clock that steps back")
    func lifetime() throws {
        let cookie = try #require(cookies(pending("state-1")).first)
        for (seconds, isGood): (Int64, Bool) in [(0, true), (600, true), (601, false), (-60, true), (-61, false)] {
            #expect((open("state-1", cookie.line, at: now.adding(seconds)) != nil) == isGood, "\(seconds)")
        }
    }

    @Test("FLOW-05: twenty tabs fit; what a browser carries stays bounded in number and bytes")
    func bounded() throws {
        var jar: [SetCookie] = []
        for tab in 0..<60 {
            let line = jar.map(\.line).joined(separator: "; ")
            for cookie in cookies(pending("state-number-\(tab)-of-many"), jar: line) {
                jar.removeAll { $0.name == cookie.name }
                if cookie.maxAge != 0 { jar.append(cookie) }
            }
            let bytes = jar.map(\.line).joined(separator: "; ").utf8.count
            #expect(jar.count <= 25 && bytes < 8192 - 1024)
        }
        #expect(jar.count >= 10)
    }

    private func pending(_ state: String) -> PendingSignIn {
        PendingSignIn(
            state: state, nonce: "bm9uY2U", codeVerifier: Secret("dmVyaWZpZXI"), provider: "op", returnURL: "/a?b=c",
            created: now)
    }

    private func cookies(_ pending: PendingSignIn, jar: String? = nil) -> [SetCookie] {
        pendingSignIns.cookies(for: pending, in: makeRequest(cookie: jar))
    }

    private func open(_ state: String, _ cookie: String?, at moment: Timestamp? = nil) -> PendingSignIn? {
        pendingSignIns.open(state: Array(state.utf8), in: makeRequest(cookie: cookie), now: moment ?? now)
    }
}

extension SetCookie {
    /// As a browser sends it.
    fileprivate var line: String { "\(name)=\(value)" }
}

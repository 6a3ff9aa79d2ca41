import TestSupport
import Testing
import Web

@testable import Gate

@Suite("One event, one line, no secret")
struct EventTests {
    @Test("LEAK: neither ticket nor token, code, state or query stands in any line of a whole visit")
    func noSecrets() throws {
        let site = try Site()
        let (begun, sent) = try site.begin("/report?token=s3cr3t")
        let cookie = jar(try site.comeBack(sent, cookie: begun), begun)
        _ = site.check("/closed?token=s3cr3t", cookie: cookie)
        _ = try site.comeBack(sent, cookie: begun)
        _ = site.answer(makeRequest("/oauth2/sign_out", location: "/oauth2/sign_out", cookie: cookie))
        #expect(site.log.all.count >= 4)
        let secrets = [
            "s3cr3t", "access", "code=", try #require(sent["state"]), try #require(sent["nonce"]),
            String(cookie.suffix(40)),
        ]
        for line in site.log.all {
            for secret in secrets { #expect(!line.contains(secret), "\(line)") }
        }
    }

    @Test("A refusal says who, what, why and from where; what clients send is cut")
    func refusal() throws {
        let site = try Site()
        _ = site.check("/closed/" + String(repeating: "x", count: 1000) + "?q=1")
        let line = try #require(site.log.all.last)
        #expect(line.hasPrefix("info refused address=127.0.0.1 host=app.test method=GET path=/closed/xx"))
        #expect(line.contains("user=-") && line.contains("reason=") && line.utf8.count < 500 && !line.contains("q=1"))
    }
}

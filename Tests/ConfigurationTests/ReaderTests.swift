import FoundationEssentials
import OpenIDConnect
import Testing
import Values

@testable import Configuration

@Suite("Values")
struct ReaderTests {
    @Test(
        "times",
        arguments: [("90", 90), ("90s", 90), ("15m", 900), ("12h", 43_200), ("7d", 604_800), ("12H", 43_200)]
            as [(String, Int64)])
    func durations(text: String, seconds: Int64) throws {
        #expect(try settings(yaml("session: { lifetime: \(text) }")).session.lifetime == seconds)
    }

    @Test(
        "what is no time, or out of range, is a mistake",
        arguments: [
            "-1", "+90", "1.5h", "12 h", "h", "0x90", "９０", "99999999999999999999", "9223372036854775807d", "59",
            "366d",
        ])
    func wrongDurations(text: String) {
        #expect(mistakes(yaml("session: { lifetime: \(text) }")).count == 1)
    }

    @Test("sizes and numbers")
    func sizes() throws {
        let limits = try settings(yaml("limits: { request_bytes: 16k, identity_bytes: 512, sessions: 7 }")).limits
        #expect(limits.requestBytes == 16_384)
        #expect(limits.identityBytes == 512)
        #expect(limits.sessions == 7)
    }

    @Test("the defaults are those of the table")
    func defaults() throws {
        let settings = try settings()
        #expect(settings.session.lifetime == 43_200)
        #expect(settings.session.idleTimeout == 0)
        #expect(settings.session.store == .sqlite(path: "/var/lib/postern/sessions.db"))
        #expect(settings.limits.errandThreads == 64)
        #expect(settings.limits.requestBytes == 65_536)
        #expect(settings.limits.identityBytes == 3072)
        #expect(settings.limits.cachedSessions == 131_072)
        #expect(settings.cookie.name == "__Host-postern")
        #expect(settings.listen.addresses == ["unix:/run/postern/postern.sock"])
        #expect(settings.firstProvider.scopes == ["openid", "profile", "email"])
        #expect(settings.warnings.isEmpty)
    }

    @Test("REL-11: a secret comes from a file, without the end of its line")
    func secretFile() throws {
        try withFile("s3cret-of-a-file\n") { path in
            let secret = try settings(withSecret(path)).firstProvider.clientSecret
            #expect(secret?.exposed == Array("s3cret-of-a-file".utf8))
        }
    }

    @Test("REL-11: a secret file that is missing, empty or open to everybody is a mistake that does not show it")
    func wrongSecretFiles() throws {
        #expect(mistakes(withSecret("/nonexistent"))[0].contains("/nonexistent cannot be read"))
        try withFile("\n") { path in #expect(mistakes(withSecret(path))[0].hasSuffix("is empty")) }
        try withFile("hunter2hunter2", mode: 0o644) { path in
            let found = mistakes(withSecret(path))
            #expect(found.count == 1)
            #expect(found[0].contains("everybody can read it") && !found[0].contains("hunter2"))
            let warnings = try warnings(withSecret(path) + "insecure_secret_files: true")
            #expect(warnings[0].contains("insecure_secret_files is on"))
        }
    }

    @Test("the mode that counts is that of the file a link leads to")
    func linkedSecretFile() throws {
        try withFile("a-linked-secret") { path in
            let link = path + ".link"
            try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
            defer { try? FileManager.default.removeItem(atPath: link) }
            #expect(mistakes(withSecret(link)) == [])
        }
    }

    @Test("a short secret is a warning")
    func shortSecret() throws {
        let text = yaml(provider: "{ issuer: https://x.test, client_id: x, client_secret: short }")
        #expect(try warnings(text)[0].contains("shorter than 8 characters"))
    }

    private func withSecret(_ path: String) -> String {
        yaml(provider: "{ issuer: https://x.test, client_id: x, client_secret_file: \(path) }")
    }
}

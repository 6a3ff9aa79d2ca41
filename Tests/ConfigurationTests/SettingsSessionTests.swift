import Testing

@testable import Configuration

@Suite("Sessions")
struct SettingsSessionTests {
    @Test("They last as long as the operator says, else half a day")
    func times() throws {
        let standard = try settings().session
        #expect(standard.lifetime == 43_200 && standard.idleTimeout == 0 && standard.refreshBefore == 60)
        #expect(standard.outageGrace == 600 && standard.signInLifetime == 900)
        let own = try session(
            "lifetime: 7d, idle_timeout: 90, refresh_before: 2m, outage_grace: 0, sign_in_lifetime: 1H")
        #expect(own.lifetime == 604_800 && own.idleTimeout == 90 && own.refreshBefore == 120)
        #expect(own.outageGrace == 0 && own.signInLifetime == 3600)
    }

    @Test("They are kept in a file, or in memory")
    func store() throws {
        #expect(try settings().session.store == .sqlite(path: "/var/lib/postern/sessions.db"))
        #expect(try session("store: 'sqlite:/x/y.db'").store == .sqlite(path: "/x/y.db"))
        #expect(try session("store: memory").store == .memory)
        #expect(try session("key_file: /x/keys").keyFile == "/x/keys")
    }

    @Test(
        "REL-11: what is no store, path or time is a mistake",
        arguments: [
            ("store: 'redis://x'", "redis is not available yet"), ("store: cookie", "cookie is not available yet"),
            ("store: 'sqlite:x.db'", "sqlite:/PATH or memory"), ("store: Memory", "sqlite:/PATH or memory"),
            ("store: /x.db", "sqlite:/PATH or memory"), ("key_file: keys", "from the root"),
            ("lifetime: 59s", "out of range"), ("lifetime: 366d", "out of range"), ("lifetime: 1w", "is a time"),
            ("lifetime: -1", "is a time"), ("lifetime: 99999999999999999999", "is a time"),
            ("sign_in_lifetime: 0", "out of range"),
        ])
    func wrong(text: String, message: String) {
        let found = mistakes(yaml("session: { \(text) }"))
        #expect(found.count == 1 && found.allSatisfy { $0.contains(message) }, "\(found)")
    }

    private func session(_ text: String) throws -> SessionSettings {
        try settings(yaml("session: { \(text) }")).session
    }
}

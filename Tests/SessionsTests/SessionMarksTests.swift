import Identity
import TestSupport
import Testing
import Values

@testable import Sessions

@Suite("Sessions are found by what the provider calls them, and by nobody without the key")
struct SessionMarksTests {
    private let keys = KeyRing([ringKey(1)])

    @Test("The same person or session of the same provider has the same mark, any other another")
    func marks() {
        let mark = SessionMarks(of: person("s-1", sid: "x"), keys: keys)
        #expect(mark == SessionMarks(of: person("s-1", sid: "x"), keys: keys))
        #expect(mark.session != nil && mark.session != mark.subject)
        #expect(SessionMarks(of: person("s-1", sid: nil), keys: keys).session == nil)
        for other in [
            person("s-2", sid: "y"), person("s-1", sid: "x", provider: "corp"), person("x", sid: "s-1"),
            person("-1", sid: "", provider: "op\0s"),
        ] {
            let marks = SessionMarks(of: other, keys: keys)
            #expect(marks.subject != mark.subject && marks.session != mark.session)
            #expect(marks.subject != mark.session && marks.session != mark.subject)
        }
        let foreign = SessionMarks(of: person("s-1", sid: "x"), keys: KeyRing([ringKey(2)]))
        #expect(foreign.subject != mark.subject && foreign.session != mark.session)
    }

    @Test("A session from before a rotation of the keys is found, too")
    func rotation() {
        let old = SessionMarks(of: person("s-1", sid: "x"), keys: keys)
        let ring = KeyRing([ringKey(2), ringKey(1)])
        let new = SessionMarks(of: person("s-1", sid: "x"), keys: ring)
        #expect(SessionMarks.of(.subject("s-1"), provider: "op", keys: ring) == [new.subject, old.subject])
        #expect(SessionMarks.of(.session("x", of: nil), provider: "op", keys: ring) == [new.session, old.session])
    }

    @Test("OUT-03: one session of the provider ends by its sid, all of a person's by the subject; others stay")
    func end() throws {
        let bench = Bench()
        let cookies = try [
            person("s-1", sid: "x"), person("s-1", sid: "y"), person("s-2", sid: "z"),
            person("s-1", sid: "x", provider: "corp"),
        ].map { try bench.open(session(of: $0, bench)) }
        #expect(try bench.keeper.end(.session("w", of: nil), provider: "op") == 0)
        #expect(try bench.keeper.end(.session("x", of: nil), provider: "op") == 1)
        #expect(cookies.map(bench.state) == ["none", "live", "live", "live"])
        #expect(try bench.keeper.end(.subject("s-1"), provider: "op") == 1)
        #expect(cookies.map(bench.state) == ["none", "none", "live", "live"])
        #expect(try bench.keeper.end(.subject("s-1"), provider: "corp") == 1)
        #expect(cookies.map(bench.state) == ["none", "none", "live", "none"])
        #expect(bench.store.records.count == 1)
    }

    @Test("OUT-03: another process hears of it with its next beat")
    func elsewhere() throws {
        let here = Bench()
        let there = Bench(store: here.store, clock: here.clock)
        let cookie = try here.open(session(of: person("s-1", sid: "x"), here))
        #expect(there.state(cookie) == "live")
        #expect(try here.keeper.end(.session("x", of: nil), provider: "op") == 1)
        _ = there.beat()
        #expect(there.state(cookie) == "none")
    }

    @Test("OUT-03: a token counts once, for its provider; while the store does not answer it is not used up")
    func once() throws {
        let bench = Bench()
        let end = { (provider: String) in
            let token = (name: "jti-1", until: bench.clock.now.adding(60))
            return try bench.keeper.end(.subject("s-1"), provider: provider, using: token)
        }
        _ = try bench.open(session(of: person("s-1", sid: nil), bench))
        bench.store.setDown(true)
        #expect(throws: StoreFailure.self) { try end("op") }
        bench.store.setDown(false)
        #expect(try end("op") == 1)
        let cookie = try bench.open(session(of: person("s-1", sid: nil), bench))
        #expect(try end("op") == nil)
        #expect(bench.state(cookie) == "live")
        #expect(try end("corp") == 0)
    }

    private func person(_ subject: String, sid: String?, provider: String = "op") -> Identity {
        Identity(
            provider: provider, issuer: "https://op.test", subject: subject, username: "alice",
            claims: Claims(sid.map { ["sid": .string($0)] } ?? [:]))
    }

    private func session(of identity: Identity, _ bench: Bench) -> Session {
        var session = SessionsTests.session(bench.clock.now)
        session.identity = identity
        return session
    }
}

import TestSupport
import Testing
import Values

@testable import Sessions

@Suite("A session in memory notes its use and its refreshes")
struct LiveSessionTests {
    private let start = Timestamp(seconds: ManualClock.start)

    @Test("The store is told of its use once in a while, and by one thread")
    func touch() {
        let live = live()
        #expect(!live.touch(start.adding(59), step: 60))
        #expect(live.touch(start.adding(60), step: 60))
        #expect(!live.touch(start.adding(60), step: 60))
        #expect(live.lastSeen == start.adding(60))
        _ = live.touch(start.adding(10), step: 60)
        #expect(live.lastSeen == start.adding(60), "a clock that steps back makes no session idle")
        live.learn(seen: start.adding(70))
        live.learn(seen: start.adding(65))
        #expect(live.lastSeen == start.adding(70))
    }

    @Test("REF: after failures it pauses 2, 4, 8, 16 and then 30 seconds")
    func pauses() {
        let live = live()
        #expect(live.mayAttempt(0) && !live.isInTrouble)
        #expect((0..<6).map { _ in live.attemptFailed(1000) } == [2000, 4000, 8000, 16_000, 30_000, 30_000])
        #expect(!live.mayAttempt(30_999) && live.mayAttempt(31_000) && live.isInTrouble)
        live.postpone(until: 50_000)
        #expect(!live.mayAttempt(49_999) && live.mayAttempt(50_000))
    }

    @Test("A slow refresh is trouble, and counts no failure more")
    func slow() {
        let live = live()
        live.isSlow()
        live.isSlow()
        #expect(live.isInTrouble && live.mayAttempt(0))
        #expect(live.attemptFailed(0) == 4000)
    }

    private func live() -> LiveSession {
        LiveSession(
            session(start), ticket: Ticket(entropy: .system, keys: KeyRing([ringKey(1)])), version: 1,
            fields: fields(session(start)))
    }
}

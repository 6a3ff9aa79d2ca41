import HTTPTypes
import Synchronization
import TestSupport
import Testing
import Values
import Web

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

    // MARK: What applications are told

    @Test("What an application is told lasts for the session, unless something in it ends")
    func lasting() {
        let live = live()
        for seconds in [0, 100_000, -100_000] as [Int64] {
            let told = live.fields.fields(at: start.adding(seconds)) { made(1, from: 0) }
            #expect(told == fields(session(start)), "\(seconds)")
        }
    }

    @Test("What ends is made anew at its end, and lasts as long again")
    func renewed() {
        let live = live(made(0, from: 0))
        for (seconds, number) in [(0, 0), (149, 0), (150, 1), (299, 1), (300, 2), (449, 2), (10_000, 3), (10_149, 3)] {
            let now = Int64(seconds)
            let told = live.fields.fields(at: start.adding(now)) { made(number, from: now) }
            #expect(told.responder == made(number, from: 0).responder, "after \(seconds) s")
            #expect(told.authorizer == made(number, from: 0).authorizer, "after \(seconds) s")
        }
    }

    @Test("It is made anew, too, when the clock stepped back before it was made")
    func steppedBack() {
        let live = live(made(0, from: 0))
        let told = { (seconds: Int64, number: Int) in
            live.fields.fields(at: start.adding(seconds)) { made(number, from: seconds) }.responder
        }
        #expect(told(0, 9) == made(0, from: 0).responder)
        #expect(told(-1, 1) == made(1, from: 0).responder)
        #expect(told(100, 2) == made(1, from: 0).responder, "good until half of its life is over")
        #expect(told(149, 3) == made(3, from: 0).responder)
    }

    @Test("It is made once for all who ask at the same time")
    func once() async {
        let live = live(made(0, from: 0))
        let count = Counter()
        let now = start.adding(200)
        let told = await withTaskGroup(of: [FieldBlock].self) { group in
            for _ in 0..<16 {
                group.addTask {
                    (0..<200).map { _ in live.fields.fields(at: now) { made(count.next(), from: 200) }.responder }
                }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
        #expect(count.next() == 2)
        #expect(told.count == 16 * 200 && told.allSatisfy { $0 == made(1, from: 0).responder })
    }

    /// Fields of this number that may be used for 150 seconds from then on.
    private func made(_ number: Int, from seconds: Int64) -> IdentityFields {
        let block = { (name: HTTPField.Name) in FieldBlock([Field(name, "\(number)".utf8)].compactMap(\.self)) }
        return IdentityFields(
            responder: block(.userAgent), authorizer: block(.from),
            use: start.adding(seconds)..<start.adding(seconds + 150))
    }

    private func live(_ told: IdentityFields? = nil) -> LiveSession {
        LiveSession(
            session(start), ticket: Ticket(entropy: .system, keys: KeyRing([ringKey(1)])), version: 1,
            fields: told ?? fields(session(start)))
    }
}

/// Counts what several threads do.
private final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    func next() -> Int { count.add(1, ordering: .relaxed).newValue }
}

import Synchronization
import TestSupport
import Testing
import Values

@testable import OpenIDConnect

@Suite("What a provider publishes is fetched once, kept, and asked for again with a pause")
final class FetchedTests {
    private let clock = ManualClock()
    private let calls = Mutex(0)

    @Test("A value is kept for its lifetime and then fetched again")
    func lifetime() throws {
        let fetched = fetched(mayBeStale: false)
        #expect(fetched.kept == nil)
        #expect(try fetched.value(fetch: good).get() == 1)
        clock.advance(milliseconds: 9999)
        #expect(try fetched.value(fetch: good).get() == 1)
        clock.advance(milliseconds: 1)
        #expect(try fetched.value(fetch: good).get() == 2)
        #expect(fetched.kept == 2)
    }

    @Test("After a failure a second passes before the next attempt, however many ask")
    func pause() {
        let fetched = fetched(mayBeStale: false)
        for _ in 0..<5 { #expect(throws: DiscoveryFailure.unavailable("1")) { try fetched.value(fetch: bad).get() } }
        clock.advance(milliseconds: 1000)
        #expect(throws: DiscoveryFailure.unavailable("2")) { try fetched.value(fetch: bad).get() }
        clock.advance(milliseconds: 1000)
        #expect(throws: Never.self) { try fetched.value(fetch: good).get() }
    }

    @Test("An old value is better than none only where that is said")
    func stale() throws {
        for mayBeStale in [true, false] {
            let fetched = fetched(mayBeStale: mayBeStale)
            _ = fetched.value(fetch: good)
            clock.advance(seconds: 60)
            let first = fetched.value(fetch: bad)
            let second = fetched.value(fetch: bad)
            #expect(((try? first.get()) != nil) == mayBeStale)
            #expect(((try? second.get()) != nil) == mayBeStale)
        }
        #expect(calls.withLock { $0 } == 4, "the second question came within the pause")
    }

    @Test("A renewal fetches, unless somebody else did meanwhile")
    func renewal() throws {
        let fetched = fetched(mayBeStale: false)
        _ = fetched.value(fetch: good)
        let mark = clock.clock.uptime()
        clock.advance(milliseconds: 1)
        #expect(try fetched.renewed(since: mark, fetch: good).get() == 2)
        #expect(try fetched.renewed(since: mark, fetch: good).get() == 2)
        #expect(try fetched.renewed(since: clock.clock.uptime(), fetch: { nil }).get() == 2, "too soon")
    }

    private func fetched(mayBeStale: Bool) -> Fetched<Int> {
        Fetched(clock: clock.clock, lifetime: 10_000, mayBeStale: mayBeStale)
    }

    private func good() -> Result<Int, DiscoveryFailure> { .success(next()) }

    private func bad() -> Result<Int, DiscoveryFailure> { .failure(.unavailable("\(next())")) }

    private func next() -> Int {
        calls.withLock {
            $0 += 1
            return $0
        }
    }
}

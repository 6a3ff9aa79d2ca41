import Glibc
import Synchronization
import TestSupport
import Testing
import Values

@testable import Sessions

@Suite("A refresh is one flight, off the request's path")
struct SessionKeeperRefreshTests {
    private let bench = Bench()

    @Test("REF: tokens are due a minute before their end; after it the session waits for a refresh")
    func states() throws {
        let cookie = try bench.open()
        for (seconds, state) in [(239, "live"), (1, "due"), (59, "due"), (1, "expired"), (600, "expired")] {
            bench.clock.advance(seconds: Int64(seconds))
            #expect(bench.state(cookie) == state)
        }
    }

    @Test("A session without refresh token, or whose access token has no end, is never due")
    func neverDue() throws {
        for session in [session(bench.clock.now, accessSeconds: nil), session(bench.clock.now, refreshToken: nil)] {
            let cookie = try bench.open(session)
            bench.clock.advance(seconds: 3600)
            #expect(bench.state(cookie) == "live")
        }
    }

    @Test("REF: the new tokens are kept, in memory and in the store, and the old version is gone")
    func renewed() throws {
        let cookie = try due()
        refresh(cookie) { renew($0) }
        #expect(token(cookie) == "a2")
        bench.keeper.forgetAll()
        #expect(token(cookie) == "a2" && bench.state(cookie) == "live")
        #expect(bench.store.records.map(\.version) == [2])
    }

    @Test("REF: invalid_grant ends the session everywhere")
    func ended() throws {
        let cookie = try due()
        refresh(cookie) { _ in .ended }
        #expect(bench.state(cookie) == "none" && bench.store.records.isEmpty)
    }

    @Test("REF: a failure leaves the session as it was, and the next attempt waits")
    func failed() throws {
        let cookie = try due()
        let asked = Atomic(0)
        let live = try #require(bench.find(cookie).live)
        for _ in 0..<5 {
            bench.keeper.startRefresh(of: live) { _ in
                asked.add(1, ordering: .relaxed)
                return .failed
            }
        }
        #expect(asked.load(ordering: .relaxed) == 1)
        #expect(bench.state(cookie) == "live", "due, but not now")
        bench.clock.advance(seconds: 2)
        #expect(bench.state(cookie) == "due")
    }

    @Test("OUT: while the provider is down a session outlives its access token by the grace, not longer")
    func grace() throws {
        let cookie = try due()
        refresh(cookie) { _ in .failed }
        bench.clock.advance(seconds: 60)
        #expect(bench.state(cookie) == "due")
        bench.clock.advance(seconds: 589)
        #expect(bench.state(cookie) == "due")
        bench.clock.advance(seconds: 1)
        #expect(bench.state(cookie) == "expired")
    }

    @Test("REF-01: two processes, one refresh")
    func lease() throws {
        let there = Bench(store: bench.store, clock: bench.clock)
        let cookie = try due()
        let theirs = try #require(there.find(cookie).live)
        let asked = Atomic(0)
        refresh(cookie) { session in
            asked.add(1, ordering: .relaxed)
            there.keeper.startRefresh(of: theirs) { _ in
                asked.add(1, ordering: .relaxed)
                return .ended
            }
            return renew(session)
        }
        #expect(asked.load(ordering: .relaxed) == 1)
        bench.clock.advance(seconds: 3)
        _ = there.beat()
        #expect(there.find(cookie).live?.session.accessToken.exposed == Array("a2".utf8))
    }

    @Test("REF: a process that comes late with an old version asks nobody")
    func oldVersion() throws {
        let there = Bench(store: bench.store, clock: bench.clock)
        let cookie = try due()
        let theirs = try #require(there.find(cookie).live)
        refresh(cookie) { renew($0) }
        there.keeper.startRefresh(of: theirs) { _ in
            Issue.record("asked with a refresh token that is spent")
            return .ended
        }
        #expect(there.find(cookie).live?.session.accessToken.exposed == Array("a2".utf8))
    }

    @Test("OUT: a session that is signed out while it is refreshed stays signed out")
    func signedOutMeanwhile() throws {
        let cookie = try due()
        refresh(cookie) { session in
            _ = try? bench.keeper.end(cookie: Array(cookie.utf8)[...])
            return renew(session)
        }
        #expect(bench.state(cookie) == "none" && bench.store.records.isEmpty)
        bench.keeper.forgetAll()
        #expect(bench.state(cookie) == "none")
    }

    @Test("REF: a store that fails just after the refresh loses no token")
    func storeDownAfterwards() throws {
        let cookie = try due()
        let live = try #require(bench.find(cookie).live)
        let flaky = bench.store
        let pauses = Atomic(0)
        // The store comes back while the keeper pauses between two attempts to write.
        let clock = bench.clock.clock
        let keeper = SessionKeeper(
            store: flaky, keys: KeyRing([ringKey(1)]), times: bench.keeper.times, limit: 10, cached: 64,
            clock: Clock(now: clock.now, uptime: clock.uptime) { _ in
                if pauses.add(1, ordering: .relaxed).newValue == 3 { flaky.setDown(false) }
            },
            entropy: .system, fields: fields,
            inBackground: {
                $0()
                return true
            })
        keeper.startRefresh(of: live) { session in
            flaky.setDown(true)
            return renew(session)
        }
        #expect(pauses.load(ordering: .relaxed) == 3)
        bench.keeper.forgetAll()
        #expect(token(cookie) == "a2")
    }

    @Test("Where there is no room for the work, nothing is lost, and it is tried again")
    func noRoom() throws {
        let clock = bench.clock
        let keeper = SessionKeeper(
            store: bench.store, keys: KeyRing([ringKey(1)]), times: bench.keeper.times, limit: 10, cached: 64,
            clock: clock.clock, entropy: .system, fields: fields, inBackground: { _ in false })
        _ = keeper.beatOnce()
        let cookie = try keeper.open(session(clock.now))
        clock.advance(seconds: 250)
        _ = keeper.beatOnce()
        let finding = keeper.find(cookie: Array(cookie.utf8)[...])
        keeper.startRefresh(of: try #require(finding.live)) { _ in .ended }
        #expect(keeper.find(cookie: Array(cookie.utf8)[...]).word == "due")
    }

    // MARK: Waiting

    @Test("REF: whoever waits for a refresh under way gets its result")
    func waiting() throws {
        let cookie = try expired()
        let live = try #require(bench.find(cookie).live)
        refresh(cookie) { session in
            // While the flight is in the air the waiting end in vain, once their patience is over.
            let begun = bench.clock.uptime
            #expect(bench.keeper.awaitRefresh(of: live, patience: 1000).word == "live")
            #expect(bench.clock.uptime - begun >= 1000)
            let again = bench.clock.uptime
            #expect(bench.keeper.awaitRefresh(of: live, patience: 1000).word == "live")
            #expect(bench.clock.uptime == again, "nobody waits a second time for a slow provider")
            return renew(session)
        }
        #expect(
            bench.keeper.awaitRefresh(of: live, patience: 1000).live?.session.accessToken.exposed == Array("a2".utf8))
    }

    @Test("REF: a session that was in use is not idle after its refresh")
    func inUse() throws {
        let bench = Bench(idleTimeout: 200)
        let cookie = try bench.open()
        for _ in 0..<3 {
            bench.clock.advance(seconds: 100)
            _ = bench.beat()
            _ = bench.find(cookie)
        }
        let live = try #require(bench.find(cookie).live)
        bench.keeper.startRefresh(of: live) { renew($0) }
        #expect(bench.keeper.awaitRefresh(of: live, patience: 1000).word == "live")
    }

    @Test("OUT: beyond the grace a slow provider keeps nobody in")
    func waitingBeyondGrace() throws {
        let cookie = try expired()
        bench.clock.advance(seconds: 600)
        let live = try #require(bench.find(cookie).live)
        refresh(cookie) { _ in
            #expect(bench.keeper.awaitRefresh(of: live, patience: 1000).word == "expired")
            return .failed
        }
        #expect(bench.state(cookie) == "expired")
    }

    private func due() throws -> String {
        let cookie = try bench.open()
        bench.clock.advance(seconds: 250)
        #expect(bench.state(cookie) == "due")
        return cookie
    }

    private func expired() throws -> String {
        let cookie = try bench.open()
        bench.clock.advance(seconds: 301)
        _ = bench.beat()
        #expect(bench.state(cookie) == "expired")
        return cookie
    }

    private func refresh(_ cookie: String, _ ask: @escaping @Sendable (Session) -> RenewalOutcome) {
        guard let live = bench.find(cookie).live else { return }
        bench.keeper.startRefresh(of: live, ask)
    }

    private func token(_ cookie: String) -> String? {
        bench.find(cookie).live.map { String(decoding: $0.session.accessToken.exposed, as: UTF8.self) }
    }
}

/// The session with new tokens.
private func renew(_ session: Session) -> RenewalOutcome {
    var session = session
    session.accessToken = Secret("a2")
    session.refreshToken = Secret("r2")
    session.obtained = session.obtained.adding(300)
    session.accessExpires = session.accessExpires?.adding(600)
    return .renewed(session)
}

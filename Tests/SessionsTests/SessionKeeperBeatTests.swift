import TestSupport
import Testing
import Values

@testable import Sessions

@Suite("Processes that share a store learn of each other's changes")
struct SessionKeeperBeatTests {
    private let here = Bench()
    private let there: Bench

    init() {
        there = Bench(store: here.store, clock: here.clock)
    }

    @Test("SES-08: a session that one process ends is refused by another after its next beat")
    func end() throws {
        let cookie = try here.open()
        #expect(there.state(cookie) == "live")
        _ = try here.keeper.end(cookie: Array(cookie.utf8)[...])
        _ = there.beat()
        #expect(there.state(cookie) == "none")
    }

    @Test(
        "OUT-02: one of many processes that answer the same browser refuses an ended session at once",
        arguments: [true, false])
    func oneOfMany(isStamped: Bool) throws {
        if isStamped { here.store.stampChanges() }
        let sibling = Bench(store: here.store, isOneOfMany: true, clock: here.clock)
        let cookie = try here.open()
        #expect(sibling.state(cookie) == "live")
        _ = try here.keeper.end(cookie: Array(cookie.utf8)[...])
        #expect(sibling.state(cookie) == "none")
    }

    @Test("One of many processes asks the store only while its change stamp is not the one of the last beat")
    func stamp() throws {
        let sibling = Bench(store: here.store, isOneOfMany: true, clock: here.clock)
        let (cookie, other) = (try here.open(), try here.open())
        func loads() -> Int {
            let before = here.store.loads
            #expect(sibling.state(cookie) == "live")
            return here.store.loads - before
        }
        #expect([loads(), loads()] == [1, 1], "without a stamp always")
        here.store.stampChanges()
        #expect([loads(), loads()] == [1, 1], "no beat saw the stamp")
        _ = sibling.beat()
        #expect([loads(), loads()] == [0, 0])
        _ = try here.keeper.end(cookie: Array(other.utf8)[...])
        #expect([loads(), loads()] == [1, 1])
        _ = sibling.beat()
        #expect(loads() == 0)
        here.clock.advance(milliseconds: 1001)
        #expect(loads() == 1, "the beat is late")
    }

    @Test("OUT-02: a session that ends while the beat asks for changes is not believed after it")
    func endDuringBeat() throws {
        here.store.stampChanges()
        let sibling = Bench(store: here.store, isOneOfMany: true, clock: here.clock)
        let cookie = try here.open()
        #expect(sibling.state(cookie) == "live")
        here.store.interruptNextChanges { [here] in _ = try? here.keeper.end(cookie: Array(cookie.utf8)[...]) }
        _ = sibling.beat()
        #expect(sibling.state(cookie) == "none")
    }

    @Test("SES-08: a session that ends while it is read is not remembered", arguments: [true, false])
    func endWhileRead(isOwn: Bool) throws {
        let cookie = try here.open()
        let ends = isOwn ? there : here
        here.store.interruptNextLoad { [there] in
            _ = try? ends.keeper.end(cookie: Array(cookie.utf8)[...])
            _ = there.beat()
        }
        _ = there.state(cookie)
        #expect(there.state(cookie) == "none")
        _ = there.beat()
        #expect(there.state(cookie) == "none")
    }

    @Test("SES-08: a process whose beat is late does not believe its memory")
    func lateBeat() throws {
        let cookie = try here.open()
        #expect(there.state(cookie) == "live")
        _ = try here.keeper.end(cookie: Array(cookie.utf8)[...])
        here.clock.advance(milliseconds: 1001)
        #expect(there.state(cookie) == "none")
    }

    @Test("A refresh in one process is seen by the other, and its own changes forget nothing")
    func renewal() throws {
        let cookie = try here.open()
        let old = try #require(there.find(cookie).live)
        var new = old.session
        new.accessToken = Secret("a2")
        #expect(try here.keeper.replace(try #require(here.find(cookie).live), with: new))
        _ = there.beat()
        _ = here.beat()
        #expect(there.find(cookie).live?.session.accessToken.exposed == Array("a2".utf8))
        let loads = here.store.loads
        #expect(here.find(cookie).live?.session.accessToken.exposed == Array("a2".utf8))
        #expect(here.store.loads == loads)
    }

    @Test("Trouble with the store is told when it begins and when it is over")
    func trouble() {
        #expect(here.beat() == nil)
        here.store.setDown(true)
        #expect(here.beat() == .began("down"))
        #expect(here.beat() == nil)
        here.store.setDown(false)
        #expect(here.beat() == .ended)
        #expect(here.beat() == nil)
    }

    @Test("What is past its end is swept once a minute")
    func sweep() throws {
        _ = try here.open()
        here.clock.advance(seconds: 12 * 3600)
        _ = here.beat()
        #expect(here.store.records.isEmpty)
        _ = try here.open(
            Session(
                identity: session(here.clock.now).identity, accessToken: Secret("a"), refreshToken: nil, idToken: nil,
                accessExpires: nil, created: here.clock.now, expires: here.clock.now.adding(10)))
        here.clock.advance(seconds: 59)
        _ = here.beat()
        #expect(here.store.records.count == 1)
        here.clock.advance(seconds: 1)
        _ = here.beat()
        #expect(here.store.records.isEmpty)
    }
}

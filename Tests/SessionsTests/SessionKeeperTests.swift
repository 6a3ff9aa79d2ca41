import Identity
import TestSupport
import Testing
import Values
import Web

@testable import Sessions

@Suite("The keeper finds, opens and ends sessions")
struct SessionKeeperTests {
    private let bench = Bench()

    @Test("A session that was opened is found, in memory and after memory forgot it")
    func find() throws {
        let cookie = try bench.open()
        let live = try #require(bench.find(cookie).live)
        let told = live.fields.fields(at: bench.clock.clock.now()) {
            IdentityFields(responder: FieldBlock([]), authorizer: FieldBlock([]))
        }
        #expect(live.identity.username == "alice" && told == fields(live.session))
        #expect(bench.store.loads == 0, "memory answers")
        bench.keeper.forgetAll()
        #expect(bench.find(cookie).live?.session == live.session)
        #expect(bench.store.loads == 1)
    }

    @Test("SES-01: what is not a cookie of ours finds nothing, and does not even ask the store")
    func foreign() throws {
        let cookie = try bench.open()
        let other = try bench.open()
        let mixed = String(cookie.prefix(22)) + String(other.dropFirst(22))
        for value in ["", "x", mixed, String(cookie.dropLast()), cookie + "A", String(repeating: "A", count: 87)] {
            #expect(bench.state(value) == "none")
        }
        #expect(bench.store.loads == 0)
    }

    @Test("SES: in memory, too, the secret must be the right one")
    func secretInMemory() throws {
        let cookie = try bench.open()
        for place in [22, 64, 65, 86] {
            var bent = Array(cookie.utf8)
            bent[place] = bent[place] == UInt8(ascii: "A") ? UInt8(ascii: "E") : UInt8(ascii: "A")
            #expect(bench.keeper.find(cookie: bent[...]).word == "none", "letter \(place)")
        }
    }

    @Test("SES: whoever can write to the store makes no session out of another, nor a longer one")
    func tamperedStore() throws {
        let (mine, theirs) = (try bench.open(), try bench.open(session(bench.clock.now, user: "bob")))
        let records = bench.store.records
        let id = try #require(Ticket(Array(mine.utf8)[...], keys: KeyRing([ringKey(1)]))?.id)
        let own = try #require(records.first { $0.id == id })
        let other = try #require(records.first { $0.id != id })
        let longer = StoredRecord(
            id: id, version: own.version, created: own.created, expires: own.expires.adding(9999), seen: own.seen,
            sealed: own.sealed, label: own.label)
        let swapped = StoredRecord(
            id: id, version: own.version, created: own.created, expires: own.expires, seen: own.seen,
            sealed: other.sealed, label: other.label)
        var older = own
        older.version = 7
        for forged in [longer, swapped, older] {
            bench.store.put(forged)
            bench.keeper.forgetAll()
            #expect(bench.state(mine) == "none")
        }
        #expect(bench.state(theirs) == "live")
    }

    @Test("SES: a session ends at its absolute end, however busy it is")
    func absoluteEnd() throws {
        let cookie = try bench.open(session(bench.clock.now, accessSeconds: nil))
        for _ in 0..<11 {
            bench.clock.advance(seconds: 3600)
            #expect(bench.state(cookie) == "live")
        }
        bench.clock.advance(seconds: 3599)
        #expect(bench.state(cookie) == "live")
        bench.clock.advance(seconds: 1)
        #expect(bench.state(cookie) == "none")
    }

    @Test("SES: an idle session ends, a busy one does not; the store hears of it now and then")
    func idle() throws {
        let bench = Bench(idleTimeout: 600)
        let cookie = try bench.open(session(bench.clock.now, accessSeconds: nil))
        for _ in 0..<5 {
            bench.clock.advance(seconds: 600)
            #expect(bench.state(cookie) == "live")
        }
        #expect(bench.store.records.first?.seen == bench.clock.now)
        bench.clock.advance(seconds: 601)
        #expect(bench.state(cookie) == "none")
    }

    @Test("SES: a session that is busy in one process is not idle in another")
    func idleElsewhere() throws {
        let here = Bench(idleTimeout: 600)
        let there = Bench(store: here.store, idleTimeout: 600, clock: here.clock)
        let cookie = try here.open(session(here.clock.now, accessSeconds: nil))
        #expect(there.state(cookie) == "live")
        for _ in 0..<3 {
            here.clock.advance(seconds: 500)
            #expect(here.state(cookie) == "live")
        }
        #expect(there.state(cookie) == "live", "what the store knows counts")
    }

    @Test("REL: a wall clock that is set back a little harms nobody; beyond a day its times mean nothing")
    func clockBack() throws {
        let cookie = try bench.open()
        bench.clock.set(ahead: -3600)
        #expect(bench.state(cookie) == "live")
        bench.clock.set(ahead: -25 * 3600)
        #expect(bench.state(cookie) == "none")
    }

    @Test("SES: a sign-in gives a new ticket and ends the session that the browser had")
    func replacing() throws {
        let first = try bench.open()
        let second = try bench.keeper.open(session(bench.clock.now, user: "bob"), replacing: [Array(first.utf8)[...]])
        #expect(bench.state(first) == "none")
        #expect(bench.find(second).live?.identity.username == "bob")
        #expect(bench.store.records.count == 1)
    }

    @Test("SES: an ended session is over at once, here and in the store, and gives what it was")
    func end() throws {
        let cookie = try bench.open()
        #expect(try bench.keeper.end(cookie: Array(cookie.utf8)[...])?.identity.username == "alice")
        #expect(bench.state(cookie) == "none" && bench.store.records.isEmpty)
        #expect(try bench.keeper.end(cookie: Array(cookie.utf8)[...]) == nil)
        #expect(try bench.keeper.end(cookie: Array("rubbish".utf8)[...]) == nil)
    }

    @Test("FLOW-02: a state is good once")
    func spend() throws {
        #expect(try bench.keeper.spend(state: "s", until: bench.clock.now.adding(600)))
        #expect(try !bench.keeper.spend(state: "s", until: bench.clock.now.adding(600)))
        #expect(try bench.keeper.spend(state: "t", until: bench.clock.now.adding(600)))
    }

    @Test("REL: a store that does not answer is not taken for no session")
    func storeDown() throws {
        let cookie = try bench.open()
        bench.store.setDown(true)
        #expect(bench.state(cookie) == "live", "memory is good for a second")
        #expect(bench.keeper.probe() == "down")
        bench.clock.advance(milliseconds: 1001)
        #expect(bench.state(cookie) == "storeFailed")
        #expect(throws: StoreFailure("down")) { try bench.open() }
        bench.store.setDown(false)
        #expect(bench.state(cookie) == "live" && bench.keeper.probe() == nil)
    }

    @Test("SES-13: beyond the limit the sessions that end soonest make room")
    func limit() throws {
        let bench = Bench(limit: 3)
        var cookies: [String] = []
        for _ in 0..<5 {
            cookies.append(try bench.open())
            bench.clock.advance(seconds: 1)
        }
        bench.keeper.forgetAll()
        #expect(cookies.map(bench.state) == ["none", "none", "live", "live", "live"])
    }

    @Test("SES: after a rotation old cookies are good; after the key is gone they are not")
    func keyRotation() throws {
        let keys = KeyRing([ringKey(1)])
        let bench = Bench(keys: keys)
        let cookie = try bench.open()
        for (ring, state) in [([ringKey(2), ringKey(1)], "live"), ([ringKey(2)], "none")] {
            keys.replace(ring)
            bench.keeper.forgetAll()
            #expect(bench.state(cookie) == state)
        }
    }
}

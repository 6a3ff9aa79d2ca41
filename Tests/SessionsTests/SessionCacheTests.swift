import Testing
import Values

@testable import Sessions

@Suite("The sessions that are open in memory")
struct SessionCacheTests {
    private let cache = SessionCache(limit: 64)
    private let keys = KeyRing([ringKey(1)])

    @Test("The newest version stays, whichever comes last")
    func versions() {
        let ticket = Ticket(entropy: .system, keys: keys)
        let (first, second) = (live(ticket, 1), live(ticket, 2))
        #expect(keep(first) === first)
        #expect(keep(second) === second)
        #expect(keep(first) === second)
        #expect(cache[TicketName(ticket.id)] === second)
    }

    @Test("A change forgets older versions, an end forgets all")
    func forget() {
        let ticket = Ticket(entropy: .system, keys: keys)
        let name = TicketName(ticket.id)
        keep(live(ticket, 2))
        cache.forget(name, olderThan: 2)
        #expect(cache[name] != nil, "our own change")
        cache.forget(name, olderThan: 3)
        #expect(cache[name] == nil)
        keep(live(ticket, 2))
        cache.forget(name, olderThan: nil)
        #expect(cache[name] == nil)
        keep(live(ticket, 2))
        cache.forgetAll()
        #expect(cache[name] == nil)
    }

    @Test("REL-08: it holds no more than its limit, whatever comes")
    func bounded() {
        let tickets = (0..<1000).map { _ in Ticket(entropy: .system, keys: keys) }
        for ticket in tickets {
            keep(live(ticket, 1))
            #expect(cache[TicketName(ticket.id)] != nil, "the one that was just kept is there")
        }
        #expect(tickets.count { cache[TicketName($0.id)] != nil } <= 64)
    }

    @Test("What was read before something was forgotten may be over: it is not kept")
    func late() {
        let ticket = Ticket(entropy: .system, keys: keys)
        let name = TicketName(ticket.id)
        for forget in [{ cache.forget(name) }, { cache.forget(name, olderThan: 2) }, { cache.forgetAll() }] {
            let mark = cache.mark(name)
            forget()
            cache.keep(live(ticket, 1), since: mark)
            #expect(cache[name] == nil)
        }
    }

    @discardableResult
    private func keep(_ session: LiveSession) -> LiveSession {
        cache.keep(session, since: cache.mark(TicketName(session.ticket.id)))
    }

    private func live(_ ticket: Ticket, _ version: Int64) -> LiveSession {
        LiveSession(
            session(Timestamp(seconds: 0)), ticket: ticket, version: version,
            fields: fields(session(Timestamp(seconds: 0))))
    }
}

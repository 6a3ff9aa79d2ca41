import Sessions
import Testing
import Values

@testable import SQLiteStore

@Suite("Every store keeps the same promises")
struct StoreContractTests {
    enum Kind: CaseIterable {
        case memory
        case sqlite
    }

    private let folder = Folder()

    private func store(_ kind: Kind) throws -> any SessionStore & SessionListing {
        switch kind {
        case .memory: MemoryStore()
        case .sqlite: try SQLiteStore(path: folder.database)
        }
    }

    @Test("A record is loaded as it was created, and listed by its end", arguments: Kind.allCases)
    func create(kind: Kind) throws {
        let store = try store(kind)
        #expect(try store.load(id(1)) == nil)
        for (number, end) in [(1, 300), (2, 100), (3, 200)] {
            #expect(try store.apply(.create(record(number, expires: Int64(end), seen: 7), limit: 10)))
        }
        #expect(try store.load(id(1)) == record(1, expires: 300, seen: 7))
        #expect(try store.records().map(\.id) == [id(2), id(3), id(1)])
    }

    @Test("SES-13: beyond the limit those that end soonest make room", arguments: Kind.allCases)
    func limit(kind: Kind) throws {
        let store = try store(kind)
        for number in 1...5 { _ = try store.apply(.create(record(number, expires: Int64(1000 - number)), limit: 3)) }
        #expect(try store.records().map(\.id) == [id(5), id(2), id(1)])
    }

    @Test("A record is replaced by its next version only", arguments: Kind.allCases)
    func replace(kind: Kind) throws {
        let store = try store(kind)
        #expect(try !store.apply(.replace(record(1, version: 2))), "nothing there")
        _ = try store.apply(.create(record(1), limit: 10))
        #expect(try !store.apply(.replace(record(1, version: 3))))
        #expect(try !store.apply(.replace(record(1, version: 1))))
        #expect(try store.apply(.replace(record(1, version: 2))))
        #expect(try !store.apply(.replace(record(1, version: 2))), "the second comes late")
        #expect(try store.load(id(1))?.version == 2)
        #expect(try store.load(id(1))?.sealed == record(1).sealed)
    }

    @Test("A touch moves the last use, a session that is over stays over", arguments: Kind.allCases)
    func touch(kind: Kind) throws {
        let store = try store(kind)
        _ = try store.apply(.create(record(1, seen: 10), limit: 10))
        _ = try store.apply(.touch(id(1), seen: Timestamp(seconds: 20)))
        #expect(try store.load(id(1))?.seen == Timestamp(seconds: 20))
        _ = try store.apply(.touch(id(1), seen: Timestamp(seconds: 15)))
        #expect(try store.load(id(1))?.seen == Timestamp(seconds: 20))
        _ = try store.apply(.touch(id(2), seen: Timestamp(seconds: 20)))
        #expect(try store.load(id(2)) == nil)
    }

    @Test("An end is told from one of nothing", arguments: Kind.allCases)
    func end(kind: Kind) throws {
        let store = try store(kind)
        _ = try store.apply(.create(record(1), limit: 10))
        #expect(try store.apply(.end(id(1))))
        #expect(try !store.apply(.end(id(1))))
        #expect(try store.load(id(1)) == nil)
        #expect(try !store.apply(.replace(record(1, version: 2))))
    }

    @Test("REF-01: a lease is one owner's until it is over, or the record is replaced", arguments: Kind.allCases)
    func lease(kind: Kind) throws {
        let store = try store(kind)
        let lease = { (owner: Int64, now: Int64) in
            try store.apply(.lease(id(1), owner: owner, now: now, until: now + 1000))
        }
        #expect(try !lease(1, 0), "nothing there")
        _ = try store.apply(.create(record(1), limit: 10))
        #expect(try lease(1, 0))
        #expect(try !lease(2, 999))
        #expect(try lease(1, 500), "its owner may prolong it")
        #expect(try !lease(2, 1499))
        #expect(try lease(2, 1500))
        _ = try store.apply(.replace(record(1, version: 2)))
        #expect(try lease(1, 1501))
    }

    @Test("FLOW-02: a state is spent once", arguments: Kind.allCases)
    func spend(kind: Kind) throws {
        let store = try store(kind)
        #expect(try store.apply(.spend([1], until: Timestamp(seconds: 10))))
        #expect(try !store.apply(.spend([1], until: Timestamp(seconds: 20))))
        #expect(try store.apply(.spend([2], until: Timestamp(seconds: 10))))
    }

    @Test("A sweep removes what is past its end, and nothing else", arguments: Kind.allCases)
    func sweep(kind: Kind) throws {
        let store = try store(kind)
        for number in 1...3 { _ = try store.apply(.create(record(number, expires: Int64(number) * 10), limit: 10)) }
        _ = try store.apply(.spend([1], until: Timestamp(seconds: 50)))
        _ = try store.apply(.sweep(now: Timestamp(seconds: 20)))
        #expect(try store.records().map(\.id) == [id(3)])
        #expect(try !store.apply(.spend([1], until: Timestamp(seconds: 50))), "not over yet")
        _ = try store.apply(.sweep(now: Timestamp(seconds: 50)))
        #expect(try store.apply(.spend([1], until: Timestamp(seconds: 90))))
    }

    @Test("OUT-03: the sessions of a mark end together, and no others", arguments: Kind.allCases)
    func endMarked(kind: Kind) throws {
        let store = try store(kind)
        let marks = [
            SessionMarks(subject: [1], session: [11]), SessionMarks(subject: [1], session: [12]),
            SessionMarks(subject: [2], session: nil), nil,
        ]
        for (number, marks) in marks.enumerated() {
            _ = try store.apply(.create(record(number), marks: marks, limit: 10))
        }
        let end = { (marks: [[UInt8]]) in Set(try #require(try store.end(marked: marks, orOf: [], using: nil))) }
        #expect(try end([[3], [], [0]]).isEmpty)
        #expect(try end([]).isEmpty)
        #expect(try end([[9], [12]]) == [id(1)])
        #expect(try store.load(id(1)) == nil && store.load(id(0)) != nil)
        #expect(try end([[1], [2]]) == [id(0), id(2)], "a mark for each key of the ring")
        #expect(try end([[1], [2]]).isEmpty, "they are over")
        #expect(try store.records().map(\.id) == [id(3)])
    }

    @Test("OUT-03: with a token that was used before nothing ends", arguments: Kind.allCases)
    func endMarkedOnce(kind: Kind) throws {
        let store = try store(kind)
        let token = (name: [UInt8]([7, 7]), until: Timestamp(seconds: 50))
        _ = try store.apply(.create(record(1), marks: SessionMarks(subject: [1], session: nil), limit: 10))
        #expect(try store.end(marked: [[1]], orOf: [], using: token) == [id(1)])
        _ = try store.apply(.create(record(2), marks: SessionMarks(subject: [1], session: nil), limit: 10))
        #expect(try store.end(marked: [[1]], orOf: [], using: token) == nil)
        #expect(try store.load(id(2)) != nil)
        _ = try store.apply(.sweep(now: Timestamp(seconds: 50)))
        #expect(
            try store.end(marked: [[1]], orOf: [], using: token) == [id(2)], "its time is over, and the next is another"
        )
    }

    @Test("OUT-03: a session that was replaced keeps its marks", arguments: Kind.allCases)
    func marksOfReplaced(kind: Kind) throws {
        let store = try store(kind)
        _ = try store.apply(.create(record(1), marks: SessionMarks(subject: [1], session: [11]), limit: 10))
        _ = try store.apply(.replace(record(1, version: 2)))
        #expect(try store.end(marked: [[11]], orOf: [], using: nil) == [id(1)])
    }

    @Test("OUT-03: sessions without a mark of their own end by their owner's", arguments: Kind.allCases)
    func endOfOwner(kind: Kind) throws {
        let store = try store(kind)
        let marks = [
            SessionMarks(subject: [1], session: [11]), SessionMarks(subject: [1], session: nil),
            SessionMarks(subject: [2], session: nil),
        ]
        for (number, marks) in marks.enumerated() {
            _ = try store.apply(.create(record(number), marks: marks, limit: 10))
        }
        #expect(try store.end(marked: [[12]], orOf: [[1]], using: nil) == [id(1)])
        _ = try store.apply(.create(record(3), limit: 10))
        _ = try store.apply(.replace(record(3, version: 2), marks: SessionMarks(subject: [3], session: nil)))
        #expect(try store.end(marked: [[12]], orOf: [[3]], using: nil) == [id(3)], "marked when it was replaced")
    }
}

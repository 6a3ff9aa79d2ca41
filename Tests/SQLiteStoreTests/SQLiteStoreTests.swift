import Glibc
import Sessions
import Synchronization
import Testing
import Values

@testable import SQLiteStore

@Suite("Sessions in a file that processes share")
struct SQLiteStoreTests {
    private let folder = Folder()

    @Test("What one process changes is what another reads, and it hears of it")
    func shared() throws {
        let (here, there) = (try SQLiteStore(path: folder.database), try SQLiteStore(path: folder.database))
        _ = try here.apply(.create(record(1), limit: 10))
        _ = try here.apply(.create(record(2), limit: 10))
        #expect(try there.load(id(1)) == record(1))
        _ = try here.apply(.replace(record(1, version: 2)))
        let first = try there.changes(after: 0)
        #expect(first.isReset, "who knows nothing begins anew")
        _ = try here.apply(.end(id(2)))
        let next = try there.changes(after: first.mark)
        #expect(!next.isReset && next.versions.map(\.id) == [id(2)] && next.versions.allSatisfy { $0.version == nil })
        let none = try there.changes(after: next.mark)
        #expect(none.versions.isEmpty && none.mark == next.mark && !none.isReset)
    }

    @Test("The change stamp is another after each change that processes hear of, and after no other")
    func changeStamp() throws {
        let (here, there) = (try SQLiteStore(path: folder.database), try SQLiteStore(path: folder.database))
        func changesStamp(_ change: StoreChange) throws -> Bool {
            let before = try #require(there.changeStamp)
            _ = try here.apply(change)
            return try before != #require(there.changeStamp)
        }
        _ = here.changeStamp
        #expect(try !changesStamp(.create(record(1), limit: 1)))
        #expect(try !changesStamp(.touch(id(1), seen: Timestamp(seconds: 50))))
        #expect(try !changesStamp(.lease(id(1), owner: 1, now: 0, until: 1)))
        #expect(try changesStamp(.replace(record(1, version: 2))))
        #expect(try !changesStamp(.replace(record(1, version: 2))), "not the version after")
        #expect(try changesStamp(.create(record(2), limit: 1)), "the first made room")
        #expect(try changesStamp(.end(id(2))))
        #expect(try !changesStamp(.end(id(2))), "it was over")
    }

    @Test("Who slept through more changes than are kept forgets all; so does who knows a mark of another file")
    func reset() throws {
        let store = try SQLiteStore(path: folder.database)
        for number in 1...3 {
            _ = try store.apply(.create(record(number), limit: 10))
            _ = try store.apply(.end(id(number)))
        }
        #expect(try store.changes(after: 1).versions.count == 2)
        let connection = try Connection(path: folder.database, for: .write, busyMilliseconds: 100)
        try connection.run("DELETE FROM changes WHERE number < 3")
        #expect(try store.changes(after: 1).isReset)
        #expect(try !store.changes(after: 2).isReset)
        #expect(try store.changes(after: 99).isReset)
    }

    @Test("SES: the file is for its owner only")
    func ownerOnly() throws {
        let store = try SQLiteStore(path: folder.database)
        _ = try store.apply(.create(record(1), limit: 10))
        for name in ["", "-wal", "-shm"] { #expect(mode(of: folder.database + name) == 0o600, "\(name)") }
    }

    @Test("The records outlive the process")
    func durable() throws {
        do { _ = try SQLiteStore(path: folder.database).apply(.create(record(1), limit: 10)) }
        #expect(try SQLiteStore(path: folder.database).load(id(1)) == record(1))
    }

    @Test("A file of a newer version, or that is no database, is refused with what to do")
    func otherFiles() throws {
        do {
            let connection = try Connection(path: folder.database, for: .create, busyMilliseconds: 100)
            try connection.run("PRAGMA user_version = 3")
        }
        let newer = failure { _ = try SQLiteStore(path: folder.database) }
        #expect(newer?.contains("newer Postern") == true)
        unsafe unlink(folder.database)
        let file = unsafe fopen(folder.database, "w")
        unsafe fputs(String(repeating: "no database ", count: 100), file)
        unsafe fclose(file)
        #expect(failure { _ = try SQLiteStore(path: folder.database) } != nil)
        #expect(failure { _ = try SQLiteStore(path: "\(folder.path)/missing/sessions.db") } != nil)
    }

    @Test("REL: a file that was removed is no store any more; a new one in its place is")
    func removed() throws {
        let store = try SQLiteStore(path: folder.database)
        _ = try store.apply(.create(record(1), limit: 10))
        for name in ["", "-wal", "-shm"] { unsafe unlink(folder.database + name) }
        #expect(failure { _ = try store.load(id(1)) }?.contains("is gone") == true)
        #expect(failure { _ = try store.apply(.end(id(1))) }?.contains("is gone") == true)
        _ = try SQLiteStore(path: folder.database)
        #expect(try store.load(id(1)) == nil)
        #expect(try store.apply(.create(record(2), limit: 10)))
    }

    @Test("REL: a writer that is locked out says so after a while, and readers go on")
    func locked() throws {
        let store = try SQLiteStore(path: folder.database)
        _ = try store.apply(.create(record(1), limit: 10))
        let other = try Connection(path: folder.database, for: .write, busyMilliseconds: 100)
        try other.run("BEGIN IMMEDIATE")
        #expect(try store.load(id(1)) == record(1))
        #expect(failure { _ = try store.apply(.end(id(1))) } != nil)
        try other.run("ROLLBACK")
        #expect(try store.apply(.end(id(1))))
    }

    @Test("REF-01: of many threads and processes that want a lease or a state one gets it")
    func contest() throws {
        let stores = try (0..<4).map { _ in try SQLiteStore(path: folder.database) }
        _ = try stores[0].apply(.create(record(1), limit: 10))
        let leases = Atomic(0)
        let states = Atomic(0)
        let failures = Atomic(0)
        inParallel(16) { number in
            do throws(StoreFailure) {
                let store = stores[number % 4]
                if try store.apply(.lease(id(1), owner: Int64(number), now: 0, until: 1000)) {
                    leases.add(1, ordering: .relaxed)
                }
                if try store.apply(.spend([7], until: Timestamp(seconds: 10))) { states.add(1, ordering: .relaxed) }
            } catch {
                failures.add(1, ordering: .relaxed)
            }
        }
        #expect(leases.load(ordering: .relaxed) == 1 && states.load(ordering: .relaxed) == 1)
        #expect(failures.load(ordering: .relaxed) == 0)
    }
}

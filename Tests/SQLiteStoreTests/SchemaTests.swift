import Sessions
import Testing
import Values

@testable import SQLiteStore

@Suite("The tables of a file are brought up to date")
struct SchemaTests {
    private let folder = Folder()

    @Test("A new file has the newest version, and stays as it is when it is opened again")
    func new() throws {
        for _ in 0..<2 {
            let store = try SQLiteStore(path: folder.database)
            #expect(try store.records().isEmpty && version() == 2)
        }
    }

    @Test("A file of version 1 keeps its sessions, and new ones are found by whose they are")
    func versionOne() throws {
        try makeVersionOne()
        let store = try SQLiteStore(path: folder.database)
        #expect(try version() == 2)
        #expect(try store.load(id(1)) == record(1))
        #expect(try !store.apply(.spend([7], until: Timestamp(seconds: 10))), "what was spent stays so")
        #expect(try store.end(marked: [[]], orOf: [], using: nil) == [], "nobody knows whose the old ones are")
        #expect(try store.apply(.replace(record(1, version: 2))))
        _ = try store.apply(.create(record(2), marks: SessionMarks(subject: [1], session: [2]), limit: 10))
        #expect(try store.end(marked: [[1]], orOf: [], using: nil) == [id(2)])
        #expect(try store.end(marked: [[2]], orOf: [], using: nil) == [])
        #expect(try SQLiteStore(path: folder.database).records().map(\.id) == [id(1)])
    }

    @Test("REL-05: a file whose change of version was cut off is changed by the next start")
    func cutOff() throws {
        try makeVersionOne()
        let connection = try Connection(path: folder.database, for: .write, busyMilliseconds: 100)
        try connection.run("BEGIN IMMEDIATE; ALTER TABLE sessions ADD COLUMN subject_mark BLOB; ROLLBACK")
        #expect(try SQLiteStore(path: folder.database).load(id(1)) == record(1))
        #expect(try version() == 2)
    }

    @Test("Sessions are found by their marks without a look at each")
    func indices() throws {
        _ = try SQLiteStore(path: folder.database)
        let connection = try Connection(path: folder.database, for: .read, busyMilliseconds: 100)
        var isScan = false
        for column in ["subject_mark", "session_mark"] {
            let plan = "EXPLAIN QUERY PLAN SELECT id FROM sessions WHERE \(column) = ?"
            try connection.run(plan, .bytes([1])) { row in
                isScan = isScan || String(decoding: row.bytes(3), as: UTF8.self).hasPrefix("SCAN")
            }
        }
        #expect(!isScan)
    }

    /// The file as version 1 made it, with a session and a state.
    private func makeVersionOne() throws {
        let connection = try Connection(path: folder.database, for: .create, busyMilliseconds: 100)
        try connection.run(
            """
            CREATE TABLE sessions (
                id BLOB PRIMARY KEY, version INTEGER NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL,
                seen INTEGER NOT NULL, sealed BLOB NOT NULL, label BLOB NOT NULL,
                lease_owner INTEGER NOT NULL DEFAULT 0, lease_until INTEGER NOT NULL DEFAULT 0
            );
            CREATE INDEX sessions_by_end ON sessions (expires);
            CREATE TABLE changes (number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL, version INTEGER);
            CREATE TABLE spent (state BLOB PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
            CREATE INDEX spent_by_end ON spent (until);
            INSERT INTO spent (state, until) VALUES (x'07', 90);
            PRAGMA user_version = 1;
            """)
        let old = record(1)
        try connection.run(
            "INSERT INTO sessions (id, version, created, expires, seen, sealed, label) VALUES (?, 1, 0, 1000, 0, ?, ?)",
            .bytes(old.id.bytes), .bytes(old.sealed), .bytes(old.label))
    }

    private func version() throws -> Int64 {
        let connection = try Connection(path: folder.database, for: .read, busyMilliseconds: 100)
        var version: Int64 = 0
        try connection.run("PRAGMA user_version") { version = $0.integer(0) }
        return version
    }
}

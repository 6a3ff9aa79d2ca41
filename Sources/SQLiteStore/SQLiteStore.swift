package import Sessions
internal import Values

/// The session store on one SQLite file, for all processes of a host.
package final class SQLiteStore: SessionStore, SessionListing {
    private let database: Database

    /// Opens the file or makes it; its folder must exist.
    package init(path: String) throws(StoreFailure) {
        database = try Database(path: path)
    }

    package func load(_ id: TicketID) throws(StoreFailure) -> StoredRecord? {
        try database.read { connection throws(StoreFailure) in
            var record: StoredRecord?
            try connection.run(
                "SELECT id, version, created, expires, seen, sealed, label FROM sessions WHERE id = ?", .bytes(id.bytes)
            ) { record = Self.record($0) }
            return record
        }
    }

    package func records() throws(StoreFailure) -> [StoredRecord] {
        try database.read { connection throws(StoreFailure) in
            var records: [StoredRecord] = []
            try connection.run(
                "SELECT id, version, created, expires, seen, sealed, label FROM sessions ORDER BY expires"
            ) { row in
                if let record = Self.record(row) { records.append(record) }
            }
            return records
        }
    }

    package func apply(_ change: StoreChange) throws(StoreFailure) -> Bool {
        try database.write { connection throws(StoreFailure) in
            switch change {
            case .create(let record, let limit): try Self.create(record, limit, connection)
            case .replace(let record): try Self.replace(record, connection)
            case .touch(let id, let seen): try Self.touch(id, seen, connection)
            case .end(let id): try Self.end(id, connection)
            case .lease(let id, let owner, let now, let until): try Self.lease(id, owner, now, until, connection)
            case .spend(let state, let until): try Self.spend(state, until, connection)
            case .sweep(let now): try Self.sweep(now, connection)
            }
        }
    }

    package func changes(after mark: Int64) throws(StoreFailure) -> StoreChanges {
        try database.read { connection throws(StoreFailure) in
            var changes = StoreChanges(mark: mark)
            var oldest: Int64?
            try connection.run("SELECT min(number), max(number) FROM changes") { row in
                oldest = row.optionalInteger(0)
                changes.mark = row.optionalInteger(1) ?? 0
            }
            guard changes.mark != mark else { return changes }
            guard mark > 0, changes.mark > mark, let oldest, oldest <= mark + 1 else {
                changes.isReset = true
                return changes
            }
            try connection.run("SELECT id, version FROM changes WHERE number > ?", .integer(mark)) { row in
                guard let id = TicketID(row.bytes(0)) else { return }
                changes.versions.append((id, row.optionalInteger(1)))
            }
            return changes
        }
    }

    private static func record(_ row: borrowing Row) -> StoredRecord? {
        guard let id = TicketID(row.bytes(0)) else { return nil }
        return StoredRecord(
            id: id, version: row.integer(1), created: Timestamp(seconds: row.integer(2)),
            expires: Timestamp(seconds: row.integer(3)), seen: Timestamp(seconds: row.integer(4)), sealed: row.bytes(5),
            label: row.bytes(6))
    }
}

// MARK: - Changes

extension SQLiteStore {
    /// Rows of `changes` that are kept: a process that slept through more forgets all it knows.
    private static let keptChanges: Int64 = 10_000

    private static func create(
        _ record: StoredRecord, _ limit: Int, _ connection: Connection
    ) throws(StoreFailure) -> Bool {
        var count: Int64 = 0
        try connection.run("SELECT count(*) FROM sessions") { count = $0.integer(0) }
        if count >= limit { try makeRoom(1 + count - Int64(limit), connection) }
        try connection.run(
            """
            INSERT INTO sessions (id, version, created, expires, seen, sealed, label) VALUES (?, ?, ?, ?, ?, ?, ?)
            """,
            .bytes(record.id.bytes), .integer(record.version), .integer(record.created.seconds),
            .integer(record.expires.seconds), .integer(record.seen.seconds), .bytes(record.sealed), .bytes(record.label)
        )
        return true
    }

    private static func makeRoom(_ count: Int64, _ connection: Connection) throws(StoreFailure) {
        var ids: [[UInt8]] = []
        try connection.run("SELECT id FROM sessions ORDER BY expires LIMIT ?", .integer(count)) {
            ids.append($0.bytes(0))
        }
        for id in ids.compactMap({ TicketID($0) }) { _ = try end(id, connection) }
    }

    private static func replace(_ record: StoredRecord, _ connection: Connection) throws(StoreFailure) -> Bool {
        try connection.run(
            """
            UPDATE sessions SET version = ?, sealed = ?, label = ?, lease_owner = 0, lease_until = 0
            WHERE id = ? AND version = ?
            """,
            .integer(record.version), .bytes(record.sealed), .bytes(record.label), .bytes(record.id.bytes),
            .integer(record.version - 1))
        guard connection.changed > 0 else { return false }
        try note(record.id, version: .integer(record.version), connection)
        return true
    }

    private static func touch(_ id: TicketID, _ seen: Timestamp, _ connection: Connection) throws(StoreFailure) -> Bool
    {
        try connection.run(
            "UPDATE sessions SET seen = max(seen, ?) WHERE id = ?", .integer(seen.seconds), .bytes(id.bytes))
        return connection.changed > 0
    }

    private static func end(_ id: TicketID, _ connection: Connection) throws(StoreFailure) -> Bool {
        try connection.run("DELETE FROM sessions WHERE id = ?", .bytes(id.bytes))
        guard connection.changed > 0 else { return false }
        try note(id, version: .null, connection)
        return true
    }

    private static func note(_ id: TicketID, version: Value, _ connection: Connection) throws(StoreFailure) {
        try connection.run("INSERT INTO changes (id, version) VALUES (?, ?)", .bytes(id.bytes), version)
    }

    /// Taken when it is free, over, ours, or so far ahead that the clock must have stepped back.
    private static func lease(
        _ id: TicketID, _ owner: Int64, _ now: Int64, _ until: Int64, _ connection: Connection
    ) throws(StoreFailure) -> Bool {
        try connection.run(
            """
            UPDATE sessions SET lease_owner = ?, lease_until = ?
            WHERE id = ? AND (lease_until <= ? OR lease_owner = ? OR lease_until > ?)
            """,
            .integer(owner), .integer(until), .bytes(id.bytes), .integer(now), .integer(owner),
            .integer(now + 600_000))
        return connection.changed > 0
    }

    private static func spend(
        _ state: [UInt8], _ until: Timestamp, _ connection: Connection
    ) throws(StoreFailure) -> Bool {
        try connection.run(
            "INSERT OR IGNORE INTO spent (state, until) VALUES (?, ?)", .bytes(state), .integer(until.seconds))
        return connection.changed > 0
    }

    /// A batch at a time, so that nobody waits long for the lock: the rest goes with the next sweep.
    private static func sweep(_ now: Timestamp, _ connection: Connection) throws(StoreFailure) -> Bool {
        try connection.run(
            "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires <= ? LIMIT 2000)",
            .integer(now.seconds))
        try connection.run("DELETE FROM spent WHERE until <= ?", .integer(now.seconds))
        try connection.run(
            "DELETE FROM changes WHERE number <= (SELECT max(number) FROM changes) - ?", .integer(keptChanges))
        return true
    }
}

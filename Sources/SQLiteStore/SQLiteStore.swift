package import Sessions
package import Values

/// The session store on one SQLite file, for all processes of a host.
package final class SQLiteStore: SessionStore, SessionListing {
    private let database: Database
    private let stamp: ChangeStamp

    /// Opens the file or makes it; its folder must exist.
    package init(path: String) throws(StoreFailure) {
        database = try Database(path: path)
        stamp = ChangeStamp(database: path)
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
        var isNoted = false
        defer { if isNoted { stamp.renew() } }
        return try database.write { connection throws(StoreFailure) in
            var writing = Writing(connection)
            let isDone = try writing.carryOut(change)
            isNoted = writing.isNoted
            return isDone
        }
    }

    package func end(
        marked marks: [[UInt8]], orOf owners: [[UInt8]], using token: (name: [UInt8], until: Timestamp)?
    ) throws(StoreFailure) -> [TicketID]? {
        var isNoted = false
        defer { if isNoted { stamp.renew() } }
        return try database.write { connection throws(StoreFailure) in
            var writing = Writing(connection)
            if let token, try !writing.carryOut(.spend(token.name, until: token.until)) { return nil }
            let ids = try writing.end(marked: marks, orOf: owners)
            isNoted = writing.isNoted
            return ids
        }
    }

    package var changeStamp: UInt64? { stamp.current() }

    package func changes(after mark: Int64) throws(StoreFailure) -> StoreChanges {
        stamp.follow()
        return try database.read { connection throws(StoreFailure) in
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

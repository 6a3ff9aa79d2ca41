internal import Sessions
internal import Values

/// One change of the sessions, within a transaction.
struct Writing {
    private let connection: Connection
    /// Whether it is among what other processes must hear of.
    private(set) var isNoted = false

    init(_ connection: Connection) {
        self.connection = connection
    }

    /// False when what the change presumes is not so.
    mutating func carryOut(_ change: StoreChange) throws(StoreFailure) -> Bool {
        switch change {
        case .create(let record, let marks, let limit): try create(record, marks, limit)
        case .replace(let record, let marks): try replace(record, marks)
        case .touch(let id, let seen): try touch(id, seen)
        case .end(let id): try end(id)
        case .lease(let id, let owner, let now, let until): try lease(id, owner, now, until)
        case .spend(let state, let until): try spend(state, until)
        case .sweep(let now): try sweep(now)
        }
    }
}

extension Writing {
    /// Rows of `changes` that are kept: a process that slept through more forgets all it knows.
    private static let keptChanges: Int64 = 10_000

    private mutating func create(
        _ record: StoredRecord, _ marks: SessionMarks?, _ limit: Int
    ) throws(StoreFailure) -> Bool {
        var count: Int64 = 0
        try connection.run("SELECT count(*) FROM sessions") { count = $0.integer(0) }
        if count >= limit { try makeRoom(1 + count - Int64(limit)) }
        try connection.run(
            """
            INSERT INTO sessions (id, version, created, expires, seen, sealed, label, subject_mark, session_mark)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            .bytes(record.id.bytes), .integer(record.version), .integer(record.created.seconds),
            .integer(record.expires.seconds), .integer(record.seen.seconds), .bytes(record.sealed),
            .bytes(record.label),
            marks.map { .bytes($0.subject) } ?? .null, marks?.session.map { .bytes($0) } ?? .null)
        return true
    }

    private mutating func makeRoom(_ count: Int64) throws(StoreFailure) {
        var ids: [[UInt8]] = []
        try connection.run("SELECT id FROM sessions ORDER BY expires LIMIT ?", .integer(count)) {
            ids.append($0.bytes(0))
        }
        for id in ids.compactMap({ TicketID($0) }) { _ = try end(id) }
    }

    private mutating func replace(_ record: StoredRecord, _ marks: SessionMarks?) throws(StoreFailure) -> Bool {
        try connection.run(
            """
            UPDATE sessions SET version = ?, sealed = ?, label = ?, lease_owner = 0, lease_until = 0,
            subject_mark = coalesce(?, subject_mark), session_mark = coalesce(?, session_mark)
            WHERE id = ? AND version = ?
            """,
            .integer(record.version), .bytes(record.sealed), .bytes(record.label),
            marks.map { .bytes($0.subject) } ?? .null, marks?.session.map { .bytes($0) } ?? .null,
            .bytes(record.id.bytes),
            .integer(record.version - 1))
        guard connection.changed > 0 else { return false }
        try note(record.id, version: .integer(record.version))
        return true
    }

    private func touch(_ id: TicketID, _ seen: Timestamp) throws(StoreFailure) -> Bool {
        try connection.run(
            "UPDATE sessions SET seen = max(seen, ?) WHERE id = ?", .integer(seen.seconds), .bytes(id.bytes))
        return connection.changed > 0
    }

    private mutating func end(_ id: TicketID) throws(StoreFailure) -> Bool {
        try connection.run("DELETE FROM sessions WHERE id = ?", .bytes(id.bytes))
        guard connection.changed > 0 else { return false }
        try note(id, version: .null)
        return true
    }

    /// Ends the sessions of these marks.
    mutating func end(marked marks: [[UInt8]], orOf owners: [[UInt8]]) throws(StoreFailure) -> [TicketID] {
        var ids: [TicketID] = []
        for mark in marks {
            try connection.run(
                "SELECT id FROM sessions WHERE subject_mark = ? OR session_mark = ?", .bytes(mark), .bytes(mark)
            ) { row in
                if let id = TicketID(row.bytes(0)) { ids.append(id) }
            }
        }
        for owner in owners {
            try connection.run(
                "SELECT id FROM sessions WHERE subject_mark = ? AND session_mark IS NULL", .bytes(owner)
            ) { row in
                if let id = TicketID(row.bytes(0)) { ids.append(id) }
            }
        }
        for id in ids { _ = try end(id) }
        return ids
    }

    private mutating func note(_ id: TicketID, version: Value) throws(StoreFailure) {
        try connection.run("INSERT INTO changes (id, version) VALUES (?, ?)", .bytes(id.bytes), version)
        isNoted = true
    }

    /// Taken when it is free, over, ours, or so far ahead that the clock must have stepped back.
    private func lease(_ id: TicketID, _ owner: Int64, _ now: Int64, _ until: Int64) throws(StoreFailure) -> Bool {
        try connection.run(
            """
            UPDATE sessions SET lease_owner = ?, lease_until = ?
            WHERE id = ? AND (lease_until <= ? OR lease_owner = ? OR lease_until > ?)
            """,
            .integer(owner), .integer(until), .bytes(id.bytes), .integer(now), .integer(owner),
            .integer(now + 600_000))
        return connection.changed > 0
    }

    private func spend(_ state: [UInt8], _ until: Timestamp) throws(StoreFailure) -> Bool {
        try connection.run(
            "INSERT OR IGNORE INTO spent (state, until) VALUES (?, ?)", .bytes(state), .integer(until.seconds))
        return connection.changed > 0
    }

    /// A batch at a time, so that nobody waits long for the lock: the rest goes with the next sweep.
    private func sweep(_ now: Timestamp) throws(StoreFailure) -> Bool {
        try connection.run(
            "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires <= ? LIMIT 2000)",
            .integer(now.seconds))
        try connection.run("DELETE FROM spent WHERE until <= ?", .integer(now.seconds))
        try connection.run(
            "DELETE FROM changes WHERE number <= (SELECT max(number) FROM changes) - ?", .integer(Self.keptChanges))
        return true
    }
}

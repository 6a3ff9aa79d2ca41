internal import Sessions

/// The tables, and which version of them a file has.
enum Schema {
    private static let version: Int64 = 2

    static func prepare(_ connection: Connection, path: String) throws(StoreFailure) {
        try connection.run("PRAGMA journal_mode = WAL")
        try connection.transaction { () throws(StoreFailure) in
            var found: Int64 = 0
            try connection.run("PRAGMA user_version") { found = $0.integer(0) }
            guard found <= version else {
                throw StoreFailure(
                    "\(path) was made by a newer Postern (schema \(found)): use that one, or another file")
            }
            for step in steps.dropFirst(Int(max(0, found))) { try connection.run(step) }
        }
    }

    /// What leads from each version to the next.
    private static let steps = [tables, marks]

    private static let tables = """
        CREATE TABLE sessions (
            id BLOB PRIMARY KEY, version INTEGER NOT NULL, created INTEGER NOT NULL, expires INTEGER NOT NULL,
            seen INTEGER NOT NULL, sealed BLOB NOT NULL, label BLOB NOT NULL,
            lease_owner INTEGER NOT NULL DEFAULT 0, lease_until INTEGER NOT NULL DEFAULT 0
        );
        CREATE INDEX sessions_by_end ON sessions (expires);
        CREATE TABLE changes (number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL, version INTEGER);
        CREATE TABLE spent (state BLOB PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;
        CREATE INDEX spent_by_end ON spent (until);
        PRAGMA user_version = 1;
        """

    /// Sessions are found by whose they are.
    private static let marks = """
        ALTER TABLE sessions ADD COLUMN subject_mark BLOB;
        ALTER TABLE sessions ADD COLUMN session_mark BLOB;
        CREATE INDEX sessions_by_subject ON sessions (subject_mark) WHERE subject_mark IS NOT NULL;
        CREATE INDEX sessions_by_session ON sessions (session_mark) WHERE session_mark IS NOT NULL;
        PRAGMA user_version = 2;
        """
}

internal import CSQLite
internal import Sessions

/// One connection to the database, and its statements. Used by one thread at a time.
@safe final class Connection {
    private let handle: OpaquePointer
    private var statements: [String: Statement] = [:]

    enum Purpose {
        /// Makes the file if there is none.
        case create
        case write
        case read
    }

    init(path: String, for purpose: Purpose, busyMilliseconds: Int32) throws(StoreFailure) {
        let flags =
            switch purpose {
            case .create: SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
            case .write: SQLITE_OPEN_READWRITE
            case .read: SQLITE_OPEN_READONLY
            }
        var opened: OpaquePointer?
        let code = unsafe sqlite3_open_v2(path, &opened, flags | SQLITE_OPEN_NOMUTEX, nil)
        guard let handle = unsafe opened else { throw StoreFailure("\(path): SQLite has no memory") }
        unsafe self.handle = handle
        guard code == SQLITE_OK else { throw StoreFailure("\(path): \(message)") }
        unsafe sqlite3_busy_timeout(handle, busyMilliseconds)
    }

    deinit {
        statements.removeAll()
        unsafe sqlite3_close_v2(handle)
    }

    /// Runs statements that give no rows.
    func run(_ sql: String) throws(StoreFailure) {
        guard unsafe sqlite3_exec(handle, sql, nil, nil, nil) == SQLITE_OK else { throw StoreFailure(message) }
    }

    /// Runs one statement with these values; gives each row to `row`.
    func run(_ sql: String, _ values: Value..., row: (borrowing Row) -> Void = { _ in }) throws(StoreFailure) {
        let statement = try prepared(sql)
        defer { statement.reset() }
        for (index, value) in values.enumerated() {
            guard statement.bind(value, at: Int32(index + 1)) else { throw StoreFailure(message) }
        }
        while true {
            switch statement.step() {
            case SQLITE_ROW: row(Row(statement))
            case SQLITE_DONE: return
            default: throw StoreFailure(message)
            }
        }
    }

    /// Runs all of it or nothing. The write lock is taken at the beginning.
    func transaction<Result>(_ work: () throws(StoreFailure) -> Result) throws(StoreFailure) -> Result {
        try run("BEGIN IMMEDIATE")
        do throws(StoreFailure) {
            let result = try work()
            try run("COMMIT")
            return result
        } catch {
            try? run("ROLLBACK")
            throw error
        }
    }

    /// Rows that the last statement changed.
    var changed: Int { Int(unsafe sqlite3_changes(handle)) }

    private var message: String {
        unsafe String(cString: sqlite3_errmsg(handle))
    }

    private func prepared(_ sql: String) throws(StoreFailure) -> Statement {
        if let statement = statements[sql] { return statement }
        var compiled: OpaquePointer?
        let code = unsafe sqlite3_prepare_v3(handle, sql, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &compiled, nil)
        guard code == SQLITE_OK, let pointer = unsafe compiled else { throw StoreFailure(message) }
        let statement = unsafe Statement(pointer)
        statements[sql] = statement
        return statement
    }
}

/// What a statement's parameter may be.
enum Value {
    case integer(Int64)
    case bytes([UInt8])
    case null
}

/// A compiled statement. It is finalized with its owner.
@safe final class Statement {
    fileprivate let handle: OpaquePointer

    fileprivate init(_ handle: OpaquePointer) {
        unsafe self.handle = handle
    }

    deinit {
        unsafe sqlite3_finalize(handle)
    }

    fileprivate func step() -> Int32 {
        unsafe sqlite3_step(handle)
    }

    fileprivate func reset() {
        unsafe sqlite3_reset(handle)
        unsafe sqlite3_clear_bindings(handle)
    }

    fileprivate func bind(_ value: Value, at index: Int32) -> Bool {
        let code =
            switch value {
            case .integer(let number): unsafe sqlite3_bind_int64(handle, index, number)
            case .null: unsafe sqlite3_bind_null(handle, index)
            case .bytes(let bytes):
                unsafe bytes.withUnsafeBytes {
                    unsafe postern_bind_blob(handle, index, $0.baseAddress, Int32($0.count))
                }
            }
        return code == SQLITE_OK
    }
}

/// One row of a result, good until the next.
struct Row: ~Copyable {
    private let statement: Statement

    fileprivate init(_ statement: Statement) {
        self.statement = statement
    }

    func integer(_ column: Int32) -> Int64 {
        unsafe sqlite3_column_int64(statement.handle, column)
    }

    /// `nil` where the value is null.
    func optionalInteger(_ column: Int32) -> Int64? {
        unsafe sqlite3_column_type(statement.handle, column) == SQLITE_NULL ? nil : integer(column)
    }

    func bytes(_ column: Int32) -> [UInt8] {
        let count = Int(unsafe sqlite3_column_bytes(statement.handle, column))
        guard count > 0, let start = unsafe sqlite3_column_blob(statement.handle, column) else { return [] }
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
    }
}

internal import Glibc
internal import Sessions
internal import Synchronization

/// The database file: a few connections to it, and whether it is still the file that was opened.
final class Database: Sendable {
    /// Connections are handed to one thread at a time by `Mutex`, which is all that SQLite asks for.
    private struct Idle: ~Copyable, @unchecked Sendable {
        var generation = 0
        var file: FileIdentity?
        var readers: [Connection] = []
        var writers: [Connection] = []
    }

    private let path: String
    private let idle = Mutex(Idle())

    /// Milliseconds that a reader waits for a lock: it may be a check.
    private static var readerPatience: Int32 { 20 }
    private static var writerPatience: Int32 { 800 }

    /// Opens the file, or makes it with mode 0600.
    init(path: String) throws(StoreFailure) {
        self.path = path
        let mask = umask(0o077)
        defer { umask(mask) }
        let connection = try Connection(path: path, for: .create, busyMilliseconds: 5000)
        try Schema.prepare(connection, path: path)
    }

    /// Reads with a connection that nobody else uses meanwhile.
    func read<Result>(_ work: (Connection) throws(StoreFailure) -> Result) throws(StoreFailure) -> Result {
        let generation = try currentGeneration()
        let kept = takeReader()
        let connection = if let kept { kept } else { try makeReader() }
        let result = try work(connection)
        idle.withLock { if $0.generation == generation { $0.readers.append(connection) } }
        return result
    }

    /// The same for writing.
    func write<Result>(_ work: (Connection) throws(StoreFailure) -> Result) throws(StoreFailure) -> Result {
        let generation = try currentGeneration()
        let kept = takeWriter()
        let connection = if let kept { kept } else { try makeWriter() }
        let result = try connection.transaction { () throws(StoreFailure) in try work(connection) }
        idle.withLock { if $0.generation == generation { $0.writers.append(connection) } }
        return result
    }

    private func takeReader() -> Connection? {
        idle.withLock { $0.readers.popLast() }
    }

    private func takeWriter() -> Connection? {
        idle.withLock { $0.writers.popLast() }
    }

    private func makeReader() throws(StoreFailure) -> Connection {
        try Connection(path: path, for: .read, busyMilliseconds: Self.readerPatience)
    }

    private func makeWriter() throws(StoreFailure) -> Connection {
        let connection = try Connection(path: path, for: .write, busyMilliseconds: Self.writerPatience)
        try connection.run("PRAGMA synchronous = NORMAL")
        return connection
    }

    /// A file that was removed or replaced is not the database any more, though SQLite would go on with it.
    private func currentGeneration() throws(StoreFailure) -> Int {
        guard let file = FileIdentity(path: path) else { throw StoreFailure("\(path) is gone") }
        return idle.withLock { idle in
            if let known = idle.file, known != file {
                idle.generation += 1
                idle.readers = []
                idle.writers = []
            }
            idle.file = file
            return idle.generation
        }
    }
}

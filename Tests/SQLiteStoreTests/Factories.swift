import FoundationEssentials
import Glibc
import Sessions
import Synchronization
import Threads
import Values

@testable import SQLiteStore

/// A folder of its own, gone with its owner.
final class Folder: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/postern-sqlite-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { preconditionFailure("no folder for the test") }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: path)
    }

    var database: String { "\(path)/sessions.db" }
    var keys: String { "\(path)/keys" }
}

/// The permission bits of a file.
func mode(of path: String) -> mode_t {
    var status = stat()
    return unsafe stat(path, &status) == 0 ? status.st_mode & 0o777 : 0
}

func id(_ number: Int) -> TicketID {
    let bytes = (0..<16).map { UInt8(truncatingIfNeeded: number >> ($0 % 4 * 8)) }
    guard let id = TicketID(bytes) else { preconditionFailure("sixteen bytes are an id") }
    return id
}

func record(_ number: Int, version: Int64 = 1, expires: Int64 = 1000, seen: Int64 = 0) -> StoredRecord {
    StoredRecord(
        id: id(number), version: version, created: Timestamp(seconds: 0), expires: Timestamp(seconds: expires),
        seen: Timestamp(seconds: seen), sealed: [UInt8(truncatingIfNeeded: number), 0, 0xFF], label: [1, 2])
}

/// Runs the body in so many threads at once and waits for all.
func inParallel(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let threads = (0..<count).compactMap { number in spawn { body(number) } }
    for thread in threads { _ = pthread_join(thread, nil) }
}

/// What several threads found.
final class Collected: Sendable {
    private let found = Mutex<[[UInt8]]>([])

    var all: [[UInt8]] { found.withLock { $0 } }

    func add(_ bytes: [UInt8]) {
        found.withLock { $0.append(bytes) }
    }
}

/// Why the work failed, in words; `nil` when it did not.
func failure(_ work: () throws -> Void) -> String? {
    do {
        try work()
        return nil
    } catch {
        return "\(error)"
    }
}

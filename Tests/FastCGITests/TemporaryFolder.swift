import Glibc
import Testing

/// A folder that goes away with the test.
final class TemporaryFolder {
    let path: String

    init() throws {
        var template = Array("/tmp/postern-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { throw SystemFailure(code: errno) }
        path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        for entry in entries { unsafe unlink(path + "/" + entry) }
        unsafe rmdir(path)
    }

    /// The names in it.
    var entries: [String] {
        guard let folder = unsafe opendir(path) else { return [] }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) {
                unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// The permission bits of a file in it; nil when there is none.
    func mode(of name: String) -> mode_t? {
        var found = stat()
        return unsafe lstat(path + "/" + name, &found) == 0 ? found.st_mode & 0o7777 : nil
    }
}

struct SystemFailure: Error {
    let code: Int32
}

func pipeEnds() throws -> (reading: Int32, writing: Int32) {
    var ends: [Int32] = [0, 0]
    guard unsafe pipe(&ends) == 0 else { throw SystemFailure(code: errno) }
    return (ends[0], ends[1])
}

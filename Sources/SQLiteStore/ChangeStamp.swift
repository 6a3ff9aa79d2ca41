internal import Glibc
internal import Synchronization

/// Eight bytes in a file beside the database that are others after each change that processes must hear of: one
/// system call tells that there was none, where a look into the database takes a dozen.
///
/// The file is made by the first who reads it; where nobody does, nobody writes it.
final class ChangeStamp: Sendable {
    private let path: String
    private let file: Mutex<OpenFile?>

    init(database: String) {
        path = "\(database)-stamp"
        file = Mutex(nil)
    }

    /// The stamp now; `nil` when the file can be neither read nor made.
    func current() -> UInt64? {
        file.withLock { file in
            if file == nil { file = OpenFile(stampAt: path) }
            return file?.stamp
        }
    }

    /// Goes over to the file that has this path now, if it is another than the one that is read.
    func follow() {
        file.withLock { file in
            if let known = file, known.identity != FileIdentity(path: path) { file = OpenFile(stampAt: path) }
        }
    }

    /// Called after the change is committed: who reads the stamp of before may still believe what was before.
    func renew() {
        OpenFile(path: path, flags: O_WRONLY)?.restamp()
    }
}

/// The file while it is open.
private final class OpenFile: Sendable {
    private let descriptor: Int32
    let identity: FileIdentity?

    init?(path: String, flags: Int32) {
        descriptor = unsafe open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { return nil }
        identity = FileIdentity(descriptor: descriptor)
    }

    /// Makes the file when it is not there. Stamps it in any case: what was believed by an older one is not any more.
    convenience init?(stampAt path: String) {
        self.init(path: path, flags: O_RDWR | O_CREAT)
        restamp()
    }

    deinit {
        close(descriptor)
    }

    var stamp: UInt64? {
        var stamp: UInt64 = 0
        let count = unsafe withUnsafeMutableBytes(of: &stamp) {
            unsafe pread(descriptor, $0.baseAddress, $0.count, 0)
        }
        return count == MemoryLayout<UInt64>.size ? stamp : nil
    }

    /// Never the same twice, so that two who write at once leave something new whoever is last.
    func restamp() {
        let stamp = UInt64.random(in: .min ... .max)
        _ = unsafe withUnsafeBytes(of: stamp) { unsafe pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    }
}

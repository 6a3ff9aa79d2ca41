internal import CFastCGI
internal import Glibc

/// The file of a Unix socket that we made.
struct SocketFile: Sendable {
    let path: String
    private let device: UInt
    private let inode: UInt

    /// Makes a socket at `path` with mode 0660. It appears there finished: it is made beside it and moved, so nobody
    /// meets it with another mode or group, or before it listens. A socket that nobody answers on is replaced.
    static func listen(at path: String, group: String?) throws(ListenFailure) -> Listener {
        guard path.utf8.count <= 100 else { throw .pathTooLong(path) }
        try checkNobodyAnswers(at: path)
        let draft = path + ".new"
        unsafe unlink(draft)
        let descriptor = try socket(at: draft)
        do throws(ListenFailure) {
            try giveAway(draft, group: group)
            guard unsafe rename(draft, path) == 0 else {
                throw .system("cannot listen on \(path)", reason: systemError())
            }
        } catch {
            unsafe unlink(draft)
            close(descriptor)
            throw error
        }
        return Listener(descriptor: descriptor, file: SocketFile(at: path), isTCP: false)
    }

    private init?(at path: String) {
        var found = stat()
        guard unsafe lstat(path, &found) == 0 else { return nil }
        self.path = path
        device = UInt(found.st_dev)
        inode = UInt(found.st_ino)
    }

    /// Removes the file if it is still the one that we made.
    func remove() {
        guard let now = SocketFile(at: path), now.device == device, now.inode == inode else { return }
        unsafe unlink(path)
    }

    private static func checkNobodyAnswers(at path: String) throws(ListenFailure) {
        var found = stat()
        guard unsafe lstat(path, &found) == 0 else { return }
        guard found.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path) }
        let caller = Glibc.socket(AF_UNIX, streamType, 0)
        defer { close(caller) }
        // Only a refusal says that nobody is there; a full backlog says the opposite.
        guard unsafe !withAddress(of: path, { unsafe connect(caller, $0, $1) == 0 }), errno == ECONNREFUSED else {
            throw .alreadyRunning(path)
        }
    }

    private static func socket(at path: String) throws(ListenFailure) -> Int32 {
        let descriptor = Glibc.socket(AF_UNIX, streamType, 0)
        guard descriptor >= 0, unsafe withAddress(of: path, { unsafe bind(descriptor, $0, $1) == 0 }),
            unsafe chmod(path, 0o660) == 0, Glibc.listen(descriptor, 1024) == 0
        else {
            let reason = systemError()
            close(descriptor)
            throw .system("cannot make the socket \(path)", reason: reason)
        }
        return descriptor
    }

    private static func giveAway(_ path: String, group: String?) throws(ListenFailure) {
        guard let group else { return }
        guard let id = groupID(group) else { throw .unknownGroup(group) }
        guard unsafe chown(path, uid_t.max, id) == 0 else {
            throw .system("cannot give the socket to group \(group)", reason: systemError())
        }
    }

    private static func groupID(_ name: String) -> gid_t? {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 65536) { buffer in
            var entry = unsafe group()
            var found: UnsafeMutablePointer<group>?
            guard unsafe getgrnam_r(name, &entry, buffer.baseAddress, buffer.count, &found) == 0 else { return nil }
            return unsafe found?.pointee.gr_gid
        }
    }

    private static let streamType = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)

    private static func withAddress(
        of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Bool
    ) -> Bool {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        return unsafe withUnsafeBytes(of: &address) { bytes in
            guard let start = bytes.baseAddress else { return false }
            return unsafe body(start.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
    }
}

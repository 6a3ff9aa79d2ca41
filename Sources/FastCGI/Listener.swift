internal import Glibc
internal import Synchronization

/// Why nobody can connect, and what to do.
package struct ListenFailure: Error, Sendable, CustomStringConvertible {
    package let description: String
}

/// A listening socket of ours: not blocking, and unlinked with its owner if it is still the one that we made.
final class Listener: Sendable {
    let descriptor: Int32
    /// Whether peers of other machines are refused.
    let isLocal: Bool
    private let path: String?
    private let file: UInt64
    private let isOpen = Atomic(true)

    private init(descriptor: Int32, isLocal: Bool, path: String? = nil) {
        self.descriptor = descriptor
        self.isLocal = isLocal
        self.path = path
        file = path.flatMap(Self.fileNumber) ?? 0
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    /// The listener of an address. `group` may connect to a Unix socket beside its owner.
    static func open(_ address: ListenAddress, group: String?) throws(ListenFailure) -> [Listener] {
        switch address {
        case .unix(let path): [try unix(path, group: group)]
        case .tcp(let host, let port): [try tcp(host, port, isLocal: address.isLocal)]
        case .descriptor(let number): [try inherited(number)]
        case .systemd: try handedOver()
        }
    }

    /// Nobody connects any more.
    func stop() {
        guard isOpen.exchange(false, ordering: .relaxed) else { return }
        if let path, Self.fileNumber(path) == file { unsafe unlink(path) }
        close(descriptor)
    }

    private static func fileNumber(_ path: String) -> UInt64? {
        var status = stat()
        return unsafe lstat(path, &status) == 0 ? UInt64(status.st_ino) : nil
    }
}

// MARK: - Unix sockets

extension Listener {
    private static func unix(_ path: String, group: String?) throws(ListenFailure) -> Listener {
        try removeStale(path)
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw failure("unix:\(path)") }
        // Nobody may connect before mode and group are set, so the file is made without any permission.
        let mask = umask(0o177)
        let bound = unsafe withAddress(path) { unsafe bind(descriptor, $0, $1) }
        umask(mask)
        guard bound == 0 else {
            defer { close(descriptor) }
            throw failure("unix:\(path)", "; does its folder exist, and may this user write there?")
        }
        if let group { try setGroup(group, path) }
        guard unsafe chmod(path, 0o660) == 0, Glibc.listen(descriptor, 1024) == 0 else { throw failure("unix:\(path)") }
        return Listener(descriptor: descriptor, isLocal: true, path: path)
    }

    /// A socket that nobody listens on is removed; one that somebody does is theirs.
    private static func removeStale(_ path: String) throws(ListenFailure) {
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw ListenFailure(description: "unix:\(path): there is a file that is no socket; remove it, or listen elsewhere")
        }
        let probe = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(probe) }
        guard unsafe withAddress(path, { unsafe connect(probe, $0, $1) }) != 0 else {
            throw ListenFailure(description: "unix:\(path): another process listens there; is Postern running already?")
        }
        guard errno == ECONNREFUSED else { throw failure("unix:\(path)") }
        unsafe unlink(path)
    }

    private static func setGroup(_ name: String, _ path: String) throws(ListenFailure) {
        guard let entry = unsafe getgrnam(name) else {
            throw ListenFailure(description: "listen_group: there is no group \(name)")
        }
        guard unsafe chown(path, uid_t.max, entry.pointee.gr_gid) == 0 else {
            throw failure("listen_group: \(name)", "; this user must be a member of it")
        }
    }

    private static func withAddress(
        _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8.prefix(107)) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        return unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, size) }
        }
    }
}

// MARK: - TCP and inherited sockets

extension Listener {
    private static func tcp(_ host: String, _ port: UInt16, isLocal: Bool) throws(ListenFailure) -> Listener {
        var hints = unsafe addrinfo()
        unsafe hints.ai_flags = AI_NUMERICHOST | AI_PASSIVE
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        let name = "tcp:\(host):\(port)"
        guard unsafe getaddrinfo(host, "\(port)", &hints, &found) == 0, let address = unsafe found?.pointee else {
            throw ListenFailure(description: "\(name): not an address")
        }
        defer { unsafe freeaddrinfo(found) }
        let descriptor = unsafe socket(address.ai_family, address.ai_socktype, address.ai_protocol)
        guard descriptor >= 0 else { throw failure(name) }
        var yes: Int32 = 1
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout<Int32>.size))
        guard unsafe bind(descriptor, address.ai_addr, address.ai_addrlen) == 0, Glibc.listen(descriptor, 1024) == 0 else {
            defer { close(descriptor) }
            throw failure(name)
        }
        return Listener(descriptor: descriptor, isLocal: isLocal)
    }

    private static func inherited(_ descriptor: Int32) throws(ListenFailure) -> Listener {
        var isListening: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        let code = unsafe getsockopt(descriptor, SOL_SOCKET, SO_ACCEPTCONN, &isListening, &size)
        guard code == 0, isListening == 1 else {
            throw ListenFailure(
                description: "fd:\(descriptor): no listening socket was handed over; is Postern started by a web server?")
        }
        return Listener(descriptor: descriptor, isLocal: true)
    }

    /// sd_listen_fds(3): the sockets follow the standard descriptors.
    private static func handedOver() throws(ListenFailure) -> [Listener] {
        let number = { (name: String) in unsafe getenv(name).flatMap { unsafe Int32(String(cString: $0)) } }
        guard number("LISTEN_PID") == getpid(), let count = number("LISTEN_FDS"), (1...16).contains(count) else {
            throw ListenFailure(description: "systemd: no socket was handed over; is there a postern.socket unit?")
        }
        for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsafe unsetenv(name) }
        return try (3..<(3 + count)).map { number throws(ListenFailure) in try inherited(number) }
    }

    private static func failure(_ what: String, _ remedy: String = "") -> ListenFailure {
        unsafe ListenFailure(description: "\(what): \(String(cString: strerror(errno)))\(remedy)")
    }
}

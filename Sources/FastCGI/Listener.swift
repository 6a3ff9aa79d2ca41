internal import CFastCGI
internal import Glibc
internal import Web

/// A listening socket.
struct Listener: Sendable {
    let descriptor: Int32
    /// The path of a Unix socket that we made, and which file it was then.
    let file: SocketFile?
    let isTCP: Bool

    /// Opens what the address names: one socket, or as many as systemd gave.
    static func open(
        _ address: ListenAddress, group: String?, insecure: Bool
    ) throws(ListenFailure) -> [Listener] {
        switch address {
        case .unix(let path): [try SocketFile.listen(at: path, group: group)]
        case .tcp(let host, let port): [try tcp(host, port, address, insecure: insecure)]
        case .descriptor(let number): [try Listener(adopting: number, address)]
        case .systemd: try systemd()
        }
    }

    init(descriptor: Int32, file: SocketFile?, isTCP: Bool) {
        self.descriptor = descriptor
        self.file = file
        self.isTCP = isTCP
    }

    /// Takes over a socket that somebody else made listen.
    private init(adopting descriptor: Int32, _ address: ListenAddress) throws(ListenFailure) {
        guard option(descriptor, SOL_SOCKET, SO_ACCEPTCONN) == 1 else { throw .notListening("\(address)") }
        // Several threads accept from it: one that comes too late must not wait.
        guard fcgi_prepare_listener(descriptor) == 0 else { throw .system("\(address)", reason: systemError()) }
        self.init(
            descriptor: descriptor, file: nil, isTCP: option(descriptor, SOL_SOCKET, SO_DOMAIN) != AF_UNIX)
    }

    /// The sockets from number 3 on (sd_listen_fds(3)). The variables are for us alone, not for what we start.
    private static func systemd() throws(ListenFailure) -> [Listener] {
        defer {
            for name in ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"] { unsafe unsetenv(name) }
        }
        guard environment("LISTEN_PID").flatMap({ Int32($0) }) == getpid(),
            let count = environment("LISTEN_FDS").flatMap({ Int32($0) }), (1...64).contains(count)
        else { throw .noSystemdSockets }
        var listeners: [Listener] = []
        for number in 3..<3 + count { listeners.append(try Listener(adopting: number, .descriptor(number))) }
        return listeners
    }

    private static func environment(_ name: String) -> String? {
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }
}

extension Listener {
    /// Takes a connection; -1 and errno when there is none. `isNear`: whether it comes from this machine.
    func accept() -> (connection: Int32, isNear: Bool) {
        var peer = sockaddr_storage()
        let connection = unsafe fcgi_accept(descriptor, &peer)
        guard connection >= 0, isTCP else { return (connection, true) }
        let bytes = unsafe withUnsafeBytes(of: &peer) { unsafe Array($0.prefix(24)) }
        // The address comes after family and port, and in version 6 after the flow label.
        let place = Int32(peer.ss_family) == AF_INET ? 4..<8 : 8..<24
        let address = IPAddress(bytes: bytes[place])
        return (connection, address?.isLoopback ?? false)
    }
}

extension Listener {
    private static func tcp(
        _ host: String, _ port: UInt16, _ address: ListenAddress, insecure: Bool
    ) throws(ListenFailure) -> Listener {
        guard let ip = IPAddress(host.utf8) else { throw .malformed("\(address)") }
        guard insecure || ip.isLoopback else { throw .notLoopback("\(address)") }
        let family = ip.isVersion4 ? AF_INET : AF_INET6
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard descriptor >= 0 else { throw .system("\(address)", reason: systemError()) }
        setOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1)
        // Connections inherit it: the end of an answer shall not wait for an acknowledgement.
        setOption(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, 1)
        guard bind(descriptor, ip, port), Glibc.listen(descriptor, 1024) == 0 else {
            let reason = systemError()
            close(descriptor)
            throw .system("cannot listen on \(address)", reason: reason)
        }
        return Listener(descriptor: descriptor, file: nil, isTCP: true)
    }

    private static func bind(_ descriptor: Int32, _ ip: IPAddress, _ port: UInt16) -> Bool {
        if ip.isVersion4 {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = UInt32(truncatingIfNeeded: ip.bits).bigEndian
            return unsafe withUnsafeBytes(of: &address) { unsafe bind(descriptor, $0) }
        }
        setOption(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, 1)
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        let bits = ip.bits.bigEndian
        unsafe withUnsafeMutableBytes(of: &address.sin6_addr) { target in
            unsafe withUnsafeBytes(of: bits) { unsafe target.copyMemory(from: $0) }
        }
        return unsafe withUnsafeBytes(of: &address) { unsafe bind(descriptor, $0) }
    }

    private static func bind(_ descriptor: Int32, _ address: UnsafeRawBufferPointer) -> Bool {
        guard let start = address.baseAddress else { return false }
        return unsafe Glibc.bind(
            descriptor, start.assumingMemoryBound(to: sockaddr.self), socklen_t(address.count)) == 0
    }
}

extension IPAddress {
    /// 127.0.0.0/8 and ::1.
    var isLoopback: Bool {
        isVersion4 ? UInt32(truncatingIfNeeded: bits) >> 24 == 127 : bits == 1
    }
}

internal import Glibc
internal import Values
internal import Web

/// Where the web server reaches us.
package enum ListenAddress: Sendable, Equatable {
    /// `unix:/run/postern/postern.sock`
    case unix(path: String)
    /// `tcp:127.0.0.1:9000`, `tcp:[::1]:9000`
    case tcp(host: String, port: UInt16)
    /// `fd:0`: a listening socket that whoever started us left open (mod_fcgid, spawn-fcgi).
    case descriptor(Int32)
    /// `systemd`: the sockets of socket activation.
    case systemd

    /// The socket that whoever started us left open as our standard input, if it is one that listens.
    package static var handedOver: ListenAddress? {
        option(0, SOL_SOCKET, SO_ACCEPTCONN) == 1 ? .descriptor(0) : nil
    }

    /// Reads one of the forms above.
    package init(_ text: String) throws(ListenFailure) {
        let parts = text.utf8.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
        let rest = parts.count == 2 ? Array(parts[1]) : []
        let address: ListenAddress? =
            switch parts.first {
            case .some(let kind) where kind.elementsEqual("unix".utf8): Self.unix(rest)
            case .some(let kind) where kind.elementsEqual("tcp".utf8): Self.tcp(rest)
            case .some(let kind) where kind.elementsEqual("fd".utf8): Self.descriptor(rest)
            default: text == "systemd" ? .systemd : nil
            }
        guard let address else { throw .malformed(text) }
        self = address
    }

    private static func unix(_ path: [UInt8]) -> ListenAddress? {
        guard path.first == UInt8(ascii: "/"), !path.contains(0),
            let path = String(validating: path, as: UTF8.self)
        else { return nil }
        return .unix(path: path)
    }

    private static func tcp(_ text: [UInt8]) -> ListenAddress? {
        guard let colon = text.lastIndex(of: UInt8(ascii: ":")), let port = text[(colon + 1)...].decimal,
            let port = UInt16(exactly: port)
        else { return nil }
        var host = text[..<colon]
        if host.first == UInt8(ascii: "["), host.last == UInt8(ascii: "]"), host.count > 2 {
            host = host.dropFirst().dropLast()
        }
        guard IPAddress(host) != nil else { return nil }
        return .tcp(host: String(decoding: host, as: UTF8.self), port: port)
    }

    private static func descriptor(_ text: [UInt8]) -> ListenAddress? {
        text.decimal.flatMap(Int32.init(exactly:)).map { .descriptor($0) }
    }
}

extension ListenAddress: CustomStringConvertible {
    package var description: String {
        switch self {
        case .unix(let path): "unix:\(path)"
        case .tcp(let host, let port):
            host.utf8.contains(UInt8(ascii: ":")) ? "tcp:[\(host)]:\(port)" : "tcp:\(host):\(port)"
        case .descriptor(let number): "fd:\(number)"
        case .systemd: "systemd"
        }
    }
}

/// Why we cannot listen.
package enum ListenFailure: Error, Equatable, CustomStringConvertible {
    case malformed(String)
    case pathTooLong(String)
    case notASocket(String)
    case alreadyRunning(String)
    case unknownGroup(String)
    case notLoopback(String)
    case notListening(String)
    case noSystemdSockets
    case system(String, reason: String)

    package var description: String {
        switch self {
        case .malformed(let text):
            "'\(text)' is no address to listen on: unix:/PATH, tcp:ADDRESS:PORT, fd:0 or systemd"
        case .pathTooLong(let path): "the path of the socket is too long (at most 100 bytes): \(path)"
        case .notASocket(let path): "\(path) exists and is not a socket"
        case .alreadyRunning(let address): "already running: somebody answers on \(address)"
        case .unknownGroup(let name): "there is no group '\(name)'"
        case .notLoopback(let address):
            "\(address) can be reached from other machines, and FastCGI has no protection of its own"
        case .notListening(let address): "\(address) is not a listening socket"
        case .noSystemdSockets: "systemd gave no sockets (LISTEN_PID, LISTEN_FDS)"
        case .system(let what, let reason): "\(what): \(reason)"
        }
    }
}

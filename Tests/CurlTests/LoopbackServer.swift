import Glibc
import Synchronization
import Threads

@testable import Curl

/// A server of plain sockets on a port of its own, with a thread for each connection, that answers as a test says.
final class LoopbackServer: Sendable {
    let port: UInt16
    private let listener: Int32
    private let journal = Journal()

    /// `answer` is called for each request until it returns false; the connection is closed then.
    init(_ answer: @escaping @Sendable (Connection) -> Bool) {
        (listener, port) = listen()
        detach { [listener, journal] in
            while true {
                let connection = Connection(descriptor: accept(listener, nil, nil))
                guard connection.descriptor >= 0 else {
                    close(listener)
                    return
                }
                journal.open(connection)
                detach {
                    while let request = connection.receive() {
                        journal.note(request)
                        guard answer(connection) else { break }
                    }
                    journal.close(connection)
                }
            }
        }
    }

    deinit {
        // Its thread closes the socket: closed here, that thread might accept on another that got the same number.
        shutdown(listener, Int32(SHUT_RDWR))
        journal.breakConnections()
    }

    /// A server that gives the same answer always.
    convenience init(answer: String) {
        self.init { connection in
            connection.send(answer)
            return true
        }
    }

    var connectionCount: Int { journal.count }
    var requests: [String] { journal.requests }
}

/// What a server saw. The thread of a connection closes it, nobody else: its number may be another's afterwards.
private final class Journal: Sendable {
    private let entries = Mutex((count: 0, open: [Int32](), requests: [String]()))

    var count: Int { entries.withLock { $0.count } }
    var requests: [String] { entries.withLock { $0.requests } }

    func note(_ request: String) {
        entries.withLock { $0.requests.append(request) }
    }

    func open(_ connection: Connection) {
        entries.withLock { entries in
            entries.count += 1
            entries.open.append(connection.descriptor)
        }
    }

    func close(_ connection: Connection) {
        entries.withLock { $0.open.removeAll { $0 == connection.descriptor } }
        // A child process of another test may have inherited the descriptor: closing alone would not end it.
        shutdown(connection.descriptor, Int32(SHUT_RDWR))
        Glibc.close(connection.descriptor)
    }

    func breakConnections() {
        entries.withLock { for connection in $0.open { shutdown(connection, Int32(SHUT_RDWR)) } }
    }
}

/// One accepted connection.
struct Connection: Sendable {
    let descriptor: Int32

    /// Head and body of the next request; `nil` when there is none.
    func receive() -> String? {
        var bytes: [UInt8] = []
        var byte: UInt8 = 0
        while !bytes.suffix(4).elementsEqual("\r\n\r\n".utf8) {
            guard unsafe read(descriptor, &byte, 1) == 1 else { return nil }
            bytes.append(byte)
        }
        let head = String(decoding: bytes, as: UTF8.self)
        let length = head.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length: ") }
        for _ in 0..<(length.flatMap { Int($0.dropFirst(16)) } ?? 0) {
            guard unsafe read(descriptor, &byte, 1) == 1 else { return nil }
            bytes.append(byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    /// Whether the peer still takes it.
    @discardableResult func send(_ text: String) -> Bool {
        var rest = Array(text.utf8)[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}

/// A listening socket on a free port of 127.0.0.1.
private func listen() -> (Int32, UInt16) {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    unsafe withUnsafeMutablePointer(to: &address) { pointer in
        unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
            _ = unsafe bind(listener, address, size)
            _ = Glibc.listen(listener, 512)
            _ = unsafe getsockname(listener, address, &size)
        }
    }
    return (listener, UInt16(bigEndian: address.sin_port))
}

/// A port on which nobody listens.
func closedPort() -> UInt16 {
    let (listener, port) = listen()
    close(listener)
    return port
}

/// Runs the body in a thread that nobody waits for.
private func detach(_ body: @escaping @Sendable () -> Void) {
    if let thread = spawn(body) { pthread_detach(thread) }
}

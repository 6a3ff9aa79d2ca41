import Glibc

/// A web server's side of one connection, with all freedom to misbehave.
final class Client {
    private let descriptor: Int32

    init(path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
        let code = unsafe withUnsafeBytes(of: &address) { bytes in
            unsafe connect(
                descriptor, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
        }
        guard code == 0 else {
            close(descriptor)
            throw SystemFailure(code: errno)
        }
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit {
        close(descriptor)
    }

    /// Whether all bytes could be sent.
    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes {
                unsafe Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }

    func stopSending() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// The answer to one request; nil when the connection ended before the answer did.
    func receive() -> String? {
        var output: [UInt8] = []
        while let header = read(8) {
            guard let content = read(Int(header[4]) << 8 | Int(header[5])), read(Int(header[6])) != nil else {
                return nil
            }
            if header[1] == 6 { output += content }
            if header[1] == 3 { return String(decoding: output, as: UTF8.self) }
        }
        return nil
    }

    /// Whether the other side has closed, or closes within the patience of this client.
    var isClosed: Bool {
        var byte: UInt8 = 0
        let count = unsafe recv(descriptor, &byte, 1, 0)
        return count == 0 || (count < 0 && errno == ECONNRESET)
    }

    private func read(_ count: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var piece = [UInt8](repeating: 0, count: count - bytes.count)
            let received = unsafe recv(descriptor, &piece, piece.count, 0)
            guard received > 0 else { return nil }
            bytes += piece.prefix(received)
        }
        return bytes
    }
}

internal import Values
internal import Web

/// Where requests come from.
package enum ListenAddress: Sendable, Equatable {
    case unix(path: String)
    /// A numeric address.
    case tcp(host: String, port: UInt16)
    /// A listening socket that was handed to us at start (mod_fcgid and spawn-fcgi use 0).
    case descriptor(Int32)
    /// The sockets that systemd hands over (`LISTEN_FDS`).
    case systemd

    /// `unix:PATH`, `tcp:HOST:PORT`, `tcp:[HOST]:PORT`, `fd:NUMBER` or `systemd`; `nil` for anything else.
    package init?(_ text: String) {
        if text == "systemd" {
            self = .systemd
        } else if let path = text.dropping("unix:"), path.utf8.first == UInt8(ascii: "/"), path.utf8.count < 108 {
            self = .unix(path: path)
        } else if let number = text.dropping("fd:")?.utf8.decimal, number < 1024 {
            self = .descriptor(Int32(number))
        } else if let address = text.dropping("tcp:"), let colon = address.utf8.lastIndex(of: UInt8(ascii: ":")) {
            let port = address.utf8[address.utf8.index(after: colon)...].decimal
            var host = String(address[..<colon])
            if host.utf8.first == UInt8(ascii: "["), host.utf8.last == UInt8(ascii: "]") {
                host = String(host.dropFirst().dropLast())
            }
            guard let port, (1...65535).contains(port), IPAddress(host.utf8) != nil else { return nil }
            self = .tcp(host: host, port: UInt16(port))
        } else {
            return nil
        }
    }

    /// Whether only this machine can connect.
    package var isLocal: Bool {
        guard case .tcp(let host, _) = self else { return true }
        return host == "::1" || host.utf8.starts(with: "127.".utf8)
    }
}

extension String {
    fileprivate func dropping(_ prefix: String) -> String? {
        utf8.starts(with: prefix.utf8) ? String(decoding: utf8.dropFirst(prefix.utf8.count), as: UTF8.self) : nil
    }
}

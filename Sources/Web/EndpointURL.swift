internal import Values

/// An absolute URL of a provider, checked by bytes: `https` (or `http` where that is allowed), a host of plain
/// characters, an optional port, a path and perhaps a query; no user, no fragment, nothing outside printable ASCII,
/// and no link-local address, where clouds keep their credentials.
package struct EndpointURL: Sendable, Hashable {
    package let text: String
    /// `https://host[:port]`, lower case, without the scheme's own port.
    package let origin: String
    package let host: String
    /// From the first `/` on; empty when the URL ends with its origin.
    package let pathAndQuery: String

    /// `nil` when the text is not such a URL.
    package init?(_ text: String, allowsHTTP: Bool = false) {
        let bytes = Array(text.utf8)
        guard bytes.count <= 2048, bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        guard !bytes.contains(where: { Self.forbidden.contains($0) }) else { return nil }
        let scheme: String
        if bytes.starts(with: "https://".utf8) {
            scheme = "https"
        } else if allowsHTTP, bytes.starts(with: "http://".utf8) {
            scheme = "http"
        } else {
            return nil
        }
        let rest = bytes.dropFirst(scheme.utf8.count + 3)
        let authority = rest.prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
        guard let (host, port) = Self.split(authority), !Self.isOffLimits(host) else { return nil }
        let isOwnPort = port == nil || port == (scheme == "https" ? 443 : 80)
        self.text = text
        self.host = host
        origin = "\(scheme)://\(host)" + (isOwnPort ? "" : ":\(port ?? 0)")
        pathAndQuery = String(decoding: rest.dropFirst(authority.count), as: UTF8.self)
    }

    package var isHTTPS: Bool { origin.utf8.starts(with: "https:".utf8) }

    private static let forbidden = Array("\\\"<>^`{|}#".utf8)

    private static func split(_ authority: ArraySlice<UInt8>) -> (String, Int64?)? {
        var host = authority
        var port: Int64?
        let colon = UInt8(ascii: ":")
        if authority.first == UInt8(ascii: "[") {
            guard let end = authority.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            host = authority[...end]
            let address = host.dropFirst().dropLast()
            guard address.contains(colon), IPAddress(address) != nil else { return nil }
        } else {
            host = authority.prefix { $0 != colon }
            guard host.allSatisfy(isHostCharacter) else { return nil }
        }
        let rest = authority.dropFirst(host.count)
        if !rest.isEmpty {
            guard rest.first == colon, let number = rest.dropFirst().decimal, (1...65535).contains(number) else {
                return nil
            }
            port = number
        }
        guard !host.isEmpty else { return nil }
        return (String(decoding: host.map(\.asciiLowercased), as: UTF8.self), port)
    }

    private static func isHostCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
        default: false
        }
    }

    /// Only what can be seen in the text: the address that a name stands for is checked when connecting.
    private static func isOffLimits(_ host: String) -> Bool {
        let bare = host.utf8.drop { $0 == UInt8(ascii: "[") }.prefix { $0 != UInt8(ascii: "]") }
        let name = bare.last == UInt8(ascii: ".") ? bare.dropLast() : bare
        return IPAddress(name)?.isOffLimits ?? name.elementsEqual("metadata.google.internal".utf8)
    }
}

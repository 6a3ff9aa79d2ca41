internal import Values

/// Hosts that a rule is about: `app.example.com` is that host, `*.example.com` all below it but not itself.
package struct HostPattern: Sendable, Hashable {
    /// Lower case; begins with a dot when it stands for all below.
    private let name: [UInt8]

    /// `nil` when the text is no such pattern. Case of ASCII letters does not count.
    package init?(_ text: some Collection<UInt8>) {
        let text = text.map(\.asciiLowercased)
        let isWide = text.starts(with: "*.".utf8)
        let host = text.dropFirst(isWide ? 2 : 0)
        guard Self.isName(host) else { return nil }
        name = isWide ? [UInt8(ascii: ".")] + host : Array(host)
    }

    package func matches(_ host: ArraySlice<UInt8>) -> Bool {
        guard name.first == UInt8(ascii: ".") else { return host == name[...] }
        return host.count > name.count && host.suffix(name.count) == name[...] && host.first != UInt8(ascii: ".")
    }

    private static func isName(_ host: ArraySlice<UInt8>) -> Bool {
        host.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
            !label.isEmpty && label.allSatisfy(isLabelByte)
        }
    }

    private static func isLabelByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }
}

/// Paths that a rule is about: `/health` is that one path, a slash at its end or not; `/admin/*` is `/admin`,
/// `/admin/` and all below; `/*` is every path. A star stands nowhere else.
package struct PathPattern: Sendable, Hashable {
    /// Without a slash at the end: empty for the root.
    private let stem: [UInt8]
    private let isWide: Bool

    /// `nil` when the text is no such pattern, or no path could ever match it: paths are matched decoded and
    /// resolved, so a pattern holds no `//`, `.`, `..`, escape, query or parameter.
    package init?(_ text: some Collection<UInt8>) {
        let text = Array(text)
        guard text.first == UInt8(ascii: "/"), !text.contains(where: { Self.forbidden.contains($0) }) else {
            return nil
        }
        isWide = text.suffix(2).elementsEqual("/*".utf8)
        let path = text.dropLast(isWide ? 2 : text.last == UInt8(ascii: "/") ? 1 : 0)
        stem = Array(path)
        let segments = path.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        let isPlain = segments.allSatisfy { segment in
            !segment.isEmpty && !segment.isEqual(to: ".") && !segment.isEqual(to: "..")
                && !segment.contains(where: { $0 == UInt8(ascii: "*") || $0.isASCIIControl })
        }
        guard path.isEmpty || isPlain else { return nil }
    }

    /// Whether one reading of a path is among them.
    package func matches(_ path: ArraySlice<UInt8>) -> Bool {
        guard path.starts(with: stem) else { return false }
        let rest = path.dropFirst(stem.count)
        return rest.isEmpty || rest.first == UInt8(ascii: "/") && (isWide || rest.count == 1)
    }

    private static let forbidden = Array("%?#;\\".utf8)
}

internal import Values

/// An address to return to after signing in or out, already checked: only one of these can become a `Location`
/// of ours that a request asked for.
package struct ReturnURL: Sendable, Hashable {
    /// `/path?query`, or `https://host[:port]` followed by nothing or such a path.
    package let text: String

    package static let home = ReturnURL(checked: "/")

    /// `nil` for every address that a browser could take for another origin than those allowed (WHATWG URL reads
    /// `\` as `/` and drops tabs and line ends), longer than 2000 bytes, or with a fragment.
    package init?(_ bytes: some Collection<UInt8>, allowed: ReturnTargets) {
        guard bytes.count <= 2000, bytes.allSatisfy(Self.isPlain) else { return nil }
        let bytes = Array(bytes)
        if bytes.first == UInt8(ascii: "/") {
            guard Self.isPath(bytes[...]) else { return nil }
        } else {
            guard let path = allowed.path(of: bytes), path.isEmpty || Self.isPath(path) else { return nil }
        }
        self.init(checked: String(decoding: bytes, as: UTF8.self))
    }

    private init(checked text: String) {
        self.text = text
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "\\") && byte != UInt8(ascii: "#")
    }

    /// Whether it stays a path of the same host also when somebody decodes it once more or resolves its dots.
    private static func isPath(_ pathAndQuery: ArraySlice<UInt8>) -> Bool {
        guard let path = PercentEncoding.decode(pathAndQuery.prefix { $0 != UInt8(ascii: "?") }) else { return false }
        guard path.first == UInt8(ascii: "/"), path.dropFirst().first != UInt8(ascii: "/") else { return false }
        guard !path.contains(where: { $0.isASCIIControl || $0 == UInt8(ascii: "\\") }) else { return false }
        return !path.split(separator: UInt8(ascii: "/")).contains { $0.isEqual(to: ".") || $0.isEqual(to: "..") }
    }
}

/// The origins that a return URL may name.
package struct ReturnTargets: Sendable {
    private let scheme: [UInt8]
    /// Whole authorities (`host`, `host:port`), lower case.
    private let authorities: Set<[UInt8]>
    /// Ends of authorities (`.example.com`, `.example.com:443`), lower case.
    private let endings: [[UInt8]]

    /// The origin of `publicURL`, and `hosts`: `app2.example.com` is that host, `.example.com` any host below it.
    /// The scheme is always that of `publicURL`; the port its own, or for `hosts` also the scheme's.
    package init(publicURL: EndpointURL, hosts: [String]) {
        let scheme = publicURL.isHTTPS ? "https://" : "http://"
        let port = String(publicURL.origin.dropFirst(scheme.count + publicURL.host.count))
        let schemePorts = ["", publicURL.isHTTPS ? ":443" : ":80"]
        let others = hosts.filter { !$0.isEmpty && $0 != "." }.flatMap { host in
            (schemePorts + [port]).map { (host + $0).utf8.map(\.asciiLowercased) }
        }
        let own = (port.isEmpty ? schemePorts : [port]).map { Array((publicURL.host + $0).utf8) }
        self.scheme = Array(scheme.utf8)
        authorities = Set(own + others.filter { $0.first != UInt8(ascii: ".") })
        endings = others.filter { $0.first == UInt8(ascii: ".") }
    }

    /// What follows the authority of an absolute URL; `nil` when that is none of ours.
    fileprivate func path(of url: [UInt8]) -> ArraySlice<UInt8>? {
        guard url.starts(with: scheme) else { return nil }
        let rest = url.dropFirst(scheme.count)
        let authority = rest.prefix { $0 != UInt8(ascii: "/") }
        return allows(authority.map(\.asciiLowercased)) ? rest.dropFirst(authority.count) : nil
    }

    private func allows(_ authority: [UInt8]) -> Bool {
        authorities.contains(authority)
            || endings.contains { authority.suffix($0.count) == $0[...] && Self.isHost(authority.dropLast($0.count)) }
    }

    /// Labels of letters, digits and hyphens, none of them empty.
    private static func isHost(_ name: ArraySlice<UInt8>) -> Bool {
        name.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
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

extension ReturnURL {
    /// The host that it names, lower case; `nil` when it names none.
    package var host: [UInt8]? {
        guard text.utf8.first != UInt8(ascii: "/"), let authority = authority else { return nil }
        return authority.prefix { $0 != UInt8(ascii: ":") }.map(\.asciiLowercased)
    }

    /// The path and what follows it, `/` when there is none.
    package var pathAndQuery: ArraySlice<UInt8> {
        let bytes = Array(text.utf8)
        guard bytes.first != UInt8(ascii: "/") else { return bytes[...] }
        let rest = bytes.drop { $0 != UInt8(ascii: "/") }.dropFirst(2).drop { $0 != UInt8(ascii: "/") }
        return rest.isEmpty ? [UInt8(ascii: "/")] : rest
    }

    private var authority: ArraySlice<UInt8>? {
        let rest = Array(text.utf8).drop { $0 != UInt8(ascii: "/") }.dropFirst(2)
        return rest.prefix { $0 != UInt8(ascii: "/") }
    }
}

/// Where a browser goes from `https://app.test/` when told this, as far as origins matter: the URL parser of WHATWG
/// with its leniency (spaces around, tabs and line ends anywhere, `\` for `/`, missing slashes), not ours.
/// `nil` when it goes to no host at all.
func browserOrigin(_ text: [UInt8]) -> String? {
    let trimmed = trim(text).filter { $0 != 0x09 && $0 != 0x0A && $0 != 0x0D }
    var rest = trimmed[...]
    var scheme = "https"
    if let colon = rest.firstIndex(of: UInt8(ascii: ":")), isScheme(rest[..<colon]) {
        scheme = String(decoding: rest[..<colon], as: UTF8.self).lowercased()
        guard ["https", "http", "ws", "wss", "ftp"].contains(scheme) else { return nil }
        rest = rest[(colon + 1)...]
        // A special scheme equal to the base's may lack its slashes and is relative then.
        if scheme == "https", !isSlash(rest.first) || !isSlash(rest.dropFirst().first) { return relative(rest) }
    } else {
        return relative(rest)
    }
    return scheme + "://" + authority(rest.drop { isSlash($0) })
}

private func relative(_ rest: ArraySlice<UInt8>) -> String {
    guard isSlash(rest.first), isSlash(rest.dropFirst().first) else { return "https://app.test" }
    return "https://" + authority(rest.drop { isSlash($0) })
}

private func authority(_ rest: ArraySlice<UInt8>) -> String {
    let whole = rest.prefix { !isSlash($0) && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
    let afterUser = whole.lastIndex(of: UInt8(ascii: "@")).map { whole[($0 + 1)...] } ?? whole
    let host = String(decoding: afterUser, as: UTF8.self).lowercased()
    return host.hasSuffix(":443") ? String(host.dropLast(4)) : host
}

private func trim(_ text: [UInt8]) -> ArraySlice<UInt8> {
    let start = text.drop { $0 <= 0x20 }
    return start.prefix((start.lastIndex { $0 > 0x20 } ?? start.startIndex - 1) - start.startIndex + 1)
}

private func isSlash(_ byte: UInt8?) -> Bool { byte == UInt8(ascii: "/") || byte == UInt8(ascii: "\\") }

private func isScheme(_ text: ArraySlice<UInt8>) -> Bool {
    guard let first = text.first, (0x41...0x5A).contains(first & 0xDF) else { return false }
    return text.allSatisfy {
        (0x41...0x5A).contains($0 & 0xDF) || (0x30...0x39).contains($0) || "+-.".utf8.contains($0)
    }
}

internal import Values

/// The value of a `Cookie` field (RFC 6265, section 4.2.1), read by its exact bytes.
///
/// Nothing is trimmed but the one space after `;`, no quotes are taken off, no `$Version` is understood and no case
/// is folded: a decorated name is another cookie's name.
package struct CookieString: Sendable {
    private let bytes: ArraySlice<UInt8>

    package init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
    }

    /// The values of all cookies of this name, in their order.
    package func values(named name: [UInt8]) -> [ArraySlice<UInt8>] {
        var values: [ArraySlice<UInt8>] = []
        eachValue(named: name) { values.append($0) }
        return values
    }

    /// Gives the values of all cookies of this name, in their order.
    package func eachValue(named name: [UInt8], _ body: (ArraySlice<UInt8>) -> Void) {
        eachPair { pair in
            guard begins(pair, with: name, isWhole: true) else { return }
            body(bytes[(pair.lowerBound + name.count + 1)..<pair.upperBound])
        }
    }

    /// The names of all cookies that begin with these bytes, in their order.
    package func names(prefixed prefix: [UInt8]) -> [ArraySlice<UInt8>] {
        var names: [ArraySlice<UInt8>] = []
        eachPair { pair in
            guard begins(pair, with: prefix, isWhole: false) else { return }
            let name = bytes[pair].prefix { $0 != UInt8(ascii: "=") }
            if name.endIndex < pair.upperBound { names.append(name) }
        }
        return names
    }

    /// Gives the place of each pair.
    private func eachPair(_ body: (Range<Int>) -> Void) {
        let text = bytes.span
        let offset = bytes.startIndex
        var start = 0
        while start < text.count {
            let end = text.firstIndex(of: UInt8(ascii: ";"), from: start) ?? text.count
            body(offset + start..<offset + end)
            start = end + 1
            if start < text.count, text[start] == 0x20 { start += 1 }
        }
    }

    /// Whether a pair begins with this name, and the name ends there.
    private func begins(_ pair: Range<Int>, with name: [UInt8], isWhole: Bool) -> Bool {
        guard pair.count >= name.count + (isWhole ? 1 : 0) else { return false }
        let end = pair.lowerBound + name.count
        let head = bytes.span.extracting(pair.lowerBound - bytes.startIndex..<end - bytes.startIndex)
        return head.isSame(as: name.span) && (!isWhole || bytes[end] == UInt8(ascii: "="))
    }
}

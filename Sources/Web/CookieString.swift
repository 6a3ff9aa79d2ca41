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
        eachPair { pair, isNamed in
            if isNamed(name, true) { body(bytes[(pair.lowerBound + name.count + 1)..<pair.upperBound]) }
        }
    }

    /// The names of all cookies that begin with these bytes, in their order.
    package func names(prefixed prefix: [UInt8]) -> [ArraySlice<UInt8>] {
        var names: [ArraySlice<UInt8>] = []
        eachPair { pair, isNamed in
            guard isNamed(prefix, false) else { return }
            let name = bytes[pair].prefix { $0 != UInt8(ascii: "=") }
            if name.endIndex < pair.upperBound { names.append(name) }
        }
        return names
    }

    /// Gives the place of each pair, and a question: does it begin with this name (and does the name end there)?
    private func eachPair(_ body: (Range<Int>, (_ name: [UInt8], _ isWhole: Bool) -> Bool) -> Void) {
        let text = bytes.span
        var start = 0
        while start < text.count {
            var end = start
            while end < text.count, text[end] != UInt8(ascii: ";") { end += 1 }
            let pair = (bytes.startIndex + start)..<(bytes.startIndex + end)
            body(pair) { name, isWhole in begins(pair, with: name, isWhole: isWhole) }
            start = end + 1
            if start < text.count, text[start] == 0x20 { start += 1 }
        }
    }

    private func begins(_ pair: Range<Int>, with name: [UInt8], isWhole: Bool) -> Bool {
        let rest = pair.count - name.count
        guard rest >= (isWhole ? 1 : 0) else { return false }
        for index in name.indices where bytes[pair.lowerBound + index] != name[index] { return false }
        return !isWhole || bytes[pair.lowerBound + name.count] == UInt8(ascii: "=")
    }
}

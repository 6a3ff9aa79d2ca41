/// Bytes that never show: printing, dumping or interpolating one gives "redacted".
package struct Secret: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The bytes themselves, for the one place that must send or use them.
    package let exposed: [UInt8]

    package init(_ bytes: some Sequence<UInt8>) {
        exposed = Array(bytes)
    }

    package init(_ text: String) {
        self.init(text.utf8)
    }

    package var description: String { "redacted" }
    package var debugDescription: String { "redacted" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}

/// Whether both are the same bytes, in a time that depends on their lengths only. The quick form, for each check.
@inlinable
package func equalInConstantTime(_ one: Span<UInt8>, _ other: Span<UInt8>) -> Bool {
    guard one.count == other.count else { return false }
    var difference: UInt8 = 0
    for index in one.indices { difference |= one[index] ^ other[index] }
    return difference == 0
}

/// The same of any two collections.
@inlinable
package func equalInConstantTime(_ one: some Collection<UInt8>, _ other: some Collection<UInt8>) -> Bool {
    guard one.count == other.count else { return false }
    var difference: UInt8 = 0
    for (left, right) in zip(one, other) { difference |= left ^ right }
    return difference == 0
}

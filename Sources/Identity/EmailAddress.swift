internal import Values

/// An e-mail address that can be judged: something, one `@`, a domain. Quoted local parts, spaces, control
/// characters and letters beyond ASCII are not among them (RFC 5321 has them, look-alikes live on them).
package struct EmailAddress: Sendable {
    private let bytes: [UInt8]
    private let at: Int

    /// `nil` when it cannot be judged.
    package init?(_ text: String?) {
        guard let text else { return nil }
        bytes = Array(text.utf8)
        var marks = 0
        var at = 0
        for index in bytes.indices {
            switch bytes[index] {
            case 0x00...0x20, 0x7F...0xFF, UInt8(ascii: "\""): return nil
            case UInt8(ascii: "@"):
                marks += 1
                at = index
            default: break
            }
        }
        guard marks == 1, at > 0, at < bytes.count - 1 else { return nil }
        self.at = at
    }

    /// Whether it is this address but for the case of ASCII letters.
    package func isAddress(_ other: [UInt8]) -> Bool {
        ends(with: other, from: 0)
    }

    /// Whether all that stands behind the `@` is this, but for the case of ASCII letters.
    package func isInDomain(_ domain: [UInt8]) -> Bool {
        ends(with: domain, from: at + 1)
    }

    private func ends(with other: [UInt8], from start: Int) -> Bool {
        guard bytes.count - start == other.count else { return false }
        if bytes.span.extracting(start...).isSame(as: other.span) { return true }
        for index in other.indices where bytes[start + index].asciiLowercased != other[index].asciiLowercased {
            return false
        }
        return true
    }
}

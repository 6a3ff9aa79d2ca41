internal import Values

/// An e-mail address that can be judged: something, one `@`, a domain. Quoted local parts, spaces, control
/// characters and letters beyond ASCII are not among them (RFC 5321 has them, look-alikes live on them).
struct EmailAddress {
    private let bytes: [UInt8]
    /// What stands behind the `@`.
    let domain: ArraySlice<UInt8>

    /// `nil` when it cannot be judged.
    init?(_ text: String?) {
        guard let text else { return nil }
        let bytes = Array(text.utf8)
        guard bytes.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") }) else { return nil }
        let parts = bytes.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return nil }
        self.bytes = bytes
        domain = parts[1]
    }

    /// Whether it is this address but for the case of ASCII letters.
    func isEqualIgnoringCase(to other: [UInt8]) -> Bool {
        bytes.isEqualIgnoringCase(to: other)
    }
}

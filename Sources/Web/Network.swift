internal import Values

/// A block of addresses (`10.0.0.0/8`, `2001:db8::/32`, or one address).
package struct Network: Sendable, Hashable {
    private let first: UInt128
    private let mask: UInt128

    /// `nil` when the text is no such block. Bits behind the prefix do not count.
    package init?(_ text: some Collection<UInt8>) {
        let address = text.prefix { $0 != UInt8(ascii: "/") }
        guard let base = IPAddress(address) else { return nil }
        let isShort = !address.contains(UInt8(ascii: ":"))
        var length: Int64 = isShort ? 32 : 128
        if address.count < text.count {
            guard let prefix = text.dropFirst(address.count + 1).decimal, prefix <= length else { return nil }
            length = prefix
        }
        mask = UInt128.max << UInt128(isShort ? 32 - length : 128 - length)
        first = base.bits & mask
    }

    /// Whether the address is in the block. An IPv4 address is in no IPv6 block, `::/0` included.
    package func contains(_ address: IPAddress) -> Bool {
        guard !address.isVersion4 || first >> 32 == 0xFFFF else { return false }
        return address.bits & mask == first
    }
}

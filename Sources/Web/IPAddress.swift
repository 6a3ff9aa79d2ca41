internal import Values

/// An address of the Internet Protocol. An IPv4 address in an IPv6 one (`::ffff:192.0.2.1`) is the IPv4 address.
package struct IPAddress: Sendable, Hashable {
    /// The address as an IPv6 one: 32 bits below `::ffff:0:0` for IPv4.
    package let bits: UInt128

    private static let mapped: UInt128 = 0xFFFF << 32

    private init(bits: UInt128) {
        self.bits = bits
    }

    /// The address of these 16 (IPv6) or 4 (IPv4) bytes in network order; `nil` for another length.
    package init?(bytes: ArraySlice<UInt8>) {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        let bits = bytes.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
        self.bits = bytes.count == 4 ? Self.mapped | bits : bits
    }

    /// Reads `192.0.2.1` or `2001:db8::1` (RFC 4291, section 2.2), without brackets, zone or leading zeros in IPv4.
    package init?(_ text: ArraySlice<UInt8>) {
        if let bits = Self.version4(text) {
            self.init(bits: Self.mapped | UInt128(bits))
        } else {
            guard let bytes = Self.version6(Array(text)) else { return nil }
            self.init(bytes: bytes[...])
        }
    }

    /// The same for other collections of bytes.
    package init?(_ text: some Collection<UInt8>) {
        self.init(Array(text)[...])
    }

    package var isVersion4: Bool { bits >> 32 == 0xFFFF }

    private static func version4(_ text: ArraySlice<UInt8>) -> UInt32? {
        var (bits, part, digits, dots) = (UInt32(0), UInt32(0), 0, 0)
        for byte in text {
            switch byte {
            case 0x30...0x39:
                guard digits == 0 || part > 0 else { return nil }
                part = part * 10 + UInt32(byte - 0x30)
                digits += 1
                guard part <= 255 else { return nil }
            case UInt8(ascii: "."):
                guard digits > 0, dots < 3 else { return nil }
                bits = bits << 8 | part
                (part, digits, dots) = (0, 0, dots + 1)
            default: return nil
            }
        }
        return digits > 0 && dots == 3 ? bits << 8 | part : nil
    }

    private static func version6(_ text: [UInt8]) -> [UInt8]? {
        let colon = UInt8(ascii: ":")
        guard let gap = text.indices.dropLast().first(where: { text[$0] == colon && text[$0 + 1] == colon }) else {
            return groups(text[...]).flatMap { $0.count == 16 ? $0 : nil }
        }
        let (head, tail) = (text[..<gap], text[(gap + 2)...])
        guard let front = head.isEmpty ? [] : groups(head), let back = tail.isEmpty ? [] : groups(tail),
            front.count + back.count <= 14, !head.contains(UInt8(ascii: "."))
        else { return nil }
        return front + [UInt8](repeating: 0, count: 16 - front.count - back.count) + back
    }

    /// The bytes of groups between single colons; the last may be an IPv4 address.
    private static func groups(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        guard parts.count <= 8 else { return nil }
        var bytes: [UInt8] = []
        for (index, part) in parts.enumerated() {
            if index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
                guard let last = version4(part) else { return nil }
                bytes += (0..<4).map { UInt8(truncatingIfNeeded: last >> (24 - 8 * $0)) }
            } else {
                guard let group = group(part) else { return nil }
                bytes += group
            }
        }
        return bytes
    }

    private static func group(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        guard (1...4).contains(text.count) else { return nil }
        var value: UInt16 = 0
        for digit in text {
            guard let digit = digit.hexadecimalValue else { return nil }
            value = value << 4 | UInt16(digit)
        }
        return [UInt8(value >> 8), UInt8(value & 0xFF)]
    }
}

extension IPAddress {
    /// Whether it is link-local or serves a cloud's machines their credentials, also inside an IPv6 address that
    /// carries an IPv4 one (mapped, compatible, NAT64): no provider lives there.
    package var isOffLimits: Bool {
        let version4 = UInt32(truncatingIfNeeded: bits)
        let carries4 = isVersion4 || bits >> 32 == 0 || bits >> 32 == 0x0064_FF9B << 64
        if carries4, version4 >> 16 == 0xA9FE || Self.machineServices.contains(version4) { return true }
        return bits >> 118 == 0xFE80 >> 6 || bits == Self.machineService6
    }

    /// 100.100.100.200 and 192.0.0.192.
    private static let machineServices: [UInt32] = [0x6464_64C8, 0xC000_00C0]
    /// fd00:ec2::254.
    private static let machineService6: UInt128 = 0xFD00_0EC2 << 96 | 0x254
}

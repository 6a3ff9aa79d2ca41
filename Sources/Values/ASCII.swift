/// Text of protocols is compared by bytes: Swift's own comparison takes the Kelvin sign for a K.
extension UInt8 {
    /// The lower-case letter of an upper-case ASCII letter; any other byte as it is.
    @inlinable
    package var asciiLowercased: UInt8 { (0x41...0x5A).contains(self) ? self | 0x20 : self }

    /// The value of a hexadecimal digit.
    @inlinable
    package var hexadecimalValue: UInt8? {
        switch self {
        case 0x30...0x39: self - 0x30
        case 0x41...0x46: self - 0x41 + 10
        case 0x61...0x66: self - 0x61 + 10
        default: nil
        }
    }

    /// A letter of ASCII.
    @inlinable
    package var isASCIILetter: Bool { (self | 0x20) &- 0x61 < 26 }

    /// A control character: below the space, or DEL.
    @inlinable
    package var isASCIIControl: Bool { self < 0x20 || self == 0x7F }
}

extension Collection where Element == UInt8 {
    /// Whether these are the same bytes.
    @inlinable
    package func isEqual(to text: StaticString) -> Bool {
        text.withUTF8Buffer { unsafe elementsEqual($0) }
    }

    /// Whether these are the same bytes but for the case of ASCII letters.
    @inlinable
    package func isEqualIgnoringCase(to other: some Collection<UInt8>) -> Bool {
        count == other.count && zip(self, other).allSatisfy { $0.asciiLowercased == $1.asciiLowercased }
    }

    /// Without the spaces and tabs at both ends.
    @inlinable
    package var trimmed: SubSequence {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        guard let first = firstIndex(where: { !isBlank($0) }) else { return self[endIndex..<endIndex] }
        var end = first
        var index = first
        while index != endIndex {
            let next = self.index(after: index)
            if !isBlank(self[index]) { end = next }
            index = next
        }
        return self[first..<end]
    }

    /// An unsigned decimal number made of digits only; `nil` for anything else, or when it does not fit.
    @inlinable
    package var decimal: Int64? {
        guard !isEmpty, count <= 19 else { return nil }
        var number: Int64 = 0
        for byte in self {
            guard (0x30...0x39).contains(byte) else { return nil }
            let (tens, isTooLarge) = number.multipliedReportingOverflow(by: 10)
            let (sum, isOverflow) = tens.addingReportingOverflow(Int64(byte - 0x30))
            guard !isTooLarge, !isOverflow else { return nil }
            number = sum
        }
        return number
    }
}

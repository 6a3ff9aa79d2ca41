internal import Glibc

/// Reads along with the name-value pairs of a PARAMS stream (FastCGI specification, section 3.4), piece by piece,
/// so that libfcgi never meets a length that the stream does not hold.
struct PairScan {
    /// Pairs read to their end.
    private(set) var count = 0
    private let limit: Int
    private var part = Part.nameLength
    /// Bytes missing of a length that has begun.
    private var missing = 0
    private var length = 0
    private var nameLength = 0
    /// Bytes missing of the name or value.
    private var rest = 0

    private enum Part {
        case nameLength, valueLength, name, value
    }

    /// More than any web server sends; libfcgi allocates memory for each.
    static let mostPairs = 512

    /// `limit`: bytes that the whole stream may have.
    init(limit: Int) {
        self.limit = limit
    }

    /// Whether the stream may end here.
    var isBetweenPairs: Bool { part == .nameLength && missing == 0 }

    /// Takes the next bytes of the stream; what is wrong with them, if anything is.
    mutating func take(_ bytes: Span<UInt8>) -> Flaw? {
        var index = 0
        while index < bytes.count {
            switch part {
            case .nameLength where missing == 0 && takeShortPairs(bytes, &index): continue
            case .nameLength, .valueLength:
                if let flaw = takeLength(bytes[index]) { return flaw }
                index += 1
            case .name, .value:
                let end = index + min(rest, bytes.count - index)
                if let flaw = flaw(in: bytes.extracting(index..<end)) { return flaw }
                rest -= end - index
                index = end
                if rest == 0 { goOn() }
            }
        }
        return nil
    }

    /// Takes the sound pairs with short lengths that are there whole: the rule, and the quick way. False when there is
    /// none.
    private mutating func takeShortPairs(_ bytes: Span<UInt8>, _ index: inout Int) -> Bool {
        let before = count
        unsafe bytes.withUnsafeBytes { bytes in
            while count < Self.mostPairs, bytes.count - index >= 2, unsafe (bytes[index] | bytes[index + 1]) < 0x80 {
                let start = index + 2
                let middle = unsafe start + Int(bytes[index])
                let end = unsafe middle + Int(bytes[index + 1])
                guard end <= bytes.count, let base = bytes.baseAddress,
                    unsafe memchr(base + start, 0, end - start) == nil,
                    unsafe memchr(base + start, Self.equalsSign, middle - start) == nil
                else { return }
                count += 1
                index = end
            }
        }
        return count > before
    }

    private static let equalsSign = Int32(UInt8(ascii: "="))

    /// One byte for lengths up to 127; else four, the first of them with its highest bit set.
    private mutating func takeLength(_ byte: UInt8) -> Flaw? {
        if missing > 0 {
            length = length << 8 | Int(byte)
            missing -= 1
        } else if byte < 0x80 {
            length = Int(byte)
        } else {
            length = Int(byte & 0x7F)
            missing = 3
        }
        guard missing == 0 else { return nil }
        guard length <= limit else { return .tooLarge }
        guard count < Self.mostPairs else { return .tooManyParameters }
        goOn()
        return nil
    }

    /// To the next part that has bytes.
    private mutating func goOn() {
        switch part {
        case .nameLength: (nameLength, part) = (length, .valueLength)
        case .valueLength: (rest, part) = (nameLength, .name)
        case .name: (rest, part) = (length, .value)
        case .value: (count, part) = (count + 1, .nameLength)
        }
        if rest == 0, part == .name || part == .value { goOn() }
    }

    /// libfcgi makes a C string `name=value` of each pair: a NUL would cut it, a `=` in the name would move its end.
    private func flaw(in bytes: Span<UInt8>) -> Flaw? {
        if contains(bytes, 0) { return .nul }
        return part == .name && contains(bytes, UInt8(ascii: "=")) ? .equalsSign : nil
    }

    private func contains(_ bytes: Span<UInt8>, _ byte: UInt8) -> Bool {
        unsafe bytes.withUnsafeBytes { piece in
            guard let start = piece.baseAddress else { return false }
            return unsafe memchr(start, Int32(byte), piece.count) != nil
        }
    }
}

/// A look at a JSON text before it is decoded, for what the decoder lets pass or cannot bear: nesting deeper than a
/// small stack, a comma before a closing bracket, and a member that stands twice in one object (RFC 7519, section 4;
/// RFC 8259, section 4), which two readers could take for two things.
struct JSONScan {
    /// Of each open bracket whether it is an object's.
    private var open: [Bool] = []
    /// The names in each open object.
    private var names: [Set<[UInt8]>] = []
    /// The last byte that was neither space nor part of a string.
    private var last: UInt8 = 0
    /// Whether a string that begins now is the name of a member.
    private var isName = false

    private static let deepest = 64

    /// Whether the text may be decoded. What else is wrong with it is the decoder's to say.
    static func isPlain(_ text: some Collection<UInt8>) -> Bool {
        var scan = JSONScan()
        var string: [UInt8]?
        var isEscaped = false
        for byte in text {
            if string != nil {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    guard scan.end(string ?? []) else { return false }
                    string = nil
                    continue
                }
                // Only names are compared.
                if scan.isName { string?.append(byte) }
            } else if byte == UInt8(ascii: "\"") {
                string = []
            } else {
                guard scan.take(byte) else { return false }
            }
        }
        return true
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x09, 0x0A, 0x0D, 0x20: return true
        case UInt8(ascii: "{"):
            open.append(true)
            names.append([])
            isName = true
        case UInt8(ascii: "["):
            open.append(false)
            isName = false
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
            guard last != UInt8(ascii: ",") else { return false }
            if open.popLast() == true { names.removeLast() }
            isName = false
        case UInt8(ascii: ","):
            isName = open.last == true
        default: isName = false
        }
        last = byte
        return open.count <= Self.deepest
    }

    /// False for a name that its object has already.
    private mutating func end(_ string: [UInt8]) -> Bool {
        last = UInt8(ascii: "\"")
        guard isName, let depth = names.indices.last else { return true }
        isName = false
        return names[depth].insert(Self.unescaped(string)).inserted
    }

    /// `\u0041` and its like for ASCII; other escapes stay, because nobody needs them in a name.
    private static func unescaped(_ string: [UInt8]) -> [UInt8] {
        guard string.contains(UInt8(ascii: "\\")) else { return string }
        var plain: [UInt8] = []
        var rest = string[...]
        while let byte = rest.popFirst() {
            let digits = rest.dropFirst().prefix(4)
            if byte == UInt8(ascii: "\\"), rest.first == UInt8(ascii: "u"),
                let code = UInt8(String(decoding: digits, as: UTF8.self), radix: 16), code < 0x80
            {
                plain.append(code)
                rest = rest.dropFirst(5)
            } else if byte == UInt8(ascii: "\\"), let next = rest.popFirst() {
                // Pairs stay together: a backslash that is escaped escapes nothing.
                plain += next == UInt8(ascii: "/") ? [next] : [byte, next]
            } else {
                plain.append(byte)
            }
        }
        return plain
    }
}

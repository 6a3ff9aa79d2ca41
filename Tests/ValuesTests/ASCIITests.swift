import Testing
import Values

struct ASCIITests {
    @Test("Only A to Z have another case")
    func cases() {
        for byte in UInt8.min ... .max {
            let isUpper = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            #expect(byte.asciiLowercased == (isUpper ? byte + 32 : byte))
        }
    }

    @Test("Text is compared by bytes: a Kelvin sign is no K, a Greek question mark no semicolon")
    func bytes() {
        #expect(!"\u{212A}".utf8.isEqual(to: "K"))
        #expect(!"\u{37E}".utf8.isEqual(to: ";"))
        #expect(!"\u{212A}".utf8.isEqualIgnoringCase(to: "k".utf8))
        #expect("State".utf8.isEqualIgnoringCase(to: "sTATE".utf8))
        #expect(!"State".utf8.isEqualIgnoringCase(to: "States".utf8))
        #expect(!"State".utf8.isEqual(to: "state"))
    }

    @Test(
        "A number is made of digits only",
        arguments: [
            ("0", 0), ("007", 7), ("9223372036854775807", .max), ("9223372036854775808", nil), ("", nil), ("+5", nil),
            ("-5", nil),
            (" 5", nil), ("5 ", nil), ("0x5", nil), ("1e9", nil), ("٥", nil), ("99999999999999999999", nil),
            ("5\0", nil),
        ] as [(String, Int64?)])
    func decimal(text: String, number: Int64?) {
        #expect(text.utf8.decimal == number)
    }

    @Test(
        "Blanks at the ends are trimmed, nothing else is",
        arguments: [
            ("", ""), (" ", ""), ("\t a b \t", "a b"), ("a", "a"), ("\na", "\na"), ("\u{A0}a", "\u{A0}a"),
        ])
    func trimmed(text: String, expected: String) {
        #expect(Array(Array(text.utf8).trimmed) == Array(expected.utf8))
    }

    @Test("Hexadecimal digits have their values, other bytes none")
    func hexadecimal() {
        let values = (UInt8.min ... .max).compactMap(\.hexadecimalValue)
        #expect(values == Array(0...9) + Array(10...15) + Array(10...15))
    }

    @Test("Control characters are those below the space, and DEL")
    func control() {
        #expect((UInt8.min ... .max).filter(\.isASCIIControl) == Array(0...31) + [127])
    }
}

import Testing
import Values

struct Base64URLTests {
    @Test(
        "The vectors of RFC 4648, section 10, without their padding",
        arguments: [
            ("", ""), ("f", "Zg"), ("fo", "Zm8"), ("foo", "Zm9v"), ("foob", "Zm9vYg"), ("fooba", "Zm9vYmE"),
            ("foobar", "Zm9vYmFy"),
        ])
    func vectors(plain: String, text: String) {
        #expect(Base64URL.encode(Array(plain.utf8)) == text)
        #expect(Base64URL.decode(text.utf8) == Array(plain.utf8))
    }

    @Test("The letters for 62 and 63 are those that a URL may hold")
    func alphabet() {
        #expect(Base64URL.encode([0xFB, 0xFF, 0xFE]) == "-__-")
        #expect(Base64URL.decode("-__-".utf8) == [0xFB, 0xFF, 0xFE])
    }

    @Test("Every text of two letters is either the one text of its byte or refused")
    func strict() {
        var decodable = 0
        for first in UInt8.min ... .max {
            for second in UInt8.min ... .max {
                guard let bytes = Base64URL.decode([first, second]) else { continue }
                decodable += 1
                #expect(Base64URL.encoded(bytes) == [first, second])
            }
        }
        #expect(decodable == 256)
    }

    @Test(
        "Padding, other alphabets, blanks, impossible lengths and left-over bits are refused",
        arguments: [
            "Zg==", "YWJj=", "YR", "Zm9=", "+/+/", "A", "AAAAA", "Zm 9v", "Zm9v\n", "Zm9vYh", "Zm\09", "ä", "Zｇ",
        ])
    func refused(text: String) {
        #expect(Base64URL.decode(text.utf8) == nil)
    }

    @Test("Bytes come back as they were, whatever their number")
    func roundTrip() {
        for count in 0...130 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37 + count) }
            let text = Base64URL.encoded(bytes)
            #expect(text.count == (count * 4 + 2) / 3)
            #expect(Base64URL.decode(text) == bytes)
        }
    }
}

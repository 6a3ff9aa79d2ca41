import Testing
import Values

@Suite("Base64 with padding")
struct Base64Tests {
    @Test(
        "The vectors of RFC 4648, section 10",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func vectors(plain: String, text: String) {
        #expect(Base64.encode(Array(plain.utf8)) == text)
        #expect(Base64.decode(Array(text.utf8)) == Array(plain.utf8))
    }

    @Test("The letters for 62 and 63 are those of the standard alphabet")
    func alphabet() {
        #expect(Base64.encode([0xFB, 0xFF, 0xFE]) == "+//+")
        #expect(Base64.decode(Array("+//+".utf8)) == [0xFB, 0xFF, 0xFE])
    }

    @Test(
        "Texts without their padding, of the other alphabet, cut or with other letters are none",
        arguments: ["Zg", "Zg=", "-__-", "Z", "Zm9v!", "Zm 9v", "=", "Zg==Zg=="])
    func refused(text: String) {
        #expect(Base64.decode(Array(text.utf8)) == nil)
    }
}

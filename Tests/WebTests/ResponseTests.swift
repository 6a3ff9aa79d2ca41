import HTTPTypes
import Testing
import Web

struct ResponseTests {
    @Test(
        "A field's value has no control character",
        arguments: [
            "bob\r\nX-Auth-Groups: admins", "a\nb", "a\rb", "a\0b", "a\u{7F}", "\t", "\u{1B}[0m",
        ])
    func fields(value: String) {
        #expect(Field(.location, value.utf8) == nil)
    }

    @Test("Any other value is kept byte by byte", arguments: ["", "a b", "ä\u{85}\u{2028}", "\"%s%n\""])
    func kept(value: String) {
        #expect(Field(.location, value.utf8)?.value == Array(value.utf8))
    }

    @Test("A field of our own words is that field")
    func own() {
        #expect(Field(.contentType, "text/html") == Field(.contentType, "text/html".utf8))
    }
}

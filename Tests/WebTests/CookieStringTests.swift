import Testing
import Web

struct CookieStringTests {
    private func values(_ text: String, _ name: String = "__Host-postern") -> [String] {
        let bytes = Array(("xx" + text).utf8)[2...]
        return CookieString(bytes).values(named: Array(name.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(
        "A cookie is found by its exact name, wherever it stands",
        arguments: [
            ("__Host-postern=v", ["v"]), ("a=b; __Host-postern=v", ["v"]), ("__Host-postern=v; a=b", ["v"]),
            ("a=b;__Host-postern=v;c=d", ["v"]), ("__Host-postern=", [""]), ("__Host-postern=a=b", ["a=b"]),
            ("__Host-postern=1; __Host-postern=2", ["1", "2"]), ("a; __Host-postern=v", ["v"]),
            (";; __Host-postern=v;", ["v"]),
            ("__Host-postern=v ", ["v "]), ("__Host-postern=\"v\"", ["\"v\""]), ("a=\"x; __Host-postern=v\"", ["v\""]),
        ])
    func found(text: String, expected: [String]) {
        #expect(values(text) == expected)
    }

    @Test(
        "SES-06: a decorated name is another cookie",
        arguments: [
            "", ";", "; ", "__Host-postern", "__host-postern=v", "__HOST-POSTERN=v", " __Host-postern=v",
            "a=b;  __Host-postern=v",
            "a=b;\t__Host-postern=v", "__Host-postern =v", "=__Host-postern=v", "\u{2000}__Host-postern=v",
            "\u{A0}__Host-postern=v", "__Host-postern2=v", "x__Host-postern=v", "\"__Host-postern\"=v",
            "__Host-postern%3D=v",
            "a=b,__Host-postern=v", "$__Host-postern=v", "__Host-poster", "__Host-postern;=v", "__Host-poſtern=v",
            "__Host-postern\u{301}=v",
        ])
    func decorated(text: String) {
        #expect(values(text).isEmpty)
    }

    @Test("$Version is a cookie like any other and changes nothing")
    func version() {
        #expect(values("$Version=1; __Host-postern=v; $Path=/") == ["v"])
        #expect(values("$Version=1; __Host-postern=\"v\"") == ["\"v\""])
    }

    @Test("A combining mark after the semicolon does not hide the separator")
    func combiningMark() {
        #expect(values("a=b; \u{301}__Host-postern=v; __Host-postern=w") == ["w"])
    }

    @Test("Names that begin alike are listed in their order, those without a value left out")
    func names() {
        let text = Array("s-1=a; x=s-9; s-2=b; s-3; S-4=c;s-=d; =s-5=e".utf8)[...]
        let names = CookieString(text).names(prefixed: Array("s-".utf8)).map { String(decoding: $0, as: UTF8.self) }
        #expect(names == ["s-1", "s-2", "s-"])
    }
}

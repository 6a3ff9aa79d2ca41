import Testing
import Values

private func parse(_ text: String, limit: Int = 1 << 20) -> JSONValue? {
    JSONValue(parsing: Array(text.utf8), limit: limit)
}

struct JSONValueTests {
    @Test(
        "Truth values, whole numbers and other numbers stay apart",
        arguments: [
            ("true", .bool(true)), ("false", .bool(false)), ("1", .integer(1)), ("0", .integer(0)),
            ("-1", .integer(-1)),
            ("9223372036854775807", .integer(.max)), ("9223372036854775808", .number(9_223_372_036_854_775_808)),
            ("1.5", .number(1.5)), ("1e300", .number(1e300)), ("\"1\"", .string("1")), ("\"true\"", .string("true")),
            ("null", .null), ("[]", .array([])), ("{}", .object([:])),
            (" [1, \"a\", null] ", .array([.integer(1), .string("a"), .null])),
            ("{\"a\":{\"b\":[true]}}", .object(["a": .object(["b": .array([.bool(true)])])])),
            ("\"\\u00e4\\n\"", .string("ä\n")), ("\"\\ud83d\\ude00\"", .string("😀")),
        ] as [(String, JSONValue)])
    func kinds(text: String, value: JSONValue) {
        #expect(parse(text) == value)
    }

    @Test(
        "What is no JSON is none",
        arguments: [
            "", " ", "{", "{a:1}", "'a'", "nul", "NaN", "Infinity", "01", "+1", "1.", ".5", "0x1",
            "1 2", "[1]x",
            "\"\u{1}\"", "\"a\nb\"", "\"\\x\"", "\"\\ud800\"", "\"a", "1e999", "[1e999]", "{\"a\":\"b\"\0}", "// a\n1",
            "{\"a\" 1}",
        ])
    func malformed(text: String) {
        #expect(parse(text) == nil)
    }

    @Test("Invalid UTF-8, UTF-16 and UTF-32 are refused")
    func encodings() {
        let invalid: [[UInt8]] = [
            [0x22, 0xFF, 0x22], [0x22, 0xC0, 0xAF, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x7B, 0x00, 0x7D, 0x00],
            [0x00, 0x7B, 0x00, 0x7D], [0xFF, 0xFE, 0x7B, 0x00, 0x7D, 0x00], [0x7B, 0, 0, 0, 0x7D, 0, 0, 0],
        ]
        for bytes in invalid { #expect(JSONValue(parsing: bytes, limit: 100) == nil, "\(bytes)") }
    }

    @Test("A text longer than the limit is refused")
    func limit() {
        #expect(parse("[1]", limit: 3) != nil)
        #expect(parse("[1]", limit: 2) == nil)
    }

    @Test("JOSE-15: no depth ends the process, and none too great is read")
    func depth() {
        for opening in ["[", "{\"a\":"] {
            #expect(parse(String(repeating: opening, count: 100_000)) == nil)
            let closing = opening == "[" ? "]" : "}"
            let nested = String(repeating: opening, count: 100_000) + "1" + String(repeating: closing, count: 100_000)
            #expect(parse(nested) == nil)
        }
        #expect(parse(String(repeating: "[", count: 20) + String(repeating: "]", count: 20)) != nil)
    }

    @Test("JOSE-15: brackets are counted where they are brackets, and no text nests deeper than a small stack bears")
    func shallow() {
        let nested = { (count: Int) in
            String(repeating: "{\"a\":[", count: count) + String(repeating: "]}", count: count)
        }
        #expect(parse(nested(32)) != nil)
        #expect(parse("[\(nested(32))]") == nil)
        #expect(parse(nested(10_000)) == nil)
        #expect(parse("[\"" + String(repeating: "\\\"[", count: 100) + "\"]") != nil)
        #expect(parse("[" + String(repeating: "[],", count: 100) + "[]]") != nil)
    }

    @Test("JOSE-15: a text of very many members is read in a time that grows as the text does")
    func size() {
        let text = "{" + (0..<50_000).map { "\"claim\($0)\":[\($0)]" }.joined(separator: ",") + "}"
        var value: JSONValue?
        let duration = ContinuousClock().measure { value = parse(text) }
        #expect(value?.object?.count == 50_000)
        // A second or two; minutes if each member were compared with all before it.
        #expect(duration < .seconds(60), "\(duration)")
    }

    @Test("A kind is asked for by name, and nothing is converted")
    func kindsAreExact() {
        #expect(parse("true")?.string == nil)
        #expect(parse("\"true\"")?.bool == nil)
        #expect(parse("1")?.bool == nil)
        #expect(parse("[]")?.object == nil)
        #expect(parse("{}")?.array == nil)
        #expect(parse("{\"a\":null}")?["a"] == .null)
        #expect(parse("{\"a\":1}")?["b"] == nil)
        #expect(parse("[1]")?["0"] == nil)
    }

    @Test(
        "The text is JSON with its members in order",
        arguments: [
            ("{\"b\":1,\"a\":[true,null,1.5,\"x/y\"]}", "{\"a\":[true,null,1.5,\"x/y\"],\"b\":1}"), ("\"ä\"", "\"ä\""),
            ("42", "42"), ("true", "true"),
            ("\"\\u0000\\n\"", "\"\\u0000\\n\""),
        ])
    func text(json: String, text: String) {
        #expect(parse(json)?.text == text)
    }
}

import Testing

@testable import Values

@Suite("A JSON text is looked at before it is decoded")
struct JSONScanTests {
    @Test(
        "What one reader only could take for one thing is plain",
        arguments: [
            "{}", "[]", "1", #""""#, #"{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}"#, #"{"a":"a","b":"a"}"#,
            #"["a","a"]"#, #"{"a":[1,2],"A":3}"#, #"{"a" : "{\"a\":1,\"a\":2}" , "b":","}"#,
            #"{"\\u0041":1,"\u005cA":2}"#,
            #"{"a\"b":1,"a":2}"#, #"{"\n":1,"n":2}"#, " { \"a\" : [ ] } ",
        ])
    func plain(text: String) {
        #expect(JSONScan.isPlain(Array(text.utf8)))
    }

    @Test(
        "JOSE: a member that stands twice in one object, however it is written, is not; nor is a comma too many",
        arguments: [
            #"{"a":1,"a":2}"#, #"{"a":1,"b":{"c":1,"c":1}}"#, #"[{"a":[],"b":1,"a":{}}]"#, #"{"a":1,"\u0061":2}"#,
            #"{"\u0061":1,"\u0061":2}"#, #"{"a\/b":1,"a/b":2}"#, #"{"a":{"x":1},"a":1}"#, #"{"a":1,}"#, "[1,]",
            #"{"a":"b","c":"d", "a" :"e"}"#,
        ])
    func twofold(text: String) {
        #expect(!JSONScan.isPlain(Array(text.utf8)))
    }

    @Test("JOSE-15: no text nests deeper than a small stack bears")
    func deep() {
        #expect(JSONScan.isPlain(Array(String(repeating: "[", count: 64).utf8)))
        #expect(!JSONScan.isPlain(Array(String(repeating: "[", count: 65).utf8)))
        #expect(!JSONScan.isPlain(Array(String(repeating: "{\"a\":", count: 65).utf8)))
    }

    @Test("Brackets that do not match are the decoder's to refuse, and end nothing here")
    func unmatched() {
        for text in ["]", "}}", "[}", "{]", "\"", "\"\\", ",,", "{\"a\":1}}", "[[]]]]"] {
            _ = JSONScan.isPlain(Array(text.utf8))
        }
    }
}

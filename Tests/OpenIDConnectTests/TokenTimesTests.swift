import Testing
import Values

@testable import OpenIDConnect

@Suite("The times and names in tokens")
struct TokenTimesTests {
    private let now = Timestamp(seconds: 1000)

    @Test("JOSE-06: what is said of a beginning must be a time, and at most a minute ahead")
    func beginnings() {
        let check = { (value: JSONValue) in
            kind { try TokenTimes.check(["iat", "nbf"], areOverIn: ["nbf": value], now) }
        }
        for good in [JSONValue.integer(0), .integer(1060), .number(1060.9)] {
            #expect(check(good) == "none", "\(good)")
        }
        for bad in [
            JSONValue.integer(1061), .integer(-1), .number(1e300), .string("1000"), .bool(true), .null, .array([]),
        ] {
            #expect(check(bad) == "invalidToken", "\(bad)")
        }
        #expect(kind { try TokenTimes.check(["iat"], areOverIn: [:], now) } == "none", "it need not be there")
    }

    @Test("JOSE-06: an end is ahead until a minute after it")
    func ends() {
        for good in [JSONValue.integer(941), .integer(2000), .number(941.5)] { #expect(TokenTimes.isAhead(good, now)) }
        for bad in [JSONValue.integer(940), .string("2000"), .bool(true), .number(1e300), .integer(.max), .null] {
            #expect(!TokenTimes.isAhead(bad, now), "\(bad)")
        }
        #expect(!TokenTimes.isAhead(nil, now))
    }

    @Test("JOSE-09: a subject is a text of 1 to 255 printable ASCII characters")
    func subjects() {
        for good in ["a", "a b", String(repeating: "x", count: 255)] { #expect(JSONValue.string(good).subject == good) }
        for bad in ["", String(repeating: "x", count: 256), "ä", "a\nb", "a\u{7F}", " a", "a "] {
            #expect(JSONValue.string(bad).subject == nil, "\(bad)")
        }
        for bad in [JSONValue.integer(7), .null, .array([.string("a")]), .bool(true)] { #expect(bad.subject == nil) }
    }

    @Test("JOSE-05: an audience is one text or a list of them, byte by byte")
    func audiences() {
        #expect(JSONValue.string("rp1").names("rp1"))
        #expect(JSONValue.array([.string("x"), .integer(1), .string("rp1")]).names("rp1"))
        for bad in [JSONValue.string("rp10"), .string("RP1"), .array([]), .array([.array([.string("rp1")])]), .null] {
            #expect(!bad.names("rp1"), "\(bad)")
        }
    }
}

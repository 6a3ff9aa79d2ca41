import Testing
import Web

struct QueryTests {
    private func pairs(_ text: String) -> [String]? {
        Query(text.utf8)?.pairs.map {
            String(decoding: $0.name, as: UTF8.self) + "=" + String(decoding: $0.value, as: UTF8.self)
        }
    }

    @Test(
        "A query is read in its order and decoded once",
        arguments: [
            ("", []), ("a=b", ["a=b"]), ("a", ["a="]), ("a=", ["a="]), ("=b", ["=b"]), ("&&a=b&", ["a=b"]),
            ("a=b=c", ["a=b=c"]), ("a+b=c+d", ["a b=c d"]), ("%61=%2B%26%3D", ["a=+&="]), ("a=%2525", ["a=%25"]),
            ("b=1&a=2&b=3", ["b=1", "a=2", "b=3"]), ("a=b;c=d", ["a=b;c=d"]), ("rd=%2F%2Fevil", ["rd=//evil"]),
        ])
    func reads(text: String, expected: [String]) {
        #expect(pairs(text) == expected)
    }

    @Test(
        "A malformed escape makes a query none",
        arguments: ["a=%", "a=%2", "a=%zz", "%g0=b", "a=b&c=%", "a=%+1", "a=% 1"])
    func malformed(text: String) {
        #expect(pairs(text) == nil)
    }

    @Test("A query has 64 pairs at most")
    func bounded() {
        #expect(pairs(Array(repeating: "a=b", count: 64).joined(separator: "&"))?.count == 64)
        #expect(pairs(Array(repeating: "a=b", count: 65).joined(separator: "&")) == nil)
    }

    @Test("A parameter that comes twice has no one value")
    func duplicates() throws {
        let query = try #require(Query("state=a&code=x&state=b&empty=".utf8))
        #expect(query.only("state") == nil)
        #expect(query.values("state") == [Array("a".utf8), Array("b".utf8)])
        #expect(query.only("code") == Array("x".utf8))
        #expect(query.only("empty") == [])
        #expect(query.only("absent") == nil)
    }

    @Test("Names are compared by bytes: a Kelvin sign is no K")
    func bytes() throws {
        let query = try #require(Query("%E2%84%AA=x&k=y".utf8))
        #expect(query.only("K") == nil)
    }

    @Test("What is encoded reads back as it was")
    func roundTrip() throws {
        let text = Query.encode([("a b", "c+d&e=f"), ("ä", "\r\n%"), ("plain-._~", "")])
        #expect(text == "a%20b=c%2Bd%26e%3Df&%C3%A4=%0D%0A%25&plain-._~=")
        #expect(pairs(text) == ["a b=c+d&e=f", "ä=\r\n%", "plain-._~="])
    }
}

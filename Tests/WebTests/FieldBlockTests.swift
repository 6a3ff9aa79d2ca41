import HTTPTypes
import Testing
import Web

@Suite("Field blocks")
struct FieldBlockTests {
    @Test("Each field is one line, as it goes on the wire")
    func lines() throws {
        let name = try #require(Field(.userAgent, "a b".utf8))
        let empty = try #require(Field(.accept, "".utf8))
        #expect(FieldBlock([name, empty]).bytes == Array("User-Agent: a b\r\nAccept: \r\n".utf8))
        #expect(FieldBlock([]).bytes.isEmpty)
    }
}

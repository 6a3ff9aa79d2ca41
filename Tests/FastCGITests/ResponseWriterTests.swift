import HTTPTypes
import Testing
import Web

@testable import FastCGI

@Suite("The one writer of answers")
struct ResponseWriterTests {
    private func written(_ response: Response, for role: Request.Role = .responder) -> String {
        var bytes: [UInt8] = [1, 2, 3]
        ResponseWriter.write(response, for: role, into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private func field(_ name: String, _ value: String) throws -> Field {
        let name = try #require(HTTPField.Name(name))
        return try #require(Field(name, value.utf8))
    }

    @Test("The status comes first, then fields, cookies, no-store, and the body")
    func order() throws {
        let cookie = SetCookie(name: "c", value: "v", scope: .init(), maxAge: 0)
        let response = Response(
            .found, fields: [try field("Location", "/x")], cookies: [cookie, cookie], body: Array("body".utf8))
        #expect(
            written(response) == """
                Status: 302 Found\r
                Location: /x\r
                Set-Cookie: \(cookie.text)\r
                Set-Cookie: \(cookie.text)\r
                Cache-Control: no-store\r
                \r
                body
                """)
    }

    @Test("A response's own Cache-Control stands alone")
    func ownCaching() throws {
        let response = Response(.ok, fields: [try field("cache-control", "no-cache")])
        #expect(written(response) == "Status: 200 OK\r\ncache-control: no-cache\r\n\r\n")
    }

    @Test("What an authorizer allows is written exactly as it is; what it refuses is not to be stored")
    func authorizer() throws {
        let user = try field("Variable-REMOTE_USER", "alice")
        #expect(
            written(Response(.ok, fields: [user]), for: .authorizer)
                == "Status: 200 OK\r\nVariable-REMOTE_USER: alice\r\n\r\n")
        #expect(written(Response(.forbidden), for: .authorizer).contains("Cache-Control: no-store\r\n"))
    }

    @Test("Every status has three digits; an impossible one is an error of ours")
    func statuses() {
        #expect(written(Response(.noContent)).hasPrefix("Status: 204 No Content\r\n"))
        #expect(written(Response(.init(code: 199))).hasPrefix("Status: 500 "))
        #expect(written(Response(.init(code: 600))).hasPrefix("Status: 500 "))
    }
}

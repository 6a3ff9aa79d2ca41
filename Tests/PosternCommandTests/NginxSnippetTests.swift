import Configuration
import FoundationEssentials
import Testing

@testable import PosternCommand

@Suite("The nginx snippet")
struct NginxSnippetTests {
    @Test("the socket, the prefix and the headers are those of the settings")
    func settings() throws {
        let snippet = try snippet(
            "listen: tcp:127.0.0.1:9123\nprefix: /gate\nidentity: { headers: { X-Department: department } }\n")
        #expect(snippet.text(.http).contains("server 127.0.0.1:9123;"))
        #expect(snippet.text(.server).contains("location ^~ /gate/ {"))
        #expect(snippet.text(.server).contains("fastcgi_param SCRIPT_NAME /gate/auth;"))
        #expect(snippet.text(.protect).contains("proxy_set_header X-Department $postern_x_department;"))
        #expect(snippet.text(.protect).contains("proxy_set_header X_Department \"\";"))
    }

    @Test("every identity header is set once, and never both set and cleared")
    func setOnce() throws {
        let lines = try snippet("identity: { remote_headers: true, access_token: true }\n").text(.protect)
            .split(separator: "\n").filter { $0.hasPrefix("proxy_set_header") }.map { $0.split(separator: " ")[1] }
        #expect(Set(lines).count == lines.count)
        #expect(lines.contains("Remote-User") && lines.contains("Remote_User"))
    }

    @Test("without https the cookies to hide have no prefix")
    func insecure() throws {
        let text = try snippet("cookie: { insecure: true }\n").text(.http)
        #expect(text.contains("(?:postern|postern-attempts|postern-state-"))
        #expect(!text.contains("__Host-"))
    }

    @Test("a cookie's name is taken as it is, not as a pattern")
    func escapedName() throws {
        #expect(try snippet("cookie: { name: gate.$1 }\n").text(.http).contains("(?:gate\\.\\$1|"))
    }

    @Test("hyphens and underscores are spelled in every way")
    func spellings() {
        #expect(Set(HeaderNames.spellings(of: "A-B-C")) == ["A-B-C", "A_B-C", "A-B_C", "A_B_C"])
        #expect(HeaderNames.spellings(of: "User") == ["User"])
        #expect(HeaderNames.spellings(of: "a-b-c-d-e-f-g-h").count == 2)
    }

    private func snippet(_ more: String = "") throws -> NginxSnippet {
        NginxSnippet(try Samples.source(more))
    }
}

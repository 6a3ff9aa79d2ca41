import Policy
import Testing

struct PatternsTests {
    @Test(
        "A path pattern is one path, or everything below one",
        arguments: [
            ("/health", "/health", true), ("/health", "/health/", true), ("/health", "/health/x", false),
            ("/health", "/healthy", false),
            ("/health", "/Health", false), ("/health", "/healt", false), ("/health", "/", false),
            ("/health/", "/health", true),
            ("/admin/*", "/admin", true), ("/admin/*", "/admin/", true), ("/admin/*", "/admin/x/y", true),
            ("/admin/*", "/administrator", false),
            ("/admin/*", "/admin%2Fx", false), ("/admin/*", "/x/admin/", false), ("/*", "/", true), ("/*", "/x", true),
            ("/", "/", true),
            ("/", "/x", false), ("/ä/*", "/ä/x", true), ("/K/*", "/\u{212A}/x", false), ("/a b/*", "/a b/c", true),
        ])
    func paths(pattern: String, path: String, isMatch: Bool) throws {
        #expect(try #require(PathPattern(pattern.utf8)).matches(Array(path.utf8)[...]) == isMatch)
    }

    @Test(
        "A path pattern that no path could match, or with a star elsewhere, is refused",
        arguments: [
            "", "admin", "*", "/*x", "/a*", "/*/a", "/a/*/b", "/a/**", "//", "/a//b", "//*", "/a//*", "/./a", "/a/../b",
            "/..", "/a/.", "/%61",
            "/a?b", "/a#b", "/a;b", "/a\\b", "/a\nb", "/a\0", "https://app.test/a",
        ])
    func noPath(pattern: String) {
        #expect(PathPattern(pattern.utf8) == nil)
    }

    @Test(
        "A host pattern is one host, or all below one",
        arguments: [
            ("app.test", "app.test", true), ("APP.Test", "app.test", true), ("app.test", "x.app.test", false),
            ("app.test", "app.testx", false),
            ("*.example.com", "a.example.com", true), ("*.example.com", "a.b.example.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", false), ("*.example.com", "evilexample.com", false),
            ("*.example.com", "a.example.com.evil", false),
            ("localhost", "localhost", true), ("k.test", "\u{212A}.test", false),
        ])
    func hosts(pattern: String, host: String, isMatch: Bool) throws {
        #expect(try #require(HostPattern(pattern.utf8)).matches(Array(host.utf8)[...]) == isMatch)
    }

    @Test(
        "A host pattern with a star elsewhere, a port or anything that is no host is refused",
        arguments: [
            "", "*", "*.", "*x.test", "a.*.test", "**.test", "*.*.test", ".example.com", "example.com.", "a..b",
            "app.test:443", "https://app.test",
            "app.test/", "a b", "ä.test", "a@b",
        ])
    func noHost(pattern: String) {
        #expect(HostPattern(pattern.utf8) == nil)
    }

    @Test("The host of a resource is compared without case and without the dot at its end")
    func resourceHost() throws {
        #expect(try resource("/", host: "App.TEST.").host == Array("app.test".utf8)[...])
        #expect(try resource("/", host: "").host.isEmpty)
        #expect(try resource("/", host: ".").host.isEmpty)
    }
}

import Testing
import Web

struct ResourcePathTests {
    private func readings(_ uri: String) -> [String]? {
        ResourcePath(requestURI: Array(uri.utf8)[...])?.readings.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test(
        "A plain path is read as it is, without its query",
        arguments: [
            ("/", "/"), ("/admin", "/admin"), ("/admin/", "/admin/"), ("/a/b.c/d?x=/../y", "/a/b.c/d"),
            ("/a?b?c", "/a"),
            ("/a?%zz#x\\", "/a"), ("/ä", "/ä"), ("/a:b@c!$&'()*+,=", "/a:b@c!$&'()*+,="), ("/a.", "/a."),
            ("/a..b", "/a..b"),
            ("/admin?/public/", "/admin"), ("/admin?x=/public/", "/admin"),
        ])
    func plain(uri: String, path: String) {
        #expect(readings(uri) == [path])
    }

    @Test(
        "A path is decoded once, its doubled slashes merged and its dot segments resolved",
        arguments: [
            ("/%61dmin", ["/admin"]), ("//admin", ["/admin"]), ("/./admin", ["/admin"]), ("/x/../admin", ["/admin"]),
            ("/admin/.", ["/admin/"]), ("/admin/..", ["/"]), ("/admin/x/..", ["/admin/"]), ("/.", ["/"]), ("//", ["/"]),
            ("/public/../admin", ["/admin"]), ("/public/%2e%2e/admin", ["/admin"]), ("/public/.%2E/admin", ["/admin"]),
            ("/.hidden", ["/.hidden"]), ("/...", ["/..."]), ("/a%20b", ["/a b"]), ("/%C3%A4", ["/ä"]),
            ("/a%2Bb+c", ["/a+b+c"]),
            ("/a///b//", ["/a/b/"]), ("/a%25", ["/a%"]), ("/100%25ig", ["/100%ig"]), ("/a/./././b", ["/a/b"]),
        ])
    func normalised(uri: String, paths: [String]) {
        #expect(readings(uri) == paths)
    }

    @Test(
        "A path that servers read differently has each of their readings",
        arguments: [
            ("/public/..%2fadmin", ["/admin", "/public/..%2Fadmin"]),
            ("/admin%2f", ["/admin/", "/admin%2F"]),
            ("/public//../admin", ["/admin", "/public/admin"]),
            ("/admin;v=1", ["/admin;v=1", "/admin"]),
            ("/public/..;/admin", ["/public/..;/admin", "/admin"]),
            ("/public/..;x=y/admin", ["/public/..;x=y/admin", "/admin"]),
            ("/;/admin", ["/;/admin", "/admin"]),
            ("/a%3bb/c", ["/a;b/c", "/a/c"]),
            ("/admin;/public/", ["/admin;/public/", "/admin/public/"]),
            ("/%2561dmin", ["/%61dmin", "/admin"]),
            ("/admin%23/public/x", ["/admin#/public/x", "/admin"]),
            ("/admin/%3f/public/", ["/admin/?/public/", "/admin/"]),
            ("/admin%3f/../public/x", ["/public/x", "/admin"]),
            ("/x%3f/../admin%3f/x", ["/admin?/x", "/admin", "/x"]),
            ("/a%2F%2Fb", ["/a/b", "/a%2F%2Fb"]),
        ])
    func several(uri: String, paths: [String]) {
        #expect(readings(uri) == paths)
    }

    @Test(
        "A path that cannot be read without doubt is refused",
        arguments: [
            "", "admin", "?", "*", "http://app.test/admin", "\\admin", "/a\\b", "/a%5cb", "/a%5Cb", "/a#b",
            "/admin#/public/x",
            "/a b", "/a\tb", "/a\nb", "/a\rb", "/a\0b", "/a\u{7F}b", "/a%00b", "/a%0ab", "/a%1fb", "/a%7f", "/%",
            "/a%2",
            "/a%zzb", "/%%32f", "/..", "/../", "/a/../..", "/a/../../b", "/%2e%2e/x", "/..%2fx", "/..;/x", "/%2e%2e;/x",
            "/public/%252e%252e/admin", "/public/%252e./admin", "/public/..%252fadmin", "/a%255cb", "/a%253bb",
            "/a%2500",
            "/a%25252fb", "/a%252509b", "/public/%25%32%65%25%32%65/admin", "/public/.%%32%65/admin", "/a%c0%afb",
            "/%c0%ae%c0%ae/b", "/a%25c0%25afb", "/a%C1%9Cb",
        ])
    func doubtful(uri: String) {
        #expect(readings(uri) == nil)
    }

    @Test(
        "Every request of the corpus that could reach /admin is refused or read as /admin among others",
        arguments: corpus("paths/reach-admin.txt"))
    func reachAdmin(uri: String) {
        guard let readings = readings(uri) else { return }
        #expect(readings.contains { $0 == "/admin" || $0.hasPrefix("/admin/") }, "\(readings)")
    }

    @Test(
        "No reading has a dot segment or a doubled slash, and there are few of them",
        arguments: corpus("paths/reach-admin.txt"))
    func shape(uri: String) {
        for reading in readings(uri) ?? [] {
            #expect(reading.hasPrefix("/") && !reading.contains("//"))
            #expect(!reading.split(separator: "/").contains { $0 == "." || $0 == ".." })
        }
        #expect((readings(uri)?.count ?? 0) <= 12)
    }

    @Test("The corpus of paths is there")
    func pathsAreThere() {
        #expect(corpus("paths/reach-admin.txt").count > 300)
    }

    @Test("Bytes of overlong UTF-8 are refused raw as well")
    func overlong() {
        for byte: UInt8 in [0xC0, 0xC1] {
            #expect(ResourcePath(requestURI: [0x2F, 0x61, byte, 0xAF, 0x62]) == nil)
        }
        #expect(ResourcePath(requestURI: [0x2F, 0xC3, 0xA4, 0xFF])?.readings == [[0x2F, 0xC3, 0xA4, 0xFF]])
    }
}

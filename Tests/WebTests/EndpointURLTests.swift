import Testing
import Web

struct EndpointURLTests {
    @Test(
        "An endpoint's URL is split into origin, host and the rest",
        arguments: [
            ("https://op.test", "https://op.test", "op.test", ""),
            ("https://op.test/", "https://op.test", "op.test", "/"),
            ("https://OP.Test:443/a?b=c", "https://op.test", "op.test", "/a?b=c"),
            ("https://op.test:8443/a", "https://op.test:8443", "op.test", "/a"),
            ("https://op.test?x=y", "https://op.test", "op.test", "?x=y"),
            ("https://[2001:DB8::1]:8443/", "https://[2001:db8::1]:8443", "[2001:db8::1]", "/"),
            ("https://10.0.0.1/", "https://10.0.0.1", "10.0.0.1", "/"),
            ("https://op.test/a@b:c", "https://op.test", "op.test", "/a@b:c"),
        ])
    func split(text: String, origin: String, host: String, rest: String) throws {
        let url = try #require(EndpointURL(text))
        #expect(url.text == text)
        #expect(url.origin == origin)
        #expect(url.host == host)
        #expect(url.pathAndQuery == rest)
        #expect(url.isHTTPS)
    }

    @Test(
        "What is no plain https URL is refused",
        arguments: [
            "", "op.test", "//op.test", "http://op.test/", "file:///etc/passwd", "gopher://op.test/",
            "HTTPS://op.test/",
            "https:/op.test", "https://", "https:///x", "https://:443/", "https://u@op.test/", "https://u:p@op.test/",
            "https://op.test#f", "https://op.test/#f", "https://op.test\\@evil.test", "https://op.test/a b",
            "https://op.test/\r\nX: y",
            "https://op.test/\t", "https://op\u{3002}test/", "https://op.tést/", "https://op.test:0/",
            "https://op.test:65536/",
            "https://op.test:+443/", "https://op.test:443x/", "https://op.test:/",
            "https://op.test:99999999999999999999/",
            "https://[]/", "https://[:]/", "https://[::1/", "https://[::1]x/", "https://[fe]/", "https://[1.2.3.4]/",
            "https://op%2etest/",
            "https://op.test/{x}", "https://op.test/\"", "https://op.test/<", " https://op.test/", "https://op.test/\0",
        ])
    func refused(text: String) {
        #expect(EndpointURL(text) == nil)
    }

    @Test(
        "DISC-02: a link-local address or a cloud's metadata service is no endpoint",
        arguments: [
            "https://169.254.169.254/latest/meta-data", "https://169.254.0.1:8443/", "https://169.254.169.254./",
            "https://[fe80::1]/",
            "https://[FE9a::1]/", "https://[febf::1]/", "https://[::ffff:169.254.169.254]/",
            "https://[::ffff:a9fe:a9fe]/",
            "https://[0:0:0:0:0:ffff:169.254.1.1]/", "https://[64:ff9b::169.254.169.254]/",
            "https://[::169.254.169.254]/",
            "https://[fd00:ec2::254]/", "https://100.100.100.200/", "https://metadata.google.internal/",
            "https://METADATA.google.internal./",
        ])
    func offLimits(text: String) {
        #expect(EndpointURL(text) == nil)
    }

    @Test("http is a URL's scheme only where that is allowed")
    func http() throws {
        let url = try #require(EndpointURL("http://127.0.0.1:80/x", allowsHTTP: true))
        #expect(url.origin == "http://127.0.0.1")
        #expect(!url.isHTTPS)
        #expect(EndpointURL("http://169.254.169.254/", allowsHTTP: true) == nil)
        #expect(EndpointURL("https://op.test:80/", allowsHTTP: true)?.origin == "https://op.test:80")
    }

    @Test("A URL has 2048 bytes at most")
    func length() {
        let prefix = "https://op.test/"
        let filler = String(repeating: "a", count: 2048 - prefix.utf8.count)
        #expect(EndpointURL(prefix + filler) != nil)
        #expect(EndpointURL(prefix + filler + "a") == nil)
    }
}

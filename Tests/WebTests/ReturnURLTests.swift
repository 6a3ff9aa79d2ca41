import Testing
import Web

struct ReturnURLTests {
    private func targets(_ publicURL: String = "https://app.test", _ hosts: [String] = []) throws -> ReturnTargets {
        ReturnTargets(publicURL: try #require(EndpointURL(publicURL, allowsHTTP: true)), hosts: hosts)
    }

    private func isAccepted(_ text: String, _ targets: ReturnTargets) -> Bool {
        ReturnURL(text.utf8, allowed: targets)?.text == text
    }

    @Test("The corpora of return URLs are there")
    func corporaAreThere() {
        #expect(corpus("return-urls/refused.txt").count > 500)
        #expect(corpus("return-urls/accepted.txt").count > 20)
    }

    @Test(
        "RD-01 to RD-03: a return URL that a browser could take elsewhere is refused",
        arguments: corpus("return-urls/refused.txt"))
    func refused(line: String) throws {
        guard let decoded = PercentEncoding.decode(line.utf8, plusIsSpace: true) else { return }
        #expect(ReturnURL(decoded, allowed: try targets()) == nil)
    }

    @Test(
        "An accepted return URL is kept as it is and stays on our origin, also decoded once more",
        arguments: corpus("return-urls/accepted.txt"))
    func accepted(line: String) throws {
        let decoded = try #require(PercentEncoding.decode(line.utf8))
        let url = try #require(ReturnURL(decoded, allowed: try targets()))
        #expect(Array(url.text.utf8) == decoded)
        #expect(browserOrigin(decoded) == "https://app.test")
        #expect(browserOrigin(PercentEncoding.decode(decoded) ?? decoded) == "https://app.test")
    }

    @Test("Whatever is accepted of all strings of hostile letters, a browser keeps on our origin")
    func shortStrings() throws {
        let letters: [[UInt8]] = ["/", "\\", ".", ":", "@", "?", "a", "https:", "%2f", "%5c", "%09", "\t"].map {
            Array($0.utf8)
        }
        let targets = try targets()
        var words: [[UInt8]] = [[]]
        var acceptedCount = 0
        for _ in 0..<4 {
            words = words.flatMap { word in letters.map { word + $0 } }
            for word in words where ReturnURL(word, allowed: targets) != nil {
                acceptedCount += 1
                #expect(browserOrigin(word) == "https://app.test", "\(word)")
                #expect(browserOrigin(PercentEncoding.decode(word) ?? word) == "https://app.test", "\(word)")
            }
        }
        #expect(acceptedCount > 100)
    }

    @Test(
        "The oracle goes where browsers go",
        arguments: [
            ("//evil.test", "https://evil.test"), ("/\\evil.test", "https://evil.test"),
            ("https:/x", "https://app.test"),
            ("\t//evil.test/", "https://evil.test"), ("/\t/evil.test", "https://evil.test"), ("/x", "https://app.test"),
            ("https:\\\\evil.test", "https://evil.test"), ("https://app.test@evil.test", "https://evil.test"),
            ("https://app.test\\@evil.test", "https://app.test"), ("HTTPS://App.Test:443/x", "https://app.test"),
            ("http:evil.test", "http://evil.test"), ("javascript:alert(1)", nil),
        ])
    func oracle(text: String, origin: String?) {
        #expect(browserOrigin(Array(text.utf8)) == origin)
    }

    @Test("RD-04: a host below an allowed domain is accepted, a look-alike, another port or scheme is not")
    func subdomains() throws {
        let targets = try targets("https://app.test", [".example.com"])
        let isAllowed = { isAccepted($0, targets) }
        #expect(isAllowed("https://app.example.com/x"))
        #expect(isAllowed("https://a.b.example.com"))
        #expect(isAllowed("https://APP.Example.COM:443/x?y"))
        for text in [
            "https://evilexample.com", "https://example.com.evil.test", "https://example.com%2eevil.test",
            "https://app.example.com:81/", "http://app.example.com/", "https://example.com/", "https://.example.com/",
            "https://..example.com/", "https://a..example.com/", "https://a@b.example.com/",
            "https://a%2f.example.com/", "https://evil.test:443@b.example.com/", "https://a.example.com./",
            "https://evil.test?.example.com", "https://evil.test:443.example.com/", "https://[.example.com/",
        ] {
            #expect(!isAllowed(text), "\(text)")
        }
    }

    @Test("A listed host is that host alone")
    func listedHost() throws {
        let targets = try targets("https://app.test", ["App2.example.com", "", "."])
        #expect(isAccepted("https://app2.example.com/x", targets))
        #expect(!isAccepted("https://x.app2.example.com/", targets))
        #expect(!isAccepted("https://example.com/", targets))
        #expect(!isAccepted("https:///x", targets))
        #expect(!isAccepted("https://./x", targets))
        #expect(!isAccepted("https://:443/x", targets))
    }

    @Test("The port is that of the public URL")
    func ports() throws {
        let targets = try targets("https://app.test:8443", ["app2.test"])
        #expect(isAccepted("https://app.test:8443/x", targets))
        #expect(!isAccepted("https://app.test/x", targets))
        #expect(!isAccepted("https://app.test:443/x", targets))
        #expect(isAccepted("https://app2.test:8443/x", targets))
        #expect(isAccepted("https://app2.test/x", targets))
        #expect(!isAccepted("https://app2.test:8444/x", targets))
    }

    @Test("A public URL of http takes http alone")
    func insecure() throws {
        #expect(isAccepted("http://app.test:8080/x", try targets("http://app.test:8080")))
        #expect(!isAccepted("https://app.test:8080/x", try targets("http://app.test:8080")))
        #expect(isAccepted("http://[::1]:8080/x", try targets("http://[::1]:8080")))
    }

    @Test("A return URL has 2000 bytes at most")
    func length() throws {
        let path = "/" + String(repeating: "a", count: 1999)
        #expect(try isAccepted(path, targets()))
        #expect(try !isAccepted(path + "a", targets()))
    }

    @Test(
        "It tells which host it names, and what is asked for there",
        arguments: [
            ("/", nil, "/"), ("/a/b?x=https://other.test/y", nil, "/a/b?x=https://other.test/y"),
            ("https://app.test", "app.test", "/"), ("https://APP.test/", "app.test", "/"),
            ("https://two.Example.com:443/a//b?c=/d", "two.example.com", "/a//b?c=/d"),
        ])
    func parts(text: String, host: String?, pathAndQuery: String) throws {
        let url = try #require(ReturnURL(text.utf8, allowed: targets("https://app.test", [".example.com"])))
        #expect(url.host == host.map { Array($0.utf8) })
        #expect(Array(url.pathAndQuery) == Array(pathAndQuery.utf8))
    }

    @Test("Home is the root")
    func home() {
        #expect(ReturnURL.home.text == "/")
    }
}

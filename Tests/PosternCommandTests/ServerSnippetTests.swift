import Configuration
import FoundationEssentials
import Testing

@testable import PosternCommand

@Suite("The web servers' configurations")
struct ServerSnippetTests {
    @Test("nginx/, apache/ and lighttpd/ hold what the default settings give")
    func committed() throws {
        try check(NginxSnippet.self, "nginx", in: "nginx")
        try check(ApacheFcgidSnippet.self, "apache-fcgid", in: "apache/fcgid")
        try check(
            ApacheAuthnzSnippet.self, "apache-authnz", in: "apache/authnz",
            "listen: [\(Samples.socket), tcp:127.0.0.1:9010]\n")
        try check(LighttpdSnippet.self, "lighttpd", in: "lighttpd")
    }

    private func check<S: ServerSnippet>(_: S.Type, _ name: String, in folder: String, _ more: String = "") throws {
        let snippet = try S(Samples.source(more))
        for part in S.Part.allCases {
            let path = "\(folder)/\(S.path(of: part))"
            let contents = try #require(FileManager.default.contents(atPath: root + path), "\(path) is missing")
            #expect(
                String(decoding: contents, as: UTF8.self) == snippet.text(part),
                "run: postern snippet \(name) --part \(part.rawValue) > \(path)")
        }
    }

    private var root: String {
        #filePath.split(separator: "/").dropLast(3).reduce("/") { $0 + $1 + "/" }
    }
}

/// Configurations for tests.
enum Samples {
    static let socket = "unix:/run/postern/postern.sock"
    static let smallest = """
        public_url: https://app.example.com
        providers:
          company:
            kind: oidc
            issuer: https://login.example.com
            client_id: postern
            client_secret: not-a-real-secret
        rules:
          - allow: { domains: [example.com] }

        """

    static func source(_ more: String = "") throws -> SnippetSource {
        SnippetSource(
            settings: try Settings.parse(more + smallest, path: "postern.yaml"),
            configuration: "/etc/postern/postern.yaml", program: "/usr/local/bin/postern")
    }
}

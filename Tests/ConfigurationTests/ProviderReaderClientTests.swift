import FoundationEssentials
import JOSE
import OpenIDConnect
import Testing
import Values
import Web

@testable import Configuration

@Suite("Who the client is, and how it shows that")
struct ProviderReaderClientTests {
    @Test(
        "Every way can be chosen, with what it needs",
        arguments: ["basic", "post", "none", "client_secret_jwt", "private_key_jwt", "tls"])
    func ways(name: String) throws {
        let chosen = try withCertificate { key, certificate in
            try made(
                """
                client_authentication: \(name), client_secret: 12345678, client_key_file: \(key),
                client_certificate_file: \(certificate)
                """)
        }
        #expect(chosen.clientAuthentication?.rawValue == name)
    }

    @Test("A key is read from its file, for whichever name the provider gave it")
    func key() throws {
        let (plain, named) = try withKey { key in
            (try made("client_key_file: \(key)"), try made("client_key_file: \(key), client_key_id: k-7"))
        }
        #expect(plain.clientKey?.thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")
        #expect(plain.clientKeyName == nil && named.clientKeyName == "k-7" && plain.clientAuthentication == nil)
        #expect(plain.clientSecret == nil && plain.clientCertificate == nil)
    }

    @Test("A certificate goes with its key; REL-11: with no other, and nothing else is one")
    func certificate() throws {
        try withCertificate { key, certificate in
            let client = try made("client_key_file: \(key), client_certificate_file: \(certificate)")
            #expect(client.clientCertificate == ClientCertificate(file: certificate, keyFile: key))
            let other = try withFile(otherKey) { other in
                wrong("client_key_file: \(other), client_certificate_file: \(certificate)")
            }
            for found in [other, wrong("client_key_file: \(key), client_certificate_file: \(key)")] {
                #expect(found.count == 1 && found.allSatisfy { $0.contains("is no PEM certificate of") }, "\(found)")
            }
            let none = wrong("client_key_file: \(key), client_certificate_file: /nonexistent")
            #expect(none.count == 1 && none.allSatisfy { $0.contains("cannot be read") }, "\(none)")
        }
    }

    @Test(
        "REL-11: what is missing for the chosen way is a mistake",
        arguments: [
            ("", "client_secret_file is missing"), ("client_authentication: post", "client_secret_file is missing"),
            ("client_authentication: client_secret_jwt", "client_secret_file is missing"),
            ("client_authentication: private_key_jwt", "client_key_file is missing, for private_key_jwt"),
            ("client_authentication: private_key_jwt, client_secret: 12345678", "client_key_file is missing"),
            ("client_authentication: tls, client_secret: 12345678", "are missing, for tls"),
            ("client_authentication: psk, client_secret: 12345678", "is one of basic, post, none"),
            ("client_secret: 12345678, client_certificate_file: /x", "client_key_file is missing, too"),
            ("client_secret: 12345678, client_key_file: /nonexistent", "cannot be read"),
            ("client_secret: 12345678, client_secret_file: /x", "keep one of them"),
            ("client_secret: 12345678, ca_file: /nonexistent", "cannot be read"),
        ])
    func missing(text: String, message: String) {
        let found = wrong(text)
        #expect(found.count == 1 && found.allSatisfy { $0.contains(message) }, "\(found)")
    }

    @Test("REL-11: a file that holds no key that can sign is said so, without a word of what it holds")
    func badKey() throws {
        for contents in ["not-a-key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            let found = try withFile(contents) { wrong("client_key_file: \($0)") }
            #expect(found.count == 1 && found[0].contains("holds no PEM key"), "\(found)")
            #expect(!found[0].contains("not-a-key") && !found[0].contains("AAAA"))
        }
    }

    @Test("REL-11: a key that everybody can read is refused, or a warning where the operator wants it so")
    func openKey() throws {
        let keys = "client_key_file: "
        try withKey(mode: 0o644) { key in
            #expect(wrong(keys + key).contains { $0.contains("everybody can read it") })
            let found = try warnings(yaml("insecure_secret_files: true", provider: provider(keys + key)))
            #expect(found.contains { $0.contains("insecure_secret_files is on") })
        }
    }

    @Test("A secret that is not used, and one that is perhaps cut, are warnings")
    func warned() throws {
        let unused = try warnings(yaml(provider: provider("client_authentication: none, client_secret: 12345678")))
        #expect(unused.count == 1 && unused[0].contains("is not used"))
        let short = try warnings(yaml(provider: provider("client_secret: 1234567")))
        #expect(short.count == 1 && short[0].contains("shorter than 8") && !short[0].contains("1234567"))
    }

    @Test("Apple needs the team, the key and its name; nothing less will do")
    func apple() throws {
        try withFile(pem("PRIVATE KEY", ellipticKey), mode: 0o640) { key in
            let keys = ["tenant: TEAM", "client_key_file: \(key)", "client_key_id: KEY"]
            let apple = { (keys: [String]) in
                yaml(provider: "{ kind: apple, client_id: a, \(keys.joined(separator: ", ")) }")
            }
            let made = try settings(apple(keys)).firstProvider
            #expect(made.tenant == "TEAM" && made.clientKeyName == "KEY" && made.responseMode == .formPost)
            for index in keys.indices {
                let fewer = keys.enumerated().filter { $0.offset != index }.map(\.element)
                #expect(mistakes(apple(fewer)).contains { $0.contains("needs client_key_file") }, "\(fewer)")
            }
            try withKey { other in
                let wrong = apple(keys.map { $0.replacing(key, with: other) })
                #expect(mistakes(wrong).contains { $0.contains("not the key that Apple gave") })
            }
        }
    }

    @Test("Login.gov takes a key and no secret")
    func loginGov() throws {
        let made = try withKey { key in
            try settings(yaml(provider: "{ kind: login-gov, client_id: a, client_key_file: \(key) }")).firstProvider
        }
        #expect(made.clientAuthentication == .keyToken)
        let found = mistakes(yaml(provider: "{ kind: login-gov, client_id: a, client_secret: 12345678 }"))
        #expect(found.count == 1 && found[0].contains("client_key_file is missing"))
    }

    private func provider(_ text: String) -> String {
        let text = text.replacing("\n", with: " ")
        return "{ issuer: https://x.test, client_id: a\(text.isEmpty ? "" : ", \(text)") }"
    }

    private func made(_ text: String) throws -> Provider {
        try settings(yaml(provider: provider(text))).firstProvider
    }

    private func wrong(_ text: String) -> [String] {
        mistakes(yaml(provider: provider(text)))
    }
}

/// A file with the key of RFC 8037, appendix A.1, for the time of the body.
func withKey<Result>(mode: Int = 0o640, _ body: (String) throws -> Result) throws -> Result {
    let text = "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g"
    return try withFile(pem("PRIVATE KEY", text), mode: mode, body)
}

/// On P-256, and used nowhere else.
private let ellipticKey = """
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgMAVsN/b874qQu5Yx
    zbJ6Eo5tTl1fbjejlq5f7Y/kolKhRANCAARGxsaLFGzi+gkgy35ySZKs0kEGFRMh
    gOOG//2QvHpGlPP1HAaN57PfTx+PWGCITt92FupmEDEpU5Q/veJC4nym
    """

/// The same, and a file with a certificate of that key.
func withCertificate<Result>(_ body: (_ key: String, _ certificate: String) throws -> Result) throws -> Result {
    try withKey { key in
        try withFile(pem("CERTIFICATE", certificate)) { try body(key, $0) }
    }
}

private func pem(_ label: String, _ body: String) -> String {
    "-----BEGIN \(label)-----\n\(body)\n-----END \(label)-----\n"
}

/// The key of RFC 8410, section 10.3.
private let otherKey = pem("PRIVATE KEY", "MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC")

private let certificate =
    "MIIBOjCB7aADAgECAhRcH5G7xdSwdqDKqEJ/RjsK7InQJTAFBgMrZXAwEjEQMA4GA1UEAwwHcG9zdGVybjAgFw0yNjExMjUyMDUz"
    + "MzdaGA8yMTI2MTEwMTIwNTMzN1owEjEQMA4GA1UEAwwHcG9zdGVybjAqMAUGAytlcAMhANdamAGCsQq31Uv+08lkBzoO4XLz2qYj"
    + "Ja8CGmj3B1Eao1MwUTAdBgNVHQ4EFgQUWyeqVYkXl3DkdXWxYqHe2XuL/G0wHwYDVR0jBBgwFoAUWyeqVYkXl3DkdXWxYqHe2XuL"
    + "/G0wDwYDVR0TAQH/BAUwAwEB/zAFBgMrZXADQQB0DKiKmZXqt66Fbm5+AnWOOBXlhK13eF10JEMjJbgYcCGy3S9c6Jm+pwjlyZe0"
    + "T/sCpFCDDz/oAYqhF7FsxIYO"

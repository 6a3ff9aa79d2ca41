import OpenIDConnect
import Testing
import Values

@testable import Configuration

@Suite("The environment")
struct EnvironmentTests {
    @Test("POSTERN_CONFIG names the file and is no setting")
    func file() throws {
        _ = try settings(yaml(), ["POSTERN_CONFIG": "/etc/other.yaml"])
    }

    @Test("wins over the file")
    func wins() throws {
        let settings = try settings(
            yaml("session: { store: memory, lifetime: 1h }"),
            ["POSTERN_SESSION_STORE": "sqlite:/tmp/x.db", "POSTERN_RETURN_HOSTS": "a.test, .b.test", "HOME": "/"])
        #expect(settings.session.store == .sqlite(path: "/tmp/x.db"))
        #expect(settings.session.lifetime == 3600)
        #expect(settings.gate.returnHosts == ["a.test", ".b.test"])
    }

    @Test("a provider may come from it alone")
    func provider() throws {
        let text = "public_url: https://app.example.com\nrules: [{ allow: { everyone: true } }]"
        let settings = try settings(
            text,
            [
                "POSTERN_PROVIDERS_GOOGLE_KIND": "google", "POSTERN_PROVIDERS_GOOGLE_CLIENT_ID": "x",
                "POSTERN_PROVIDERS_GOOGLE_CLIENT_SECRET": "not-a-real-secret",
            ])
        #expect(settings.firstProvider.name == "google")
        #expect(settings.firstProvider.issuer == "https://accounts.google.com")
        #expect(settings.firstProvider.clientSecret?.exposed == Array("not-a-real-secret".utf8))
    }

    @Test("names a provider of the file whatever its case, hyphens and underscores")
    func providerName() throws {
        let text = yaml().replacing("company:", with: "My-big_One:")
        let settings = try settings(text, ["POSTERN_PROVIDERS_MY_BIG_ONE_CLIENT_ID": "other"])
        #expect(settings.firstProvider.name == "My-big_One")
        #expect(settings.firstProvider.clientID == "other")
    }

    @Test("a secret of the environment replaces a secret file of the file, and the other way round")
    func secretForms() throws {
        let file = yaml(provider: "{ issuer: https://x.test, client_id: x, client_secret_file: /nonexistent }")
        let name = "POSTERN_PROVIDERS_COMPANY_CLIENT_SECRET"
        #expect(
            try settings(file, [name: "from-outside"]).firstProvider.clientSecret?.exposed == Array("from-outside".utf8)
        )
        try withFile("from-a-file\n") { path in
            let settings = try settings(yaml(), [name + "_FILE": path])
            #expect(settings.firstProvider.clientSecret?.exposed == Array("from-a-file".utf8))
        }
        #expect(mistakes(yaml(), [name: "one-secret", name + "_FILE": "/x"]).count == 1)
    }

    @Test("a variable that is no key is a mistake, with the nearest that is")
    func unknown() {
        #expect(
            mistakes(yaml(), ["POSTERN_SESSION_STOER": "x"]) == [
                "environment:POSTERN_SESSION_STOER: no such setting; did you mean POSTERN_SESSION_STORE?"
            ])
        #expect(
            mistakes(yaml(), ["POSTERN_RULES": "x"]) == [
                "environment:POSTERN_RULES: this key can be set in the file only"
            ])
        #expect(
            mistakes(yaml(), ["POSTERN_LIMITS_CHECK_THREADS": "65"]) == [
                "environment:POSTERN_LIMITS_CHECK_THREADS: limits.check_threads is out of range: from 0 to 64"
            ])
    }

    @Test("every key with a default can be set to it by its variable", arguments: KeyTable.keys.filter(\.isSettable))
    func everyKey(key: Key) throws {
        let name = key.environmentName.replacing("_NAME_", with: "_COMPANY_")
        var value = try #require(key.standard)
        if key.kind == .list { value = String(value.dropFirst().dropLast()) }
        #expect(mistakes(yaml(), [name: value]) == [])
        #expect(!mistakes(yaml(), [name + "X": value]).isEmpty)
    }
}

extension Key {
    fileprivate var isSettable: Bool { standard != nil && kind != .map }
}

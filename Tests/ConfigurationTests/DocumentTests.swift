import Testing

@testable import Configuration

@Suite("The file")
struct DocumentTests {
    @Test("what is no YAML, or not one document, is one mistake with its place")
    func syntax() {
        #expect(mistakes("a: 1\nb: [\n") == ["p:3:1: not YAML: did not find expected node content"])
        #expect(mistakes("public_url: x\n---\nrules: []\n") == ["p:2:1: a second document begins here; keep one"])
        #expect(mistakes("") == ["p:1:1: the file is empty; public_url, providers and rules are needed"])
        #expect(mistakes("just words") == ["p:1:1: the file must hold keys, `name: value`"] + missing)
        #expect(mistakes(yaml("cookie: { path: /, path: / }"))[0].hasSuffix("section, path; remove one"))
        #expect(
            mistakes(yaml("# " + String(repeating: "x", count: 1 << 20))) == ["p:1:1: the file is longer than 1 MiB"])
    }

    private var missing: [String] {
        mistakes("{}")
    }

    @Test("every mistake is found at once, in the order of the file")
    func all() {
        let found = mistakes(
            """
            public_ur: https://app.example.com
            session:
              lifetime: long
              store: redis://:hunter2hunter2@cache
              idle_timeout: 400d
            rules:
              - { path: [/x], allow: { group: [ops] } }
            """)
        #expect(
            found.prefix(7) == [
                "p:1:1: unknown key public_ur; did you mean public_url?",
                "p:1:1: public_url is missing; `public_url: https://app.example.com`",
                "p:1:1: providers is missing; `providers: {company: {kind: oidc, issuer: …, client_id: …}}`",
                "p:3:13: session.lifetime is a time such as 90s, 15m, 12h or 7d",
                "p:4:10: session.store redis is not available yet; use sqlite:/var/lib/postern/sessions.db",
                "p:5:17: session.idle_timeout is out of range: from 0 to 31536000 seconds",
                "p:7:7: unknown key path; did you mean paths?",
            ])
        #expect(found.contains("p:7:28: unknown key group; did you mean groups?"))
    }

    @Test("no message holds a secret, wherever it was written by mistake")
    func noSecrets() {
        let texts = [
            yaml(provider: "{ client_secret hunter2hunter2, client_id: x }"),
            yaml(provider: "{ client_secret: [hunter2hunter2] }"),
            yaml(provider: "{ client_secret: { hunter2hunter2: 1 } }"),
            yaml(provider: "{ client_secret: hunter2hunter2, client_secret_file: /nonexistent }"),
            yaml("session: { store: rediss://:hunter2hunter2@x }"), "client_secret hunter2hunter2\na: b",
            yaml(provider: "\n    client_secret:hunter2hunter2\n    client_id: x"),
        ]
        for text in texts {
            #expect(!mistakes(text).isEmpty)
            #expect(!mistakes(text).joined().contains("hunter2"), "\(text)")
        }
    }

    @Test("words keep their letters: no, 012 and 1e3 are texts where a text is expected")
    func schemaDecides() throws {
        let settings = try settings(yaml("clear_cookies: [no, 012, 1e3]\nlisten_group: yes"))
        #expect(settings.gate.clearedCookies == ["no", "012", "1e3"])
        #expect(settings.listen.group == "yes")
    }

    @Test("a name of a provider is a plain word")
    func providerName() {
        let text = yaml().replacing("company:", with: "\"a.b\":")
        #expect(mistakes(text)[0].contains("a provider's name is up to 64 letters"))
    }

    @Test("an anchor stands for what it was given to")
    func anchors() throws {
        #expect(
            try settings(yaml("return_hosts: &hosts [a.test]\nclear_cookies: *hosts")).gate.clearedCookies == ["a.test"]
        )
    }
}

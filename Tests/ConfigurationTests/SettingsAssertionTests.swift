import Identity
import JOSE
import Testing
import Values

@testable import Configuration

@Suite("Assertions")
struct SettingsAssertionTests {
    private static let usual: [String: ClaimTemplate] = [
        "sub": .user, "email": .email, "email_verified": .isEmailVerified, "groups": .groups,
    ]

    // MARK: What is read

    @Test("There are none unless there is an application to make them for")
    func none() throws {
        #expect(try settings().identity.assertion == nil)
        #expect(try settings(yaml("identity: { assertion: {} }")).identity.assertion == nil)
        #expect(try !settings().identity.headers.contains { $0.source == "assertion" })
    }

    @Test("All but the audience has a default")
    func defaults() throws {
        let assertion = try assertion("")
        #expect(assertion.audience == "airflow" && assertion.issuer == "https://app.example.com")
        #expect(assertion.header == "X-Auth-Request-Assertion" && assertion.algorithm == .es256)
        #expect(assertion.lifetime == 300 && assertion.keyDelay == 7200)
        #expect(assertion.claims == Self.usual)
        #expect(try warnings(text("")) == [])
    }

    @Test("Every key is read")
    func everyKey() throws {
        let assertion = try assertion(
            "lifetime: 45s, algorithm: EdDSA, issuer: urn:postern, header: X-Token, key_delay: 12h, claims: { name: name }"
        )
        #expect(assertion.lifetime == 45 && assertion.algorithm == .edDSA && assertion.issuer == "urn:postern")
        #expect(assertion.header == "X-Token" && assertion.keyDelay == 43_200)
        #expect(assertion.claims == Self.usual.merging(["name": .claim("name")]) { $1 })
    }

    @Test(
        "The issuer is public_url without a slash at its end, unless it is named",
        arguments: ["https://app.example.com", "https://app.example.com:8443"])
    func issuer(url: String) throws {
        for end in ["", "/"] {
            let text = yaml("identity: { assertion: { audience: airflow } }", url: url + end)
            #expect(try settings(text).identity.assertion?.issuer == url)
        }
        #expect(try assertion("issuer: 'https://x.test/'").issuer == "https://x.test/", "as it is written")
    }

    @Test("Its header comes with the others")
    func header() throws {
        let headers = { (more: String, text: String) in
            let text = yaml("identity: { \(more)assertion: { audience: airflow, \(text) } }")
            return try settings(text).identity.headers.map { "\($0.name)=\($0.source)" }
        }
        let usual = try settings().identity.headers.map { "\($0.name)=\($0.source)" }
        #expect(try headers("", "") == usual + ["X-Auth-Request-Assertion=assertion"])
        #expect(try headers("", "header: X-A") == usual + ["X-A=assertion"])
        #expect(
            try headers("headers: { X-A: assertion }, ", "")
                == usual + ["X-A=claim:assertion", "X-Auth-Request-Assertion=assertion"])
    }

    @Test("Authorization may be its header, in any case of its letters", arguments: ["Authorization", "authorization"])
    func authorization(name: String) throws {
        #expect(try assertion("header: \(name)").header == name)
        #expect(mistakes(yaml("identity: { headers: { \(name): email } }")).count == 1, "and no other's")
    }

    // MARK: Claims

    @Test("A claim is a word as in identity.headers, in place of what it says by default")
    func words() throws {
        let claims = try claims(
            "sub: email, email: mine.is.this, groups: preferred_username, a: user, b: groups, c: email_verified, "
                + "'https://x.test/d': email-verified, email_verified: phone")
        #expect(
            claims == [
                "sub": .verifiedEmail, "email": .claim("mine.is.this"), "groups": .preferredUsername, "a": .user,
                "b": .groups,
                "c": .isEmailVerified, "https://x.test/d": .claim("email-verified"), "email_verified": .claim("phone"),
            ])
    }

    @Test(
        "A constant is text where it is quoted, else what it is in JSON, or text",
        arguments: [
            ("acme", JSONValue.string("acme")), ("7", .integer(7)), ("-7", .integer(-7)), ("'7'", .string("7")),
            ("\"7\"", .string("7")), ("true", .bool(true)), ("false", .bool(false)), ("'true'", .string("true")),
            ("\"false\"", .string("false")), ("''", .string("")), ("user", .string("user")), ("[]", .array([])),
            ("1.5", .number(1.5)), ("no", .string("no")), ("0123", .string("0123")), ("null", .string("null")),
            ("[a, 1, '1', true]", .array([.string("a"), .integer(1), .string("1"), .bool(true)])),
        ])
    func constants(text: String, value: JSONValue) throws {
        #expect(try claims("x: { value: \(text) }")["x"] == .constant(value))
    }

    @Test("Roles keep the order of their lines, which are text whatever they look like")
    func roles() throws {
        let lines = [("zeta", "admin"), ("alpha", "op"), ("mid dle", "viewer"), ("1", "2"), ("true", "no")]
        for lines in [lines, lines.reversed()] {
            let block = lines.map { "\($0.0): \($0.1)" }.joined(separator: ", ")
            let expected = lines.map { ClaimTemplate.RoleLine(group: $0.0, role: $0.1) }
            #expect(try claims("role: { groups: { \(block) } }")["role"] == .role(expected, others: nil))
            let others = try claims("role: { default: guest, groups: { \(block) } }")
            #expect(others["role"] == .role(expected, others: "guest"))
        }
    }

    // MARK: Mistakes

    @Test(
        "REL-11: a mistake is found where it stands",
        arguments: [
            ("lifetime: »29s", "identity.assertion.lifetime is out of range: from 30 to 300 seconds"),
            ("lifetime: »301s", "identity.assertion.lifetime is out of range: from 30 to 300 seconds"),
            ("lifetime: »soon", "identity.assertion.lifetime is a time such as 90s, 15m, 12h or 7d"),
            ("key_delay: »25h", "identity.assertion.key_delay is out of range: from 0 to 86400 seconds"),
            ("algorithm: »RS256", "identity.assertion.algorithm is one of ES256, EdDSA; did you mean ES256?"),
            ("algorithm: »es256", "identity.assertion.algorithm is one of ES256, EdDSA"),
            ("algorithm: »none", "identity.assertion.algorithm is one of ES256, EdDSA"),
            ("header: »Set-Cookie", "Set-Cookie cannot be an identity header"),
            ("»lifetme: 1m", "unknown key identity.assertion.lifetme; did you mean identity.assertion.lifetime?"),
            ("claims: »x", "claims holds names with what they say, `{role: {groups: {…}}}`"),
            ("claims: »[x]", "claims holds names with what they say"),
            ("claims: { »[a]: user }", "a claim's name is a plain word"),
            ("claims: { »'': user }", "a claim's name is a plain word"),
            ("claims: »{ sub: groups }", "sub is one text that names the person; user, for example"),
            ("claims: »{ sub: { value: '' } }", "sub is one text that names the person"),
            ("claims: { a: { value: [»[b]] } }", "a constant is a text, a number, true, false or a list of these"),
            ("claims: { a: { groups: { b: c }, default: »'' } }", "default is empty; leave it out"),
            ("header: »X-Auth-Request-User", "X-Auth-Request-User says something else already"),
            ("header: »x-auth-request-groups", "x-auth-request-groups says something else already"),
            ("claims: »{ sub: { value: 5 } }", "sub is one text that names the person"),
            ("claims: { a: »'' }", "nothing is said here; name user, email, groups or a claim"),
            ("claims: { a: »[user] }", "one value is expected here"),
            ("claims: { a: »{} }", "a claim is a word, {value: …}, or {groups: {GROUP: ROLE}, default: ROLE}"),
            ("claims: { a: »{ value: x, default: y } }", "a claim is a word, {value: …}"),
            ("claims: { a: »{ value: x, groups: { a: b } } }", "a claim is a word, {value: …}"),
            ("claims: { a: »{ default: y } }", "a claim is a word, {value: …}"),
            ("claims: { a: { value: »{ b: c } } }", "a constant is a text, a number, true, false or a list of these"),
            ("claims: { a: { value: [»{ b: c }] } }", "a constant is a text, a number, true, false or a list"),
            ("claims: { a: { groups: »x } }", "groups holds names with roles, `{airflow-admins: admin}`"),
            ("claims: { a: { groups: »[x] } }", "groups holds names with roles"),
            ("claims: { a: { groups: »{} } }", "groups holds names with roles"),
            ("claims: { a: { groups: { b: »'' } } }", "a group or role is empty"),
            ("claims: { a: { groups: { '': »b } } }", "a group or role is empty"),
            ("claims: { a: { groups: { b: »[c] } } }", "one value is expected here"),
            ("claims: { a: { groups: { b: c }, default: »[d] } }", "one value is expected here"),
            ("claims: { a: { groups: { b: c }, »other: d } }", "unknown key other; known: value, groups, default"),
        ])
    func wrong(text: String, message: String) {
        let (text, place) = marked(text)
        let found = mistakes(text)
        #expect(found.count == 1 && found[0].hasPrefix("p:\(place): \(message)"), "\(found), not at \(place)")
    }

    @Test(
        "HDR-02: what Postern says itself cannot be said by a template",
        arguments: ["iss", "aud", "exp", "nbf", "iat", "jti"])
    func reserved(name: String) {
        for template in ["user", "{ value: x }", "{ groups: { a: b } }"] {
            let (text, place) = marked("claims: { »\(name): \(template) }")
            #expect(mistakes(text) == ["p:\(place): \(name) is set by Postern itself; leave it out"])
        }
    }

    @Test("REL-11: one mistake does not hide the others")
    func several() {
        let found = mistakes(text("claims: { iss: user, a: '', b: { groups: {} } }, lifetime: 1s, header: Host"))
        #expect(found.count == 5, "\(found)")
    }

    @Test(
        "HDR-01: what steers an answer, a connection or a web server cannot be its header",
        arguments: [
            "Set-Cookie", "Host", "Cookie", "Connection", "Location", "Status", "Content-Length", "X-Accel-Redirect",
            "X-Forwarded-For", "Proxy-Authorization", "WWW-Authenticate", "X_Token", "'X-A:b'", "'a b'",
            "Authorization_", "Variable-X", "Transfer-Encoding", "Remote-Addr", "Script-Name", "Server-Name", "HTTPS",
            "Redirect-Status", "X-Original-URL",
        ])
    func refusedHeaders(name: String) {
        let (text, place) = marked("header: »\(name)")
        let plain = name.replacing("'", with: "")
        #expect(
            mistakes(text) == [
                "p:\(place): \(plain) cannot be an identity header; use letters, digits and hyphens, such as X-Department"
            ])
    }

    @Test(
        "REL-11: without an audience every other key is a mistake",
        arguments: [
            "lifetime: »2m", "algorithm: »EdDSA", "issuer: »https://x.test", "header: »Authorization",
            "key_delay: »3h", "claims: »{ a: user }",
        ])
    func withoutAudience(text: String) {
        let key = "identity.assertion.\(text.prefix { $0 != ":" })"
        let (text, place) = marked(text, audience: nil)
        #expect(
            mistakes(text) == [
                "p:\(place): \(key) does nothing without identity.assertion.audience: name the application, "
                    + "`audience: airflow`"
            ])
    }

    @Test("What is set to its default needs no audience; an empty one is a mistake")
    func standard() {
        let (text, place) = marked("lifetime: 5m", audience: "»''")
        #expect(mistakes(text).map { $0.hasPrefix("p:\(place): ") } == [true], "\(mistakes(text))")
        #expect(mistakes(yaml("identity: { assertion: { lifetime: 5m, algorithm: ES256, key_delay: 2h } }")) == [])
    }

    // MARK: Warnings

    @Test("answer_cache and an assertion do not go together")
    func answerCache() throws {
        #expect(
            try warnings(text("") + "answer_cache: 2s\n") == [
                "postern.yaml:5:15: answer_cache does nothing: an answer with an assertion in it is not reused"
            ])
        #expect(try warnings(text("") + "answer_cache: 0\n") == [])
        #expect(try warnings(yaml("answer_cache: 2s")) == [])
    }

    @Test("A new key that signs before applications know it is warned of", arguments: ["0", "599s", "9m"])
    func keyDelay(time: String) throws {
        let (marked, place) = marked("key_delay: »\(time)")
        #expect(
            try warnings(marked) == [
                "postern.yaml:\(place): identity.assertion.key_delay is short: after `postern key rotate` applications "
                    + "refuse everybody until they fetch the new key"
            ])
        #expect(try warnings(text("key_delay: 10m")) == [])
    }

    // MARK: The environment

    @Test("All but the claims can come from the environment, over the file")
    func environment() throws {
        let found = try settings(
            text("lifetime: 1m"),
            [
                variable("AUDIENCE"): "other", variable("LIFETIME"): "2m", variable("ALGORITHM"): "EdDSA",
                variable("ISSUER"): "urn:x", variable("HEADER"): "Authorization", variable("KEY_DELAY"): "3h",
            ]
        ).identity.assertion
        let assertion = try #require(found)
        #expect(assertion.audience == "other" && assertion.lifetime == 120 && assertion.algorithm == .edDSA)
        #expect(assertion.issuer == "urn:x" && assertion.header == "Authorization" && assertion.keyDelay == 10_800)
    }

    @Test("REL-11: a variable that cannot be is a mistake, with its name")
    func wrongEnvironment() {
        for (name, message) in [
            ("CLAIMS", "this key can be set in the file only"),
            ("AUDIENC", "no such setting; did you mean \(variable("AUDIENCE"))?"),
            (
                "ISSUER",
                "identity.assertion.issuer does nothing without identity.assertion.audience: name the application, "
                    + "`audience: airflow`"
            ),
        ] {
            #expect(mistakes(yaml(), [variable(name): "x"]) == ["environment:\(variable(name)): \(message)"])
        }
    }

    // MARK: Factories

    private func variable(_ key: String) -> String { "POSTERN_IDENTITY_ASSERTION_\(key)" }

    private func text(_ keys: String, audience: String? = "airflow") -> String {
        yaml("identity: { assertion: { \(audience.map { "audience: \($0), " } ?? "")\(keys) } }")
    }

    /// The same without the mark, and the line and column where the mark was.
    private func marked(_ keys: String, audience: String? = "airflow") -> (text: String, place: String) {
        let lines = text(keys, audience: audience).split(separator: "\n", omittingEmptySubsequences: false)
        let places = lines.enumerated().compactMap { number, line in
            line.firstIndex(of: "»").map { "\(number + 1):\(line.distance(from: line.startIndex, to: $0) + 1)" }
        }
        return (lines.joined(separator: "\n").replacing("»", with: ""), places.first ?? "no mark")
    }

    private func assertion(_ keys: String) throws -> AssertionHeaderSettings {
        try #require(try settings(text(keys)).identity.assertion)
    }

    private func claims(_ text: String) throws -> [String: ClaimTemplate] {
        try assertion("claims: { \(text) }").claims
    }
}

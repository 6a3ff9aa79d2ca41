import Policy
import Testing
import Web

struct PolicyTests {
    @Test("No rules are no policy")
    func empty() {
        #expect(Policy(rules: []) == nil)
    }

    @Test("When no rule matches nobody passes")
    func noMatch() throws {
        let policy = try #require(Policy(rules: [rule("x", paths: ["/x"], .isPublic)]))
        #expect(policy.decide(on: try resource("/y"), for: nil) == .deny(.noRuleMatches))
        #expect(policy.decide(on: try resource("/y"), for: identity()) == .deny(.noRuleMatches))
    }

    @Test("The first rule that matches decides, and no other is asked")
    func first() throws {
        let policy = try #require(
            Policy(rules: [
                rule("ops", paths: ["/admin/*"], .allow(group("ops"))), rule("closed", paths: ["/closed"], .deny),
                rule("open", paths: ["/health"], .isPublic), rule("people", .allow(.anyone)),
            ]))
        let decide = { policy.decide(on: try resource($0), for: $1) }
        #expect(try decide("/admin/x", nil) == .signIn(rule: "ops"))
        #expect(try decide("/admin/x", identity()) == .deny(.conditionNotMet(rule: "ops")))
        #expect(try decide("/admin/x", identity(groups: ["ops"])) == .allow(rule: "ops"))
        #expect(try decide("/closed", identity(groups: ["ops"])) == .deny(.ruleDenies("closed")))
        #expect(try decide("/closed", nil) == .deny(.ruleDenies("closed")))
        #expect(try decide("/health", nil) == .allowPublic(rule: "open"))
        #expect(try decide("/health", identity()) == .allowPublic(rule: "open"))
        #expect(try decide("/", identity()) == .allow(rule: "people"))
        #expect(try decide("/", nil) == .signIn(rule: "people"))
    }

    @Test("Of several readings of a path the strictest decision counts, wherever its reading stands")
    func readings() throws {
        let rules = [
            rule("open", paths: ["/open/*"], .isPublic), rule("people", paths: ["/people/*"], .allow(.anyone)),
            rule("closed", paths: ["/closed/*"], .deny),
        ]
        let policy = try #require(Policy(rules: rules))
        let decide = { policy.decide(on: try resource($0), for: $1) }
        // Each is read both as its first segment says and, with the escaped slash, as the other.
        #expect(try decide("/open/..%2fpeople/x", nil) == .signIn(rule: "people"))
        #expect(try decide("/open/..%2fpeople/x", identity()) == .allow(rule: "people"))
        #expect(try decide("/people/..%2fopen/x", nil) == .signIn(rule: "people"))
        #expect(try decide("/people/..%2fopen/x", identity()) == .allow(rule: "people"))
        #expect(try decide("/people/..%2fclosed/x", nil) == .deny(.ruleDenies("closed")))
        #expect(try decide("/closed/..%2fpeople/x", identity()) == .deny(.ruleDenies("closed")))
        #expect(try decide("/open/..%2fother", nil) == .deny(.noRuleMatches))
        #expect(try decide("/open/a%2fb", nil) == .allowPublic(rule: "open"))
    }
}

struct PathPolicyTests {
    private let policy = Policy(rules: [
        rule("public", paths: ["/public/*"], .isPublic),
        rule("admins", paths: ["/admin/*"], .allow(group("K8S-ADMIN"))),
        rule("people", .allow(.anyone)),
    ])

    @Test(
        "PATH-01, PATH-03: what some server takes for /admin is open to no stranger and no other",
        arguments: corpus("paths/reach-admin.txt"))
    func admin(uri: String) throws {
        guard ResourcePath(requestURI: Array(uri.utf8)[...]) != nil else { return }
        let resource = try resource(uri)
        let policy = try #require(policy)
        for person in [nil, identity(groups: ["K8S-ADMINS", "k8s-admin", ""])] {
            switch policy.decide(on: resource, for: person) {
            case .signIn, .deny: break
            case .allow, .allowPublic: Issue.record("\(uri) is open to \(person == nil ? "nobody" : "another")")
            }
        }
    }

    @Test(
        "PATH-02: a public path in the query, behind an escaped mark or as a parameter opens nothing",
        arguments: [
            "/admin?x=/public/", "/admin?/public/", "/admin%23/public/x", "/admin;/public/", "/admin/%3f/public/",
        ])
    func decoys(uri: String) throws {
        let rules: [Decision] = [.signIn(rule: "admins"), .signIn(rule: "people")]
        #expect(try rules.contains(#require(policy?.decide(on: resource(uri), for: nil))))
        #expect(try policy?.decide(on: resource(uri), for: identity()) == .deny(.conditionNotMet(rule: "admins")))
    }

    @Test("PATH-02, PATH-07: a fragment is no path")
    func fragment() {
        #expect(ResourcePath(requestURI: Array("/admin#/public/x".utf8)[...]) == nil)
    }

    @Test(
        "PATH-07: a rule for GET is about GET alone",
        arguments: ["POST", "get", "HEAD", "OPTIONS", "GET ", "", "GETT", "GE"])
    func methods(method: String) throws {
        let policy = try #require(
            Policy(rules: [
                rule("read", paths: ["/public/*"], methods: ["GET"], .isPublic), rule("people", .allow(.anyone)),
            ]))
        #expect(policy.decide(on: try resource("/public/x"), for: nil) == .allowPublic(rule: "read"))
        #expect(policy.decide(on: try resource("/public/x", method: method), for: nil) == .signIn(rule: "people"))
    }
}

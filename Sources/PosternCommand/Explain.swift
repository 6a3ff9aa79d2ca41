internal import ArgumentParser
internal import Configuration
internal import Identity
internal import OpenIDConnect
internal import Policy
internal import Values
internal import Web

/// `postern explain`
struct Explain: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Say which rule decides on a request, and why.",
        discussion: """
            Rules see what the options say: nobody is asked, neither a provider nor the session store. Without --user nobody \
            is signed in. Ends with 0 when the request may pass, else with 1.
            """)

    @OptionGroup var configuration: ConfigurationOption
    @Option(help: "The address asked for, https://app.example.com/admin?x=1, or only its path.")
    var url: String
    @Option(help: "The user name of the person.")
    var user: String?
    @Option(help: "Their e-mail address.")
    var email: String?
    @Flag(help: "The provider does not call the address verified.")
    var unverified = false
    @Option(name: .customLong("group"), help: "A group of theirs; may be repeated.")
    var groups: [String] = []
    @Option(name: .customLong("claim"), help: "A claim, NAME=VALUE; may be repeated, also with one name.")
    var claims: [String] = []
    @Option(help: "Their subject, the provider's own name for them; by default the user name.")
    var subject: String?
    @Option(help: "The provider they signed in with; by default the one that is configured.")
    var provider: String?
    @Option(help: "The method.")
    var method = "GET"
    @Option(help: "The client's address.")
    var address = "127.0.0.1"

    func validate() throws {
        let isDescribed = email != nil || !groups.isEmpty || !claims.isEmpty || subject != nil || provider != nil
        guard user != nil || !isDescribed else { throw ValidationError("say who it is: --user NAME") }
        guard claims.allSatisfy({ $0.utf8.contains(UInt8(ascii: "=")) }) else {
            throw ValidationError("--claim is NAME=VALUE")
        }
        guard IPAddress(address.utf8) != nil else { throw ValidationError("--address is an address such as 192.0.2.7") }
    }

    func run() throws {
        let settings = try configuration.load()
        let resource = try resource(settings)
        let identity = identity(settings)
        let explanation = settings.policy.explain(resource, for: identity, at: Clock.system.now())
        for step in explanation.steps { print(Self.line(step)) }
        print("decision: \(Self.text(explanation.decision))")
        switch explanation.decision {
        case .allow:
            if let identity, let assertion = settings.identity.assertion {
                let claims = assertion.claims.compactMapValues { $0.value(for: identity) }
                let hasSubject = claims["sub"]?.string?.isEmpty == false
                print("assertion: \(hasSubject ? JSONValue.object(claims).text : "none, because there is no sub")")
            }
        case .allowPublic: break
        case .signIn, .deny: throw ExitCode(1)
        }
    }

    private func resource(_ settings: Settings) throws -> Resource {
        let address = url.hasPrefix("/") ? settings.gate.publicURL.origin + url : url
        guard let url = EndpointURL(address, allowsHTTP: true) else {
            throw ValidationError("--url is an address such as https://app.example.com/admin")
        }
        let path = url.pathAndQuery.isEmpty ? "/" : url.pathAndQuery
        guard let path = ResourcePath(requestURI: Array(path.utf8)[...]) else {
            print("decision: denied, because the path has more than one meaning")
            throw ExitCode(1)
        }
        return Resource(
            host: url.host, path: path, method: method, address: IPAddress(self.address.utf8))
    }

    private func identity(_ settings: Settings) -> Identity? {
        guard let user else { return nil }
        var members: [String: JSONValue] = [:]
        for claim in claims {
            let parts = claim.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard parts.count == 2 else { continue }
            members[parts[0]] =
                members[parts[0]].map { .array(($0.array ?? [$0]) + [.string(parts[1])]) } ?? .string(parts[1])
        }
        let configured = settings.providers.map(\.provider).first { $0.name == provider } ?? settings.firstProvider
        return Identity(
            provider: provider ?? configured.name, issuer: configured.issuer, subject: subject ?? user,
            username: user, email: email, isEmailVerified: !unverified, groups: groups, claims: Claims(members))
    }

    private static func line(_ step: Explanation.Step) -> String {
        let reading = String(decoding: step.reading, as: UTF8.self)
        guard let mismatch = step.mismatch else {
            return "rule \(step.rule) matches \(reading): \(step.decision.map(text) ?? "-")"
        }
        return "rule \(step.rule) is not about \(reading): another \(mismatch.rawValue)"
    }

    private static func text(_ decision: Decision) -> String {
        switch decision {
        case .allow(let rule): "allowed by rule \(rule)"
        case .allowPublic(let rule): "public by rule \(rule)"
        case .signIn: "sign-in needed"
        case .deny(let reason): "denied, because \(reason)"
        }
    }
}

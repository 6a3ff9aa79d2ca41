internal import ArgumentParser
internal import Configuration
internal import Identity
internal import OpenIDConnect
internal import Values
internal import Web

/// `postern doctor`
struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Ask the web server real questions, and name what is wrong.",
        discussion: """
            Run it as the user of Postern, while Postern and the web server run. It signs a person in for a minute, with the \
            key file, and sends requests as a browser would; the application is asked a few times, too. Describe somebody \
            whom your rules let in: --email alice@example.com --group staff. Ends with 1 when something is wrong.
            """)

    @OptionGroup var configuration: ConfigurationOption
    @Option(help: "The address to ask, of a protected page; by default / of public_url.")
    var url: String?
    @Option(help: "ADDRESS:PORT to connect to, in place of what the address says.")
    var connect: String?
    @Option(name: .customLong("ca-file"), help: "A PEM file of the authorities to trust for the site.")
    var caFile: String?
    @Option(help: "The user name of the person who is signed in for the test.")
    var user = "postern-doctor"
    @Option(help: "Their e-mail address, verified.")
    var email: String?
    @Option(name: .customLong("group"), help: "A group of theirs; may be repeated.")
    var groups: [String] = []

    func run() throws {
        let settings = try configuration.load()
        let text = url.map { $0.hasPrefix("/") ? settings.gate.publicURL.origin + $0 : $0 }
        guard let page = EndpointURL(text ?? settings.gate.publicURL.origin + "/", allowsHTTP: true) else {
            throw ValidationError("--url is an address such as https://app.example.com/admin")
        }
        let site = ProbedSite(page: page, settings: settings, connection: connect, caFile: caFile)
        let person = Identity(
            provider: settings.firstProvider.name, issuer: settings.firstProvider.issuer, subject: user, username: user,
            email: email, isEmailVerified: true, groups: groups)
        let findings = try Examination(site: site, settings: settings, person: person).findings()
        for finding in findings { print(finding) }
        let problems = findings.filter(\.isProblem).count
        print(problems == 0 ? "nothing is wrong" : "problems: \(problems)")
        if problems > 0 { throw ExitCode(1) }
    }
}

/// One thing that was looked at.
enum Finding: CustomStringConvertible {
    case good(String)
    /// Could not be looked at, and why.
    case unknown(String)
    case problem(String, remedy: String)

    var isProblem: Bool { if case .problem = self { true } else { false } }

    var description: String {
        switch self {
        case .good(let text): "good: \(text)"
        case .unknown(let text): "not known: \(text)"
        case .problem(let text, let remedy): "PROBLEM: \(text)\n    remedy: \(remedy)"
        }
    }
}

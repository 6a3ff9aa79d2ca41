/// The identity headers of a configuration, and every name under which a client might send one of its own.
struct HeaderNames: Sendable {
    /// The names in use.
    let sent: [String]

    /// Names that applications trust by convention: a client may never send them, whether they are in use or not.
    private static let conventional = [
        "X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Groups", "X-Auth-Request-Preferred-Username",
        "X-Auth-Request-Access-Token", "X-Auth-Request-Assertion", "Remote-User", "Remote-Email", "Remote-Name",
        "Remote-Groups", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups",
        "X-Forwarded-Preferred-Username", "X-Forwarded-Access-Token",
    ]

    /// Names by which some servers and frameworks take another path than the one that was judged (gunicorn believes
    /// SCRIPT_NAME of whoever is near).
    private static let paths = ["Script-Name", "Path-Info", "X-Original-URL", "X-Rewrite-URL"]

    /// Those in use, and those that a client may never send, in use or not.
    var all: [String] { sent + (Self.conventional + Self.paths).filter { !isSent($0) } }

    /// All of them in every spelling.
    var allSpellings: [String] { all.flatMap(Self.spellings) }

    func isSent(_ name: String) -> Bool {
        sent.contains { $0.lowercased() == name.lowercased() }
    }

    /// Every way to write hyphens as underscores. Beyond six hyphens only all at once: the list doubles with each.
    static func spellings(of name: String) -> [String] {
        let words = name.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard words.count <= 7 else { return [name, words.joined(separator: "_")] }
        return words.dropFirst().reduce([words.first ?? ""]) { spellings, word in
            spellings.map { "\($0)-\(word)" } + spellings.map { "\($0)_\(word)" }
        }
    }

    /// The variable that an authorizer's answer sets for a header.
    static func variable(of name: String) -> String {
        name.uppercased().replacing("-", with: "_")
    }
}

/// The lines that set the identity headers, and clear whatever a client sends under names like theirs.
struct NginxHeaders: Sendable {
    private let sent: [String]

    /// Names that applications trust by convention: a client may never send them, whether they are in use or not.
    private static let conventional = [
        "X-Auth-Request-User", "X-Auth-Request-Email", "X-Auth-Request-Groups", "X-Auth-Request-Preferred-Username",
        "X-Auth-Request-Access-Token", "X-Auth-Request-Assertion", "Remote-User", "Remote-Email", "Remote-Name",
        "Remote-Groups", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups",
        "X-Forwarded-Preferred-Username", "X-Forwarded-Access-Token",
    ]

    init(sent: [String]) {
        self.sent = sent
    }

    var lines: String {
        let names = sent + Self.conventional.filter { !isSent($0) }
        return """
            # Who it is, in the words of the check. An empty value is no header at all, so nothing of the client's remains.
            \(sent.map(assignment).joined(separator: "\n"))

            # Other names, and other spellings of all of them: underscores_in_headers may be on for this port's first server.
            proxy_headers_hash_max_size \(max(1024, hashSize(names)));
            proxy_headers_hash_bucket_size 128;
            \(names.flatMap(cleared).map { "proxy_set_header \($0) \"\";" }.joined(separator: "\n"))
            """
    }

    private func isSent(_ name: String) -> Bool {
        sent.contains { $0.lowercased() == name.lowercased() }
    }

    private func assignment(_ name: String) -> String {
        let word = name.lowercased().replacing("-", with: "_")
        return """
            auth_request_set $postern_\(word) $upstream_http_\(word);
            proxy_set_header \(name) $postern_\(word);
            """
    }

    private func cleared(_ name: String) -> [String] {
        Self.spellings(of: name).filter { !($0 == name && isSent(name)) }
    }

    /// Every way to write hyphens as underscores. Beyond six hyphens only all at once: the list doubles with each.
    static func spellings(of name: String) -> [String] {
        let words = name.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard words.count <= 7 else { return [name, words.joined(separator: "_")] }
        return words.dropFirst().reduce([words.first ?? ""]) { spellings, word in
            spellings.map { "\($0)-\(word)" } + spellings.map { "\($0)_\(word)" }
        }
    }

    private func hashSize(_ names: [String]) -> Int {
        names.flatMap(Self.spellings).count * 4
    }
}

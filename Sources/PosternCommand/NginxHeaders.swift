/// The lines that set the identity headers, and clear whatever a client sends under names like theirs.
struct NginxHeaders: Sendable {
    let names: HeaderNames

    var lines: String {
        """
        # Who it is, in the words of the check. An empty value is no header at all, so nothing of the client's remains.
        \(names.sent.map(assignment).joined(separator: "\n"))

        # Other names, and other spellings of all of them: underscores_in_headers may be on for this port's first server.
        proxy_headers_hash_max_size \(max(1024, names.allSpellings.count * 4));
        proxy_headers_hash_bucket_size 128;
        \(names.all.flatMap(cleared).map { "proxy_set_header \($0) \"\";" }.joined(separator: "\n"))
        """
    }

    private func assignment(_ name: String) -> String {
        let word = name.lowercased().replacing("-", with: "_")
        return """
            auth_request_set $postern_\(word) $upstream_http_\(word);
            proxy_set_header \(name) $postern_\(word);
            """
    }

    private func cleared(_ name: String) -> [String] {
        HeaderNames.spellings(of: name).filter { !($0 == name && names.isSent(name)) }
    }
}

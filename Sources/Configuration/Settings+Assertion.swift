internal import Identity
internal import JOSE
internal import Values
internal import Yams

/// The assertion: what an application is told with our signature.
extension Reader {
    func assertion() -> AssertionHeaderSettings? {
        let path = "identity.assertion"
        guard let audience = text("\(path).audience") else {
            // What is set to its default does nothing in any case.
            for key in document.entries.keys.sorted() where key.hasPrefix(path) && !isStandard(key) {
                let what =
                    key == "\(path).audience" ? "\(key) is empty" : "\(key) does nothing without \(path).audience"
                problems.add(place(key), "\(what): name the application, `audience: airflow`")
            }
            return nil
        }
        let header = text("\(path).header") ?? ""
        if !header.utf8.map(\.asciiLowercased).elementsEqual("authorization".utf8) {
            _ = isIdentityHeader(header, place("\(path).header"))
        }
        if duration("answer_cache") > 0 {
            warnings.add(
                place("answer_cache"), "answer_cache does nothing: an answer with an assertion in it is not reused")
        }
        let delay = duration("\(path).key_delay")
        if delay < Self.shortestDelay {
            warnings.add(
                place("\(path).key_delay"),
                "\(path).key_delay is short: after `postern key rotate` applications refuse everybody until they fetch the new key"
            )
        }
        return AssertionHeaderSettings(
            header: header, audience: audience, issuer: text("\(path).issuer") ?? publicOrigin,
            lifetime: duration("\(path).lifetime"),
            algorithm: choice("\(path).algorithm").flatMap { SignatureAlgorithm(rawValue: $0) } ?? .es256,
            keyDelay: delay, claims: claims("\(path).claims"))
    }

    private func isStandard(_ path: String) -> Bool {
        guard case .text(let text) = document.entries[path]?.content else { return false }
        return text == KeyTable.key(path.split(separator: ".").map(String.init))?.standard
    }

    /// Seconds; published keys may be kept for half of it.
    private static let shortestDelay: Int64 = 600

    private var publicOrigin: String {
        var text = text("public_url") ?? ""
        while text.hasSuffix("/") { text.removeLast() }
        return text
    }

    private func claims(_ path: String) -> [String: ClaimTemplate] {
        var claims: [String: ClaimTemplate] = [
            "sub": .user, "email": .email, "email_verified": .isEmailVerified, "groups": .groups,
        ]
        guard case .node(let node) = document.entries[path]?.content else { return claims }
        let reader = ClaimReader(document: document, problems: problems)
        for (name, template) in reader.templates(node) { claims[name] = template }
        if let subject = claims["sub"], !subject.isText {
            problems.add(place(path), "sub is one text that names the person; user, for example")
        }
        // As with user names: an address that anybody could have given names nobody.
        if claims["sub"] == .email { claims["sub"] = .verifiedEmail }
        return claims
    }
}

/// Reads the templates of claims: a word, a constant, or what groups become.
private struct ClaimReader {
    let document: Document
    let problems: Problems

    /// The claims that every assertion has of its own (RFC 7519, section 4.1).
    private static let reserved: Set<String> = ["iss", "aud", "exp", "nbf", "iat", "jti"]

    func templates(_ node: Node) -> [(String, ClaimTemplate)] {
        guard case .mapping(let mapping) = node else {
            problems.add(document.place(of: node), "claims holds names with what they say, `{role: {groups: {…}}}`")
            return []
        }
        return mapping.compactMap { name, value in
            guard let text = name.scalar?.string, !text.isEmpty else {
                problems.add(document.place(of: name), "a claim's name is a plain word")
                return nil
            }
            guard !Self.reserved.contains(text) else {
                problems.add(document.place(of: name), "\(text) is set by Postern itself; leave it out")
                return nil
            }
            return template(value).map { (text, $0) }
        }
    }

    private func template(_ node: Node) -> ClaimTemplate? {
        guard case .mapping(let mapping) = node else { return word(node) }
        var parts: [String: Node] = [:]
        for (name, value) in mapping {
            let word = name.scalar?.string ?? ""
            guard ["value", "groups", "default"].contains(word) else {
                problems.add(document.place(of: name), "unknown key \(word); known: value, groups, default")
                continue
            }
            parts[word] = value
        }
        switch (parts["value"], parts["groups"]) {
        case (let value?, nil) where parts["default"] == nil: return constant(value).map { .constant($0) }
        case (nil, let groups?): return role(groups, others: parts["default"])
        default:
            problems.add(
                document.place(of: node),
                "a claim is a word, {value: …}, or {groups: {GROUP: ROLE}, default: ROLE}")
            return nil
        }
    }

    private func word(_ node: Node) -> ClaimTemplate? {
        guard let text = document.text(node) else { return nil }
        switch text {
        case "user": return .user
        case "email": return .email
        case "email_verified": return .isEmailVerified
        case "groups": return .groups
        case "preferred_username": return .preferredUsername
        case "":
            problems.add(document.place(of: node), "nothing is said here; name user, email, groups or a claim")
            return nil
        default: return .claim(text)
        }
    }

    private func role(_ node: Node, others: Node?) -> ClaimTemplate? {
        guard case .mapping(let mapping) = node, !mapping.isEmpty else {
            problems.add(document.place(of: node), "groups holds names with roles, `{airflow-admins: admin}`")
            return nil
        }
        let lines = mapping.compactMap { group, role -> ClaimTemplate.RoleLine? in
            guard let group = document.text(group), let text = document.text(role) else { return nil }
            guard !group.isEmpty, !text.isEmpty else {
                problems.add(document.place(of: role), "a group or role is empty")
                return nil
            }
            return ClaimTemplate.RoleLine(group: group, role: text)
        }
        let other = others.flatMap { document.text($0) }
        if let others, other == "" { problems.add(document.place(of: others), "default is empty; leave it out") }
        return .role(lines, others: other)
    }

    /// Quoted it is text; else it is what the same letters are in JSON, and text if they are nothing there.
    private func constant(_ node: Node, isInList: Bool = false) -> JSONValue? {
        switch node {
        case .sequence(let elements) where !isInList:
            return .array(elements.compactMap { constant($0, isInList: true) })
        case .scalar(let scalar) where scalar.style != .plain || !scalar.string.isEmpty:
            let value = scalar.style == .plain ? JSONValue(parsing: Array(scalar.string.utf8), limit: 64) : nil
            switch value {
            case .bool, .integer, .number: return value
            default: return .string(scalar.string)
            }
        default:
            problems.add(document.place(of: node), "a constant is a text, a number, true, false or a list of these")
            return nil
        }
    }
}

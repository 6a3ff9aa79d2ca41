internal import Identity
internal import Policy
internal import Values
internal import Web
internal import Yams

/// Reads the rules: what each is about, and what becomes of it.
struct RuleReader {
    let document: Document
    let problems: Problems
    let warnings: Problems

    private static let names = [
        "name", "hosts", "paths", "methods", "networks", "allow", "public", "deny",
        "providers", "acr_values", "max_age",
    ]

    func rules(_ node: Node) -> [Rule] {
        guard case .sequence(let elements) = node else {
            problems.add(document.place(of: node), "rules is a list, `- allow: {…}`")
            return []
        }
        let rules = elements.enumerated().compactMap { index, element in
            rule(element, number: index + 1).map { (rule: $0, place: document.place(of: element)) }
        }
        for (index, (rule, place)) in rules.enumerated()
        where rules[..<index].contains(where: { $0.rule.name == rule.name }) {
            problems.add(place, "another rule is called \(rule.name), too; give each a name of its own")
        }
        return rules.map(\.rule)
    }

    private func rule(_ node: Node, number: Int) -> Rule? {
        guard case .mapping(let mapping) = node else {
            problems.add(document.place(of: node), "a rule holds keys, `allow: {…}`")
            return nil
        }
        var parts: [String: Node] = [:]
        for (name, value) in mapping {
            let word = name.scalar?.string ?? ""
            if Self.names.contains(word) { parts[word] = value } else { unknown(word, name, Self.names) }
        }
        let hosts = list(parts["hosts"]) {
            HostPattern(Array($0.utf8))
        } or: {
            "\($0) is no host; app.example.com or *.example.com"
        }
        let paths = list(parts["paths"]) {
            PathPattern(Array($0.utf8))
        } or: {
            "\($0) is no path; /health or /admin/*"
        }
        let methods = list(parts["methods"], method) { "\($0) is no method; methods are upper case, GET" }
        let networks = list(parts["networks"]) {
            Network($0.utf8)
        } or: {
            "\($0) is no network; 10.0.0.0/8 or an address"
        }
        let demand = demand(parts)
        guard let effect = effect(parts, node) else { return nil }
        if case .allow = effect {
        } else if demand != .none {
            problems.add(document.place(of: node), "providers, acr_values and max_age belong to a rule with allow")
        }
        let name = parts["name"].flatMap { document.text($0) } ?? "\(number)"
        return Rule(
            name: name, hosts: hosts, paths: paths, methods: methods, networks: networks, effect: effect, demand: demand
        )
    }

    /// What the rule demands of a sign-in.
    private func demand(_ parts: [String: Node]) -> SignInDemand {
        let providers = list(parts["providers"]) { name in
            document.providers.contains { $0.name == name } ? name : nil
        } or: {
            "\($0) is no provider of this file"
        }
        let values = list(parts["acr_values"]) {
            Self.isContextClass($0) ? $0 : nil
        } or: {
            "\($0) is no authentication context class"
        }
        return SignInDemand(
            providers: providers, strength: Strength(acrValues: values, maxAge: parts["max_age"].flatMap(seconds)))
    }

    /// It stands between quotes in a header field.
    static func isContextClass(_ text: String) -> Bool {
        !text.isEmpty
            && text.utf8.allSatisfy {
                (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
            }
    }

    private func seconds(_ node: Node) -> Int64? {
        guard let text = document.text(node) else { return nil }
        let seconds = Reader.seconds(text).flatMap { (1...31_536_000).contains($0) ? $0 : nil }
        if seconds == nil {
            problems.add(document.place(of: node), "max_age is a time such as 90s, 15m, 12h or 7d, a year at most")
        }
        return seconds
    }

    private func method(_ text: String) -> [UInt8]? {
        let bytes = Array(text.utf8)
        return bytes.allSatisfy { (0x41...0x5A).contains($0) || $0 == UInt8(ascii: "-") } && !bytes.isEmpty
            ? bytes : nil
    }

    private func list<Part>(_ node: Node?, _ make: (String) -> Part?, or message: (String) -> String) -> [Part] {
        guard let node else { return [] }
        let entries = document.list(node) ?? []
        if entries.isEmpty {
            problems.add(document.place(of: node), "an empty list would match nothing; leave the key out")
        }
        return entries.compactMap { entry in
            let part = make(entry.text)
            if part == nil { problems.add(entry.place, message(entry.text)) }
            return part
        }
    }

    private func effect(_ parts: [String: Node], _ rule: Node) -> Rule.Effect? {
        let chosen = ["allow", "public", "deny"].filter { parts[$0] != nil }
        guard chosen.count == 1, let word = chosen.first, let node = parts[word] else {
            problems.add(document.place(of: rule), "a rule has exactly one of allow, public: true, deny: true")
            return nil
        }
        guard word != "allow" else { return condition(node).map { .allow($0) } }
        guard node.scalar?.string == "true" else {
            problems.add(document.place(of: node), "\(word) is true, or leave it out")
            return nil
        }
        return word == "public" ? .isPublic : .deny
    }

    private func unknown(_ word: String, _ node: Node, _ names: [String]) {
        let meant =
            nearest(to: word, among: names).map { "; did you mean \($0)?" }
            ?? "; known: \(names.joined(separator: ", "))"
        problems.add(document.place(of: node), "unknown key \(word)\(meant)")
    }
}

// MARK: - Conditions

extension RuleReader {
    private static let words = [
        "everyone", "groups", "emails", "domains", "users", "subjects", "providers", "claims", "all", "any", "not",
        "insecure_unverified_email",
    ]

    /// Several keys in one condition: any of them.
    private func condition(_ node: Node) -> Condition? {
        guard case .mapping(let mapping) = node else {
            problems.add(
                document.place(of: node),
                "a condition holds keys, `{groups: [staff]}`; anybody signed in is {everyone: true}")
            return nil
        }
        let unverified = mapping.first { name, _ in name.scalar?.string == "insecure_unverified_email" }
        let includesUnverified = unverified?.value.scalar?.string == "true"
        if let value = unverified?.value, !["true", "false"].contains(value.scalar?.string) {
            problems.add(document.place(of: value), "insecure_unverified_email is true or false")
        }
        if includesUnverified {
            warnings.add(
                document.place(of: node),
                "insecure_unverified_email is on: addresses count that anybody could have given")
        }
        let choices = mapping.flatMap { name, value in
            conditions(name.scalar?.string ?? "", name, value, includesUnverified)
        }
        if choices.isEmpty {
            problems.add(
                document.place(of: node), "a condition that nobody can meet; {everyone: true} or {groups: [staff]}")
        }
        return choices.count == 1 ? choices.first : .any(choices)
    }

    private func conditions(_ word: String, _ name: Node, _ value: Node, _ includesUnverified: Bool) -> [Condition] {
        switch word {
        case "everyone":
            if value.scalar?.string != "true" { problems.add(document.place(of: value), "everyone is true") }
            return [.anyone]
        case "groups": return texts(value).map { .group($0) }
        case "emails":
            return texts(value, Self.isAddress, "no e-mail address; alice@example.com").map {
                .email($0, includesUnverified: includesUnverified)
            }
        case "domains":
            return texts(value, Self.isDomain, "no domain; example.com, without @ and *").map {
                .domain($0, includesUnverified: includesUnverified)
            }
        case "users": return texts(value).map { .user($0) }
        case "subjects": return texts(value).map { .subject($0) }
        case "providers": return texts(value).map { .provider($0) }
        case "claims": return claims(value)
        case "all": return [.all(several(value))]
        case "any": return [.any(several(value))]
        case "not": return condition(value).map { [.not($0)] } ?? []
        case "insecure_unverified_email": return []
        default:
            unknown(word, name, Self.words)
            return []
        }
    }

    private func texts(
        _ node: Node, _ isRight: ([UInt8]) -> Bool = { _ in true }, _ wrong: String = ""
    ) -> [[UInt8]] {
        guard let entries = document.list(node) else { return [] }
        if entries.isEmpty {
            problems.add(document.place(of: node), "an empty list is met by nobody; leave the key out")
        }
        return entries.compactMap { entry in
            let bytes = Array(entry.text.utf8)
            if bytes.isEmpty {
                problems.add(entry.place, "an entry is empty")
            } else if !isRight(bytes) {
                problems.add(entry.place, "\(entry.text) is \(wrong)")
            }
            return bytes.isEmpty ? nil : bytes
        }
    }

    /// As a policy can judge it: ASCII, one `@` with something on both sides.
    private static func isAddress(_ text: [UInt8]) -> Bool {
        let parts = text.split(separator: UInt8(ascii: "@"), omittingEmptySubsequences: false)
        return parts.count == 2
            && parts.allSatisfy { part in
                !part.isEmpty && part.allSatisfy { (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") }
            }
    }

    private static func isDomain(_ text: [UInt8]) -> Bool {
        HostPattern(text) != nil && text.first != UInt8(ascii: "*")
    }

    private func claims(_ node: Node) -> [Condition] {
        guard case .mapping(let mapping) = node else {
            problems.add(document.place(of: node), "claims holds names with values, `{department: [it]}`")
            return []
        }
        return mapping.flatMap { name, values in
            texts(values).map { .claim(name.scalar?.string ?? "", $0) }
        }
    }

    private func several(_ node: Node) -> [Condition] {
        guard case .sequence(let elements) = node, !elements.isEmpty else {
            problems.add(document.place(of: node), "a list of conditions is expected here, `[{groups: [ops]}, …]`")
            return []
        }
        return elements.compactMap(condition)
    }
}

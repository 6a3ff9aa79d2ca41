extension Settings {
    /// The environment variable that names the file itself.
    package static var pathVariable: String { "POSTERN_CONFIG" }
}

/// Keys that are set by environment variables: `POSTERN_SESSION_STORE` for `session.store`.
extension Document {
    private static var prefix: String { "POSTERN_" }

    /// Takes every `POSTERN_` variable; the environment wins over the file. One that is no key is a problem.
    mutating func apply(environment: [String: String]) {
        for (name, value) in environment.sorted(by: { $0.key < $1.key })
        where name.hasPrefix(Self.prefix) && name != Settings.pathVariable {
            apply(name, value)
        }
    }

    private mutating func apply(_ name: String, _ value: String) {
        let place = Place(environment: name)
        let words = String(name.dropFirst(Self.prefix.count)).lowercased()
        guard let (steps, kind) = key(words) else {
            let names = KeyTable.keys.filter { ![.rules, .claims].contains($0.kind) }.map(\.environmentName)
            let meant = nearest(to: name, among: names).map { "; did you mean \($0)?" } ?? ""
            return problems.add(place, "no such setting\(meant)")
        }
        switch kind {
        case .rules, .claims, .map: return problems.add(place, "this key can be set in the file only")
        case .list:
            let elements = value.split(separator: ",").map { (String($0).trimmingSpaces, place) }
            set(steps, .list(elements), place)
        default:
            removeFromFile(Self.otherForm(steps))
            set(steps, .text(value), place)
        }
        if steps.first == "providers" { add(provider: steps[1], place) }
    }

    /// `client_secret_file` for `client_secret`, and the other way round.
    private static func otherForm(_ steps: [String]) -> [String] {
        let last = steps.last ?? ""
        return steps.dropLast() + [last.hasSuffix("_file") ? String(last.dropLast(5)) : last + "_file"]
    }

    /// The key whose name has these words.
    private func key(_ words: String) -> ([String], Key.Kind)? {
        for key in KeyTable.keys {
            for suffix in key.kind == .secret ? ["", "_file"] : [""] {
                if let steps = steps(of: key, suffix, words) { return (steps, suffix.isEmpty ? key.kind : .text) }
            }
        }
        return nil
    }

    private func steps(of key: Key, _ suffix: String, _ words: String) -> [String]? {
        guard key.path.contains("*") else {
            return key.path.replacing(".", with: "_") + suffix == words ? Self.withSuffix(key.steps, suffix) : nil
        }
        let halves = key.path.split(separator: ".*.").map { $0.replacing(".", with: "_") }
        let head = halves[0] + "_"
        let tail = "_" + halves[1] + suffix
        guard words.hasPrefix(head), words.hasSuffix(tail), words.count > head.count + tail.count else { return nil }
        let name = providerName(String(words.dropFirst(head.count).dropLast(tail.count)))
        return name.map { name in Self.withSuffix(key.steps.map { $0 == "*" ? name : $0 }, suffix) }
    }

    /// A provider of the file, whatever its case and hyphens; else a new one, whose name has no underscore.
    private func providerName(_ word: String) -> String? {
        providers.first { $0.name.lowercased().replacing("-", with: "_") == word }?.name
            ?? (word.contains("_") ? nil : word)
    }

    private static func withSuffix(_ steps: [String], _ suffix: String) -> [String] {
        steps.dropLast() + [(steps.last ?? "") + suffix]
    }
}

extension String {
    fileprivate var trimmingSpaces: String {
        String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
    }
}

/// Keys that are set by environment variables: `POSTERN_SESSION_STORE` for `session.store`.
extension Document {
    private static var prefix: String { "POSTERN_" }

    /// Takes every `POSTERN_` variable; the environment wins over the file. One that is no key is a problem, but for
    /// those that name the configuration file itself.
    mutating func apply(environment: [String: String]) {
        for (name, value) in environment.sorted(by: { $0.key < $1.key }) where name.hasPrefix(Self.prefix) {
            apply(name, value)
        }
    }

    private mutating func apply(_ name: String, _ value: String) {
        let place = Place(environment: name)
        let words = String(name.dropFirst(Self.prefix.count)).lowercased()
        guard let (steps, kind) = Self.key(words) else {
            let names = KeyTable.keys.filter { $0.kind != .rules }.map(\.environmentName)
            let meant = nearest(to: name, among: names).map { "; did you mean \($0)?" } ?? ""
            return problems.add(place, "no such setting\(meant)")
        }
        switch kind {
        case .rules, .map: return problems.add(place, "this key can be set in the file only")
        case .list:
            let elements = value.split(separator: ",").map { (String($0).trimmingSpaces, place) }
            set(steps, .list(elements), place)
        default: set(steps, .text(value), place)
        }
        if steps.first == "providers" { add(provider: steps[1], place) }
    }

    /// The key whose name has these words. The operator's own names have no underscore here.
    private static func key(_ words: String) -> ([String], Key.Kind)? {
        for key in KeyTable.keys {
            for suffix in key.kind == .secret ? ["", "_file"] : [""] {
                if let steps = steps(of: key, suffix, words) { return (steps, suffix.isEmpty ? key.kind : .text) }
            }
        }
        return nil
    }

    private static func steps(of key: Key, _ suffix: String, _ words: String) -> [String]? {
        guard key.path.contains("*") else {
            return key.path.replacing(".", with: "_") + suffix == words ? withSuffix(key.steps, suffix) : nil
        }
        let halves = key.path.split(separator: ".*.").map { $0.replacing(".", with: "_") }
        let head = halves[0] + "_"
        let tail = "_" + halves[1] + suffix
        guard words.hasPrefix(head), words.hasSuffix(tail), words.count > head.count + tail.count else { return nil }
        let name = String(words.dropFirst(head.count).dropLast(tail.count))
        guard !name.contains("_") else { return nil }
        return withSuffix(key.steps.map { $0 == "*" ? name : $0 }, suffix)
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

internal import Values
internal import Yams

/// What was written for one key, and where.
struct Entry {
    enum Content {
        case text(String)
        case list([(text: String, place: Place)])
        case map([(name: String, text: String, place: Place)])
        /// What a reader of its own takes apart.
        case node(Node)
    }

    let content: Content
    let place: Place
}

/// A configuration as it was written: an entry for each key of the table that is there. Whatever is no key of the
/// table, or of the wrong shape, is a problem. Texts stay texts: what `no` or `012` means is the key's to say.
struct Document {
    let path: String
    private(set) var entries: [String: Entry] = [:]
    /// The names of providers, in their order.
    private(set) var providers: [(name: String, place: Place)] = []
    /// Whether there is one whose name cannot be used.
    private(set) var isProviderRefused = false
    let problems: Problems
    /// Whether it is YAML at all: if not, nothing can be said of its keys.
    private(set) var isRead = false

    private static let limit = 1024 * 1024

    init(_ text: String, path: String, problems: Problems) {
        self.path = path
        self.problems = problems
        read(text, Place(file: path, line: 1, column: 1))
    }

    private mutating func read(_ text: String, _ start: Place) {
        guard text.utf8.count <= Self.limit else { return problems.add(start, "the file is longer than 1 MiB") }
        do {
            guard let root = try Yams.compose(yaml: text) else {
                return problems.add(start, "the file is empty; public_url, providers and rules are needed")
            }
            isRead = true
            read(section: root, [])
        } catch let error as YamlError {
            problems.add(Self.place(of: error, path), Self.message(of: error))
        } catch {
            problems.add(start, "not YAML")
        }
    }

    private mutating func read(section node: Node, _ steps: [String]) {
        guard case .mapping(let mapping) = node else {
            let what = steps.isEmpty ? "the file" : steps.joined(separator: ".")
            return problems.add(place(of: node), "\(what) must hold keys, `name: value`")
        }
        for (name, value) in mapping {
            guard let text = name.scalar?.string else {
                problems.add(place(of: name), "a key must be a plain word")
                continue
            }
            if steps == ["providers"] {
                guard Self.isProviderName(text) else {
                    isProviderRefused = true
                    problems.add(
                        place(of: name), "a provider's name is up to 64 letters, digits, - and _; choose another name")
                    continue
                }
                providers.append((text, place(of: name)))
            }
            read(key: steps + [text], named: name, value)
        }
    }

    private mutating func read(key steps: [String], named name: Node, _ value: Node) {
        if let key = KeyTable.key(steps) {
            if let content = content(of: value, key) { set(steps, content, place(of: value)) }
        } else if let last = steps.last, last.hasSuffix("_file"),
            isSecret(steps.dropLast() + [String(last.dropLast(5))])
        {
            if let text = text(value) { set(steps, .text(text), place(of: value)) }
        } else if KeyTable.isSection(steps) {
            read(section: value, steps)
        } else {
            problems.add(place(of: name), Self.unknown(steps))
        }
    }

    /// It stands in paths, in environment names and in sealed cookies.
    private static func isProviderName(_ name: String) -> Bool {
        !name.isEmpty && isWord(name)
    }

    private static func isWord(_ text: String) -> Bool {
        text.utf8.count <= 64 && text.utf8.allSatisfy(\.isWordByte)
    }

    /// What is not like a word is not repeated: where a colon is missing it may hold a secret.
    private static func unknown(_ steps: [String]) -> String {
        let name = steps.last ?? ""
        let section = Array(steps.dropLast())
        guard isWord(name) else {
            return "not a key; write `name: value`, with a space behind the colon"
        }
        let path = steps.joined(separator: ".")
        if let meant = nearest(to: name, among: KeyTable.names(in: section)) {
            return "unknown key \(path); did you mean \((section + [meant]).joined(separator: "."))?"
        }
        let known = KeyTable.names(in: section).reduce(into: [String]()) { if !$0.contains($1) { $0.append($1) } }
        return "unknown key \(path); known here: \(known.joined(separator: ", "))"
    }

    private func isSecret(_ steps: [String]) -> Bool {
        KeyTable.key(steps)?.kind == .secret
    }

    mutating func set(_ steps: [String], _ content: Entry.Content, _ place: Place) {
        entries[steps.joined(separator: ".")] = Entry(content: content, place: place)
    }

    /// Forgets what the file says of the key.
    mutating func removeFromFile(_ steps: [String]) {
        let path = steps.joined(separator: ".")
        if case .file = entries[path]?.place.source { entries[path] = nil }
    }

    mutating func add(provider name: String, _ place: Place) {
        if !providers.contains(where: { $0.name == name }) { providers.append((name, place)) }
    }

    // MARK: Shapes

    private func content(of node: Node, _ key: Key) -> Entry.Content? {
        switch key.kind {
        case .list: list(node).map { .list($0) }
        case .map: map(node).map { .map($0) }
        case .rules, .claims: .node(node)
        default: text(node).map { .text($0) }
        }
    }

    func text(_ node: Node) -> String? {
        guard case .scalar(let scalar) = node else {
            problems.add(place(of: node), "one value is expected here")
            return nil
        }
        return scalar.string
    }

    /// A single value is a list of one.
    func list(_ node: Node) -> [(text: String, place: Place)]? {
        guard case .sequence(let elements) = node else {
            return text(node).map { [($0, place(of: node))] }
        }
        return elements.compactMap { element in text(element).map { ($0, place(of: element)) } }
    }

    private func map(_ node: Node) -> [(name: String, text: String, place: Place)]? {
        guard case .mapping(let mapping) = node else {
            problems.add(place(of: node), "names with values are expected here, `{name: value}`")
            return nil
        }
        return mapping.compactMap { name, value in
            guard let name = text(name), let text = text(value) else { return nil }
            return (name, text, place(of: value))
        }
    }

    // MARK: Places

    func place(of node: Node) -> Place {
        Place(file: path, line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
    }

    private static func place(of error: YamlError, _ path: String) -> Place {
        switch error {
        case .scanner(_, _, let mark, _), .parser(_, _, let mark, _), .composer(_, _, let mark, _):
            Place(file: path, line: mark.line, column: mark.column)
        case .duplicatedKeysInMapping(_, let context):
            Place(file: path, line: context.mark.line, column: context.mark.column)
        default: Place(file: path, line: 1, column: 1)
        }
    }

    /// The parser's own text would show the line, and a secret may stand in it.
    private static func message(of error: YamlError) -> String {
        switch error {
        case .composer(_, let problem, _, _) where problem.hasSuffix("another document"):
            "a second document begins here; keep one"
        case .scanner(_, let problem, _, _), .parser(_, let problem, _, _), .composer(_, let problem, _, _):
            "not YAML: \(problem)"
        case .duplicatedKeysInMapping(let names, _):
            "a key stands twice in this section\(names.first.map(isWord) == true ? ", \(names[0])" : ""); remove one"
        default: "not YAML"
        }
    }
}

extension UInt8 {
    /// A letter, a digit, `-` or `_`.
    var isWordByte: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }
}

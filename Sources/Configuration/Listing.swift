internal import Yams

/// What is in force, for people.
extension Document {
    /// A line for each key: its value and where that comes from.
    var listing: String {
        KeyTable.keys.flatMap(lines).map { "\($0)\n" }.joined()
    }

    private func lines(of key: Key) -> [String] {
        let paths = key.path.contains("*") ? providers.map { key.path.replacing("*", with: $0.name) } : [key.path]
        return paths.compactMap { path in line(key, path) ?? line(key, path + "_file") ?? standard(key, path) }
    }

    private func line(_ key: Key, _ path: String) -> String? {
        guard let entry = entries[path] else { return nil }
        let isHidden = key.kind == .secret && path.hasSuffix(String(key.steps.last ?? ""))
        return "\(path): \(isHidden ? "(secret)" : text(of: entry.content))  # \(entry.place)"
    }

    private func standard(_ key: Key, _ path: String) -> String? {
        key.standard.map { "\(path): \($0)  # default" }
    }

    private func text(of content: Entry.Content) -> String {
        switch content {
        case .text(let text): text
        case .list(let elements): "[\(elements.map(\.text).joined(separator: ", "))]"
        case .map(let pairs): "{\(pairs.map { "\($0.name): \($0.text)" }.joined(separator: ", "))}"
        case .node(let node): "(\(node.sequence?.count ?? node.mapping?.count ?? 0) of them)"
        }
    }
}

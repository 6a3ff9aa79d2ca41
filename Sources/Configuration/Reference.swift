/// The reference page of all keys, made from the table.
package enum Reference {
    package static var markdown: String {
        let head = "| key | value | default | what it does |\n|---|---|---|---|\n"
        return head + KeyTable.keys.map(row).joined()
    }

    private static func row(_ key: Key) -> String {
        let path = key.path.replacing("*", with: "NAME")
        let names = key.kind == .secret ? "`\(path)`, `\(path)_file`" : "`\(path)`"
        return "| \(names) | \(kind(key.kind)) | \(key.standard.map { "`\($0)`" } ?? "–") | \(key.help) |\n"
    }

    private static func kind(_ kind: Key.Kind) -> String {
        switch kind {
        case .text: "text"
        case .secret: "secret"
        case .duration(let range): "time, \(range.lowerBound) s to \(range.upperBound) s"
        case .size(let range): "size, \(range.lowerBound) to \(range.upperBound) bytes"
        case .number(let range): "number, \(range.lowerBound) to \(range.upperBound)"
        case .truth: "`true` or `false`"
        case .choice(let choices): choices.map { "`\($0)`" }.joined(separator: ", ")
        case .list: "list"
        case .map: "names with values"
        case .rules: "list of rules"
        case .claims: "names with templates"
        }
    }
}

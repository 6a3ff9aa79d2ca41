internal import FoundationEssentials
internal import Values

/// Reads typed values from a document. What cannot be read is a problem, and reads as the default, so that all
/// mistakes are found at once.
struct Reader {
    let document: Document
    let problems: Problems
    /// What is not wrong, but should be known.
    let warnings: Problems

    func place(_ path: String) -> Place {
        document.entries[path]?.place ?? Place(file: document.path, line: 1, column: 1)
    }

    func isSet(_ path: String) -> Bool {
        document.entries[path] != nil
    }

    /// The text of a key, its default where it is not set or empty; `nil` where there is neither.
    func text(_ path: String) -> String? {
        if case .text(let text) = document.entries[path]?.content, !text.isEmpty { return text }
        return key(path)?.standard
    }

    func list(_ path: String) -> [(text: String, place: Place)] {
        if case .list(let elements) = document.entries[path]?.content {
            for element in elements where element.text.isEmpty { problems.add(element.place, "an entry is empty") }
            return elements.filter { !$0.text.isEmpty }
        }
        let standard = key(path)?.standard?.dropFirst().dropLast() ?? ""
        return standard.split(separator: ",").map { (String($0).replacing(" ", with: ""), place(path)) }
    }

    func map(_ path: String) -> [(name: String, text: String, place: Place)] {
        guard case .map(let pairs) = document.entries[path]?.content else { return [] }
        return pairs
    }

    func truth(_ path: String) -> Bool {
        switch text(path) {
        case "true": return true
        case "false": return false
        default:
            problems.add(place(path), "\(path) is true or false")
            return false
        }
    }

    func choice(_ path: String) -> String? {
        guard let text = text(path) else { return nil }
        guard case .choice(let choices) = key(path)?.kind, !choices.contains(text) else { return text }
        let meant = nearest(to: text, among: choices).map { "; did you mean \($0)?" } ?? ""
        problems.add(place(path), "\(path) is one of \(choices.joined(separator: ", "))\(meant)")
        return choices.first
    }

    func duration(_ path: String) -> Int64 {
        guard case .duration(let range) = key(path)?.kind else { preconditionFailure(path) }
        return number(path, units: Self.timeUnits, range, "a time such as 90s, 15m, 12h or 7d", " seconds")
    }

    private static let timeUnits: [UInt8: Int64] = [
        UInt8(ascii: "s"): 1, UInt8(ascii: "m"): 60, UInt8(ascii: "h"): 3600, UInt8(ascii: "d"): 86_400,
    ]

    /// Seconds of a time such as `15m`; `nil` when it is none.
    static func seconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        let unit = bytes.last.flatMap { timeUnits[$0.asciiLowercased] }
        guard let number = (unit == nil ? bytes[...] : bytes.dropLast()).decimal else { return nil }
        let (seconds, overflow) = number.multipliedReportingOverflow(by: unit ?? 1)
        return overflow ? nil : seconds
    }

    func size(_ path: String) -> Int {
        guard case .size(let range) = key(path)?.kind else { preconditionFailure(path) }
        let units: [UInt8: Int64] = [UInt8(ascii: "k"): 1024, UInt8(ascii: "m"): 1024 * 1024]
        return Int(number(path, units: units, range, "a size such as 512, 64k or 1m", " bytes"))
    }

    func number(_ path: String) -> Int {
        guard case .number(let range) = key(path)?.kind else { preconditionFailure(path) }
        return Int(number(path, units: [:], range, "a number"))
    }

    private func number(
        _ path: String, units: [UInt8: Int64], _ range: ClosedRange<Int64>, _ what: String, _ unitName: String = ""
    ) -> Int64 {
        let text = Array((text(path) ?? "").utf8)
        let unit = text.last.flatMap { units[$0.asciiLowercased] }
        let digits = unit == nil ? text[...] : text.dropLast()
        let (value, overflow) = (digits.decimal ?? -1).multipliedReportingOverflow(by: unit ?? 1)
        guard !overflow, value >= 0 else {
            problems.add(place(path), "\(path) is \(what)")
            return range.lowerBound
        }
        guard range.contains(value) else {
            problems.add(
                place(path), "\(path) is out of range: from \(range.lowerBound) to \(range.upperBound)\(unitName)")
            return range.lowerBound
        }
        return value
    }

    /// A secret, from its key or from the file that `…_file` names.
    func secret(_ path: String) -> Secret? {
        let filePath = path + "_file"
        if case .text(let text) = document.entries[path]?.content {
            if isSet(filePath) { problems.add(place(filePath), "\(path) is set, too; keep one of them") }
            guard !text.isEmpty else {
                problems.add(place(path), "\(path) is empty")
                return nil
            }
            warnIfOpen(place(path))
            return Secret(text)
        }
        guard case .text(let file) = document.entries[filePath]?.content else { return nil }
        return secret(inFile: file, place(filePath))
    }

    func secret(inFile file: String, _ place: Place) -> Secret? {
        guard let contents = FileManager.default.contents(atPath: file) else {
            problems.add(place, "\(file) cannot be read; does it exist, and may this user read it?")
            return nil
        }
        if isReadableByAll(file) { openSecret(file, place) }
        var bytes = Array(contents.prefix(64 * 1024))
        while bytes.last == 0x0A || bytes.last == 0x0D { bytes.removeLast() }
        guard !bytes.isEmpty else {
            problems.add(place, "\(file) is empty")
            return nil
        }
        return Secret(bytes)
    }

    /// Of the file itself, also where the path is a link to it.
    private func isReadableByAll(_ file: String) -> Bool {
        let target = URL(filePath: file).resolvingSymlinksInPath().path
        let attributes = try? FileManager.default.attributesOfItem(atPath: target)
        guard let mode = attributes?[.posixPermissions] as? Int else { return true }
        return mode & 0o004 != 0
    }

    /// A secret that stands in the configuration itself.
    private func warnIfOpen(_ place: Place) {
        let file = document.path
        guard case .file = place.source, FileManager.default.fileExists(atPath: file), isReadableByAll(file) else {
            return
        }
        warnings.add(
            place,
            "a secret stands in \(file), and everybody can read it; `chmod o-r \(file)`, or keep the secret in a file of its own"
        )
    }

    private func openSecret(_ file: String, _ place: Place) {
        guard !truth("insecure_secret_files") else {
            return warnings.add(place, "insecure_secret_files is on, and everybody on this machine can read \(file)")
        }
        problems.add(place, "\(file): everybody can read it; `chmod o-r \(file)`")
    }

    private func key(_ path: String) -> Key? {
        KeyTable.key(path.split(separator: ".").map(String.init))
    }
}

extension Reader {
    func contents(of file: String) -> [UInt8]? {
        FileManager.default.contents(atPath: file).map { Array($0.prefix(256 * 1024)) }
    }

    func isReadable(_ file: String) -> Bool {
        FileManager.default.isReadableFile(atPath: file)
    }
}

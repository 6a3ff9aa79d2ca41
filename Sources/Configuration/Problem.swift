/// Where something stands.
package struct Place: Sendable, Equatable, CustomStringConvertible {
    package enum Source: Sendable, Equatable {
        case file(String)
        case environment(String)
    }

    let source: Source
    let line: Int
    let column: Int

    init(file: String, line: Int, column: Int) {
        source = .file(file)
        self.line = line
        self.column = column
    }

    init(environment name: String) {
        source = .environment(name)
        line = 0
        column = 0
    }

    package var description: String {
        switch source {
        case .file(let path): "\(path):\(line):\(column)"
        case .environment(let name): "environment:\(name)"
        }
    }
}

/// One mistake: where, what, and what to do.
package struct Problem: Sendable, Equatable, CustomStringConvertible {
    package let place: Place
    package let message: String

    package var description: String { "\(place): \(message)" }
}

/// All mistakes of a configuration, in the order of the file.
package struct ConfigurationFailure: Error, Sendable, CustomStringConvertible {
    package let problems: [Problem]

    package var description: String { problems.map { "\($0)\n" }.joined() }
}

/// Collects mistakes while a configuration is read.
final class Problems {
    private(set) var all: [Problem] = []

    func add(_ place: Place, _ message: String) {
        let problem = Problem(place: place, message: message)
        if !all.contains(problem) { all.append(problem) }
    }

    var sorted: [Problem] {
        all.sorted { ($0.place.line, $0.place.column) < ($1.place.line, $1.place.column) }
    }
}

/// The name among these that was most likely meant.
func nearest(to name: String, among names: [String]) -> String? {
    let distances = names.map { ($0, distance(Array(name.utf8), Array($0.utf8))) }
    guard let best = distances.min(by: { $0.1 < $1.1 }), best.1 <= max(2, name.utf8.count / 3) else { return nil }
    return best.0
}

/// Levenshtein's.
private func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
    var row = Array(0...other.count)
    for (index, byte) in one.prefix(64).enumerated() {
        var diagonal = row[0]
        row[0] = index + 1
        for column in other.indices {
            let substituted = diagonal + (byte == other[column] ? 0 : 1)
            diagonal = row[column + 1]
            row[column + 1] = min(substituted, row[column] + 1, row[column + 1] + 1)
        }
    }
    return row[other.count]
}

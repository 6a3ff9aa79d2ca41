internal import Values

/// The path that a request asks for, in every way that a server behind us might read it. A policy must agree to
/// all of them: two programs that read one path differently are how a guarded page is reached by an open path.
package struct ResourcePath: Sendable, Equatable {
    /// Decoded, with no dot segments and no doubled slashes. An escaped slash that is read as an ordinary character
    /// stands as `%2F`.
    package let reading: ArraySlice<UInt8>
    /// The other ways to read it; none for a plain path.
    package let otherReadings: [ArraySlice<UInt8>]

    package var readings: [ArraySlice<UInt8>] { [reading] + otherReadings }

    /// Reads `REQUEST_URI` as the web server got it, with its query. `nil` when no one can say what a server would
    /// make of it: not beginning with `/`, control characters, backslashes, `#`, malformed or doubled escapes of
    /// characters that matter, bytes of overlong UTF-8, or `..` above the root.
    package init?(requestURI: ArraySlice<UInt8>) {
        let path = requestURI.prefix(requestURI.span.firstIndex(of: UInt8(ascii: "?")) ?? requestURI.count)
        guard path.first == UInt8(ascii: "/") else { return nil }
        var isPlain = true
        var previous: UInt8 = 0
        let bytes = path.span
        for index in bytes.indices {
            let byte = bytes[index]
            // The rule.
            if byte.isASCIILetter {
                previous = byte
                continue
            }
            switch byte {
            case 0x00...0x20, 0x7F, 0xC0, 0xC1, UInt8(ascii: "\\"), UInt8(ascii: "#"): return nil
            case UInt8(ascii: "%"), UInt8(ascii: ";"): isPlain = false
            case UInt8(ascii: "/"), UInt8(ascii: "."): if previous == UInt8(ascii: "/") { isPlain = false }
            default: break
            }
            previous = byte
        }
        if isPlain {
            reading = path
            otherReadings = []
        } else {
            guard let readings = PathReadings.of(path), let first = readings.first else { return nil }
            reading = first[...]
            otherReadings = readings.dropFirst().map { $0[...] }
        }
    }
}

/// How a path that is not plain may be read.
private enum PathReadings {
    static let slash = UInt8(ascii: "/")
    /// Stands for an escaped slash until both its readings are made. No path may hold the byte itself.
    static let escapedSlash: UInt8 = 0

    static func of(_ path: ArraySlice<UInt8>) -> [[UInt8]]? {
        guard let once = decodedOnce(path), let variants = decodedTwice(once) else { return nil }
        var readings: [[UInt8]] = []
        for variant in variants.flatMap(bothSlashes).flatMap(withAndWithoutParameters).flatMap(wholeAndCut) {
            for isMergedFirst in [true, false] {
                guard let reading = resolved(variant, isMergedFirst: isMergedFirst) else { return nil }
                for reading in wholeAndCut(reading) where !readings.contains(reading) { readings.append(reading) }
            }
        }
        return readings
    }

    private static func decodedOnce(_ path: ArraySlice<UInt8>) -> [UInt8]? {
        var bytes: [UInt8] = []
        var rest = path
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let value = escape(at: rest), !isForbidden(value) else { return nil }
            bytes.append(value == slash ? escapedSlash : value)
            rest = rest.dropFirst(2)
        }
        return bytes
    }

    /// The path, and what becomes of it when somebody decodes it again. `nil` when that would change its shape.
    private static func decodedTwice(_ once: [UInt8]) -> [[UInt8]]? {
        var twice: [UInt8] = []
        var rest = once[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%"), let value = escape(at: rest) else {
                twice.append(byte)
                continue
            }
            guard !isForbidden(value), !shapes.contains(value) else { return nil }
            twice.append(value)
            rest = rest.dropFirst(2)
        }
        guard !isOverlong(once), !isOverlong(twice) else { return nil }
        return twice == once ? [once] : [once, twice]
    }

    private static let shapes = Array("/.;%".utf8)

    /// Characters that no path may hold, escaped or not.
    private static func isForbidden(_ byte: UInt8) -> Bool {
        byte.isASCIIControl || byte == UInt8(ascii: "\\") || byte == 0xC0 || byte == 0xC1
    }

    /// Whether a character is written with more bytes than it needs (RFC 3629, section 3): some decoders take such a
    /// one for a dot or a slash. Two bytes are refused above, by their first.
    private static func isOverlong(_ path: [UInt8]) -> Bool {
        zip(path, path.dropFirst()).contains { lead, next in
            lead == 0xE0 && (0x80..<0xA0).contains(next) || lead == 0xF0 && (0x80..<0x90).contains(next) || lead > 0xF4
        }
    }

    private static func escape(at rest: ArraySlice<UInt8>) -> UInt8? {
        guard let high = rest.first?.hexadecimalValue, let low = rest.dropFirst().first?.hexadecimalValue else {
            return nil
        }
        return high << 4 | low
    }
}

extension PathReadings {
    /// An escaped slash as a slash, and as an ordinary character.
    private static func bothSlashes(_ path: [UInt8]) -> [[UInt8]] {
        guard path.contains(escapedSlash) else { return [path] }
        return [
            path.map { $0 == escapedSlash ? slash : $0 },
            path.flatMap { $0 == escapedSlash ? Array("%2F".utf8) : [$0] },
        ]
    }

    /// With the parameters of its segments (RFC 3986, section 3.3), and without them, as servlet containers read it.
    private static func withAndWithoutParameters(_ path: [UInt8]) -> [[UInt8]] {
        guard path.contains(UInt8(ascii: ";")) else { return [path] }
        let segments = path.split(separator: slash, omittingEmptySubsequences: false)
        let bare = segments.map { $0.prefix { $0 != UInt8(ascii: ";") } }
        return [path, Array(bare.joined(separator: [slash]))]
    }

    /// Whole, and ending at an escaped `?` or `#`, as servers read it that decode before they cut. Some resolve
    /// dot segments in between.
    private static func wholeAndCut(_ path: [UInt8]) -> [[UInt8]] {
        let cut = path.prefix { $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
        return cut.count == path.count ? [path] : [path, Array(cut)]
    }

    /// Without dot segments (RFC 3986, section 5.2.4) and doubled slashes. Which of the two goes first matters for
    /// `//..`, and servers differ. `nil` when it climbs above the root.
    private static func resolved(_ path: [UInt8], isMergedFirst: Bool) -> [UInt8]? {
        var segments: [ArraySlice<UInt8>] = []
        var isOpen = false
        for segment in path.dropFirst().split(separator: slash, omittingEmptySubsequences: false) {
            isOpen = true
            if segment.isEqual(to: "..") {
                guard segments.popLast() != nil else { return nil }
            } else if segment.isEmpty, isMergedFirst {
                continue
            } else if !segment.isEqual(to: ".") {
                segments.append(segment)
                isOpen = segment.isEmpty
            }
        }
        let named = segments.filter { !$0.isEmpty }
        return [slash] + named.joined(separator: [slash]) + (isOpen && !named.isEmpty ? [slash] : [])
    }
}

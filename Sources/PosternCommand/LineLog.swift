internal import Glibc
package import Logging
package import Values

/// The log: one line for each event on standard error, as text or JSON. Whatever stands in a value, the line stays
/// one line and its parts stay apart.
package struct LineLog: LogHandler {
    package enum Format: String, Sendable, CaseIterable {
        case text
        case json
    }

    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    private let format: Format
    private let clock: Clock
    private let write: @Sendable ([UInt8]) -> Void

    package init(
        format: Format, level: Logger.Level, clock: Clock = .system,
        write: @escaping @Sendable ([UInt8]) -> Void = LineLog.standardError
    ) {
        self.format = format
        logLevel = level
        self.clock = clock
        self.write = write
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let details = metadata.merging(event.metadata ?? [:]) { _, new in new }.sorted { $0.key < $1.key }
        let time = Self.text(of: clock.now())
        let line =
            switch format {
            case .text: text(time, event.level, event.message, details)
            case .json: json(time, event.level, event.message, details)
            }
        write(Array((line + "\n").utf8))
    }

    private func text(
        _ time: String, _ level: Logger.Level, _ message: Logger.Message, _ details: [(String, Logger.MetadataValue)]
    ) -> String {
        let pairs = details.map { " \($0)=\(Self.quoted("\($1)"))" }.joined()
        return "\(time) \(level.rawValue) \(Self.quoted("\(message)"))\(pairs)"
    }

    private func json(
        _ time: String, _ level: Logger.Level, _ message: Logger.Message, _ details: [(String, Logger.MetadataValue)]
    ) -> String {
        let pairs = details.map { ",\(Self.quoted($0)):\(Self.quoted("\($1)"))" }.joined()
        return "{\"time\":\"\(time)\",\"level\":\"\(level.rawValue)\",\"event\":\(Self.quoted("\(message)"))\(pairs)}"
    }

    /// A JSON string (RFC 8259, section 7) that also escapes what a terminal or a reader of lines could take amiss:
    /// DEL, the C1 controls and the line and paragraph separators.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar.value {
            case 0x22: result += "\\\""
            case 0x5C: result += "\\\\"
            case 0..<0x20, 0x7F...0x9F, 0x061C, 0x2028, 0x2029, 0x200E, 0x200F, 0x202A...0x202E, 0x2066...0x2069:
                result += "\\u" + Self.hexadecimal(scalar.value)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    private static func hexadecimal(_ value: UInt32) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }

    /// RFC 3339 in UTC.
    static func text(of moment: Timestamp) -> String {
        var seconds = time_t(moment.seconds)
        var parts = unsafe tm()
        guard unsafe gmtime_r(&seconds, &parts) != nil else { return "-" }
        let date = unsafe [Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday)].map(twoDigits)
        let time = unsafe [Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec)].map(twoDigits)
        return "\(date.joined(separator: "-"))T\(time.joined(separator: ":"))Z"
    }

    private static func twoDigits(_ number: Int) -> String {
        number < 10 ? "0\(number)" : "\(number)"
    }

    /// One `write` for each line, so that lines of several threads and processes never mix.
    package static let standardError: @Sendable ([UInt8]) -> Void = { line in
        unsafe line.withUnsafeBytes { bytes in
            _ = unsafe Glibc.write(STDERR_FILENO, bytes.baseAddress, bytes.count)
        }
    }
}

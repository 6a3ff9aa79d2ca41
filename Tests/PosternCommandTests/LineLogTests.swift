import Logging
import Synchronization
import Testing
import Values

@testable import PosternCommand

@Suite("Line log")
struct LineLogTests {
    private final class Lines: Sendable {
        private let bytes = Mutex<[UInt8]>([])
        func append(_ line: [UInt8]) { bytes.withLock { $0 += line } }
        var text: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }
    }

    private func logged(_ format: LineLog.Format, _ message: Logger.Message, _ details: Logger.Metadata) -> String {
        let lines = Lines()
        let clock = Clock(now: { Timestamp(seconds: 1_700_000_000) }, uptime: { 0 })
        let log = Logger(label: "test") { _ in LineLog(format: format, level: .info, clock: clock) { lines.append($0) }
        }
        log.info(message, metadata: details)
        log.debug("below the level")
        return lines.text
    }

    @Test("Text: time, level, event, then the details by name")
    func text() {
        let line = logged(.text, "signed in", ["user": "alice", "provider": "op"])
        #expect(line == "2023-11-14T22:13:20Z info \"signed in\" provider=\"op\" user=\"alice\"\n")
    }

    @Test("JSON: one object a line")
    func json() throws {
        let line = logged(.json, "signed in", ["user": "alice\"\\\n\u{7F}"])
        let value = try #require(JSONValue(parsing: line.utf8, limit: 4096))
        #expect(value["event"]?.string == "signed in")
        #expect(value["user"]?.string == "alice\"\\\n\u{7F}")
        #expect(value["time"]?.string == "2023-11-14T22:13:20Z")
    }

    @Test(
        "LEAK-02: whatever stands in a value, the event is one line of printable characters",
        arguments: [
            "a\r\nb", "a\nlevel=error", "\u{1B}[31m", "\u{85}\u{2028}\u{2029}", "\" user=\"root", "%s%n", "\u{0}",
            "\u{202E}",
            "a\u{301}\r\n",
        ], LineLog.Format.allCases)
    func hostile(value: String, format: LineLog.Format) {
        let line = logged(format, "refused", ["path": "\(value)"])
        #expect(line.utf8.filter { $0 == 0x0A }.count == 1)
        #expect(line.utf8.last == 0x0A)
        #expect(!line.unicodeScalars.dropLast().contains { $0.value < 0x20 || (0x7F...0x9F).contains($0.value) })
        #expect(!line.unicodeScalars.contains { [0x2028, 0x2029, 0x202E].contains($0.value) })
        #expect(!line.contains(" user=\"root\""))
    }
}

/// FastCGI records as a web server sends them, sound or not.
enum Records {
    static func record(_ type: UInt8, _ content: [UInt8] = [], id: UInt16 = 1, padding: Int = 0) -> [UInt8] {
        let length = content.count
        return [1, type, UInt8(id >> 8), UInt8(id & 0xFF), UInt8(length >> 8), UInt8(length & 0xFF), UInt8(padding), 0]
            + content + [UInt8](repeating: 0xAA, count: padding)
    }

    static func begin(role: UInt16 = 1, keep: Bool = true, id: UInt16 = 1, padding: Int = 0) -> [UInt8] {
        record(1, [UInt8(role >> 8), UInt8(role & 0xFF), keep ? 1 : 0, 0, 0, 0, 0, 0], id: id, padding: padding)
    }

    static func pair(_ name: String, _ value: String) -> [UInt8] {
        length(name.utf8.count) + length(value.utf8.count) + Array(name.utf8) + Array(value.utf8)
    }

    static func length(_ count: Int, long: Bool = false) -> [UInt8] {
        guard count > 127 || long else { return [UInt8(count)] }
        let count = UInt32(count) | 0x8000_0000
        return (0..<4).map { UInt8(truncatingIfNeeded: count >> (24 - 8 * $0)) }
    }

    static let parameters = [
        ("REQUEST_METHOD", "GET"), ("REQUEST_URI", "/page?x=1"), ("SCRIPT_NAME", "/auth"), ("HTTP_COOKIE", "a=b"),
        ("HTTP_EMPTY", ""), ("HTTP_LONG", String(repeating: "l", count: 300)),
    ]

    static func pairs(_ parameters: [(String, String)] = parameters) -> [UInt8] {
        parameters.flatMap { pair($0.0, $0.1) }
    }

    /// The records of a stream in pieces of at most `size` bytes, and its end.
    static func stream(_ type: UInt8, _ content: [UInt8], size: Int = 65535, padding: Int = 0) -> [UInt8] {
        stride(from: 0, to: content.count, by: size).flatMap {
            record(type, Array(content[$0..<min($0 + size, content.count)]), padding: padding)
        } + record(type, padding: padding)
    }

    /// A whole request.
    static func request(
        role: UInt16 = 1, keep: Bool = true, parameters: [(String, String)] = parameters, body: [UInt8] = [],
        size: Int = 65535, padding: Int = 0
    ) -> [UInt8] {
        begin(role: role, keep: keep, padding: padding) + stream(4, pairs(parameters), size: size, padding: padding)
            + (role == 2 ? [] : stream(5, body, size: size, padding: padding))
    }
}

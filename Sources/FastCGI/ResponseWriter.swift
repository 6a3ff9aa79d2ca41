internal import HTTPTypes
internal import Web

/// The one place that writes an answer (RFC 3875, section 6.2). `Status` comes first, always: a web server takes an
/// answer without it for permission.
enum ResponseWriter {
    /// Writes the answer over what is in `bytes`.
    static func write(_ response: Response, for role: Request.Role, into bytes: inout [UInt8]) {
        bytes.removeAll(keepingCapacity: true)
        writeStatus(response.status, into: &bytes)
        var isCachingSaid = false
        // A span lends its elements; a loop over the array would copy each.
        let fields = response.fields.span
        for index in fields.indices {
            let name = fields[index].name.rawName
            write(name.utf8.span, fields[index].value.span, into: &bytes)
            isCachingSaid = isCachingSaid || fields[index].name == .cacheControl
        }
        if let identity = response.identity { bytes.append(contentsOf: identity.bytes) }
        for cookie in response.cookies {
            let (name, text) = ("Set-Cookie", cookie.text)
            write(name.utf8.span, text.utf8.span, into: &bytes)
        }
        // What an authorizer allows is sent with the page: its fields would become the page's.
        if !isCachingSaid, role == .responder || response.status.kind != .successful {
            append("Cache-Control: no-store\r\n", to: &bytes)
        }
        append("\r\n", to: &bytes)
        bytes.append(contentsOf: response.body)
    }

    /// Only three digits: some web servers read three and leave the rest.
    private static func writeStatus(_ status: HTTPResponse.Status, into bytes: inout [UInt8]) {
        // What nearly every check says.
        if status.code == 204 { return append("Status: 204 No Content\r\n", to: &bytes) }
        if status.code == 200 { return append("Status: 200 OK\r\n", to: &bytes) }
        let code = (200...599).contains(status.code) ? status.code : 500
        let reason = status.reasonPhrase
        append("Status: ", to: &bytes)
        bytes.append(UInt8(ascii: "0") + UInt8(code / 100))
        bytes.append(UInt8(ascii: "0") + UInt8(code / 10 % 10))
        bytes.append(UInt8(ascii: "0") + UInt8(code % 10))
        append(" ", to: &bytes)
        append(reason.utf8.span, to: &bytes)
        append("\r\n", to: &bytes)
    }

    private static func write(_ name: Span<UInt8>, _ value: Span<UInt8>, into bytes: inout [UInt8]) {
        append(name, to: &bytes)
        append(": ", to: &bytes)
        append(value, to: &bytes)
        append("\r\n", to: &bytes)
    }

    private static func append(_ text: StaticString, to bytes: inout [UInt8]) {
        text.withUTF8Buffer { unsafe bytes.append(contentsOf: $0) }
    }

    /// No type here lets a line break through; this is the last place that could stop one of a type made later.
    private static func append(_ text: Span<UInt8>, to bytes: inout [UInt8]) {
        let start = bytes.count
        unsafe text.withUnsafeBufferPointer { unsafe bytes.append(contentsOf: $0) }
        for index in start..<bytes.count where bytes[index] < 0x20 || bytes[index] == 0x7F {
            bytes[index] = UInt8(ascii: " ")
        }
    }
}

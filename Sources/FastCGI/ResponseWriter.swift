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
        for field in response.fields {
            write(field.name.rawName.utf8, field.value, into: &bytes)
            isCachingSaid = isCachingSaid || field.name == .cacheControl
        }
        for cookie in response.cookies {
            write(setCookie.utf8, cookie.text.utf8, into: &bytes)
        }
        // What an authorizer allows is sent with the page: its fields would become the page's.
        if !isCachingSaid, role == .responder || response.status.kind != .successful {
            write(cacheControl.utf8, "no-store".utf8, into: &bytes)
        }
        bytes.append(contentsOf: "\r\n".utf8)
        bytes.append(contentsOf: response.body)
    }

    private static let setCookie = "Set-Cookie"
    private static let cacheControl = "Cache-Control"

    /// Only three digits: some web servers read three and leave the rest.
    private static func writeStatus(_ status: HTTPResponse.Status, into bytes: inout [UInt8]) {
        let code = (200...599).contains(status.code) ? status.code : 500
        bytes.append(contentsOf: "Status: ".utf8)
        for digit in [code / 100, code / 10 % 10, code % 10] { bytes.append(UInt8(ascii: "0") + UInt8(digit)) }
        bytes.append(UInt8(ascii: " "))
        append(status.reasonPhrase.utf8, to: &bytes)
        bytes.append(contentsOf: "\r\n".utf8)
    }

    private static func write(
        _ name: some Sequence<UInt8>, _ value: some Sequence<UInt8>, into bytes: inout [UInt8]
    ) {
        append(name, to: &bytes)
        bytes.append(contentsOf: ": ".utf8)
        append(value, to: &bytes)
        bytes.append(contentsOf: "\r\n".utf8)
    }

    /// No type here lets a line break through; this is the last place that could stop one of a type made later.
    private static func append(_ text: some Sequence<UInt8>, to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes.append(contentsOf: text)
        for index in start..<bytes.count where bytes[index] < 0x20 || bytes[index] == 0x7F {
            bytes[index] = UInt8(ascii: " ")
        }
    }
}

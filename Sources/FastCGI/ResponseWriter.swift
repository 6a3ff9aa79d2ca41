internal import HTTPTypes
internal import Values
internal import Web

/// The one place where an answer becomes bytes (RFC 3875, section 6.3): `Status:` first, always; then the fields, the
/// cookies and `Cache-Control: no-store`; then the body. A web server takes an answer without `Status:` for a yes.
struct ResponseWriter {
    private(set) var bytes: [UInt8] = []

    init() {
        bytes.reserveCapacity(4096)
    }

    /// Forgets the answer before and takes this one.
    mutating func write(_ response: Response) {
        bytes.removeAll(keepingCapacity: true)
        add("Status: ")
        add(number: response.status.code)
        bytes.append(0x20)
        add(response.status.reasonPhrase)
        add("\r\n")
        for field in response.fields {
            add(field.name.rawName)
            add(": ")
            bytes += field.value
            add("\r\n")
        }
        for cookie in response.cookies { add(cookie) }
        add("Cache-Control: no-store\r\n\r\n")
        bytes += response.body
    }

    /// A cookie is made of our own names and base64url; should one ever hold a control character it is not set.
    private mutating func add(_ cookie: SetCookie) {
        let text = cookie.text
        guard !text.utf8.contains(where: \.isASCIIControl) else { return }
        add("Set-Cookie: ")
        add(text)
        add("\r\n")
    }

    private mutating func add(_ text: String) {
        bytes += text.utf8
    }

    /// Three digits: a web server reads no more of them.
    private mutating func add(number: Int) {
        let number = (100...599).contains(number) ? number : 500
        for divisor in [100, 10, 1] { bytes.append(UInt8(0x30 + number / divisor % 10)) }
    }
}

internal import Values
internal import Web

/// Who asks: a person in front of a browser window, who can be sent to sign in, or a program, which cannot.
enum Visitor {
    case person
    case program

    /// Judged by Fetch Metadata where the browser sends it (W3C Fetch Metadata, section 2), else by what older
    /// clients say of themselves.
    init(of request: Request) {
        self = Self.isProgram(request) ? .program : .person
    }

    private static func isProgram(_ request: Request) -> Bool {
        if request[.authorization]?.prefix(7).isEqualIgnoringCase(to: "bearer ".utf8) == true { return true }
        if let mode = request[.secFetchMode] {
            return !mode.isEqual(to: "navigate") || request[.secPurpose] != nil || isWebSocket(request)
        }
        if request[.requestedWith] != nil || isWebSocket(request) { return true }
        guard let accept = request[.accept], !accept.isEmpty else { return false }
        return !mentions(accept, "text/html") && !mentions(accept, "*/*")
            || mentions(accept, "application/json") && !mentions(accept, "text/html")
    }

    /// mod_fcgid keeps `Upgrade` to itself, but not the key (RFC 6455, section 4.1).
    private static func isWebSocket(_ request: Request) -> Bool {
        request[.webSocketKey] != nil
            || request[.upgrade]?.isEqualIgnoringCase(to: "websocket".utf8) == true
    }

    private static func mentions(_ accept: ArraySlice<UInt8>, _ type: StaticString) -> Bool {
        accept.split(separator: UInt8(ascii: ",")).contains { part in
            part.prefix { $0 != UInt8(ascii: ";") }.trimmed.isEqualIgnoringCase(to: type.description.utf8)
        }
    }
}

internal import Values
internal import Web

/// Where the web server connects.
extension Reader {
    func listen() -> ListenSettings {
        let address = text("listen") ?? ""
        let isInsecure = truth("insecure_listen")
        switch ListenForm(address) {
        case .local: break
        case .open where isInsecure:
            warnings.add(
                place("insecure_listen"), "insecure_listen is on: whoever reaches \(address) decides who is let in")
        case .open:
            problems.add(
                place("listen"),
                "listen is open to other machines, which could pretend anything; use unix: or tcp:127.0.0.1:PORT, "
                    + "or set insecure_listen: true")
        case nil:
            problems.add(
                place("listen"),
                "listen is unix:/PATH (up to 100 bytes), tcp:ADDRESS:PORT with a numeric address, fd:0 or systemd")
        }
        if isSet("listen_group"), !address.hasPrefix("unix:") {
            warnings.add(place("listen_group"), "listen_group is for unix: only and does nothing here")
        }
        return ListenSettings(address: address, group: text("listen_group"), isInsecure: isInsecure)
    }
}

/// Who can connect to an address.
private enum ListenForm {
    /// This machine only.
    case local
    case open

    /// `nil` when the text is no address to listen on.
    init?(_ text: String) {
        if text == "systemd" {
            self = .local
        } else if text.hasPrefix("unix:/") {
            guard (7...105).contains(text.utf8.count) else { return nil }
            self = .local
        } else if text.hasPrefix("fd:") {
            guard let number = text.utf8.dropFirst(3).decimal, number < 1024 else { return nil }
            self = .local
        } else if text.hasPrefix("tcp:") {
            guard let isLoopback = Self.isLoopback(text.utf8.dropFirst(4)) else { return nil }
            self = isLoopback ? .local : .open
        } else {
            return nil
        }
    }

    /// Of `ADDRESS:PORT`, an IPv6 address in brackets.
    private static func isLoopback(_ text: Substring.UTF8View) -> Bool? {
        guard let colon = text.lastIndex(of: UInt8(ascii: ":")),
            let port = text[text.index(after: colon)...].decimal, (1...65535).contains(port)
        else { return nil }
        var host = Array(text[..<colon])
        if host.first == UInt8(ascii: "["), host.last == UInt8(ascii: "]") { host = Array(host.dropFirst().dropLast()) }
        guard IPAddress(host) != nil else { return nil }
        return host.isEqual(to: "::1") || host.starts(with: "127.".utf8)
    }
}

internal import Values

/// The times in tokens (RFC 7519, sections 2 and 4.1.4 to 4.1.6).
enum TokenTimes {
    /// Seconds that our clock and the provider's may differ.
    static let leeway: Int64 = 60

    /// What is there of these claims must be a time, and not in the future.
    static func check(
        _ names: [String], areOverIn members: [String: JSONValue], _ now: Timestamp
    ) throws(SignInFailure) {
        for name in names {
            guard let value = members[name] else { continue }
            guard let moment = value.moment, moment <= now.adding(leeway) else {
                throw .invalidToken("\(name) is no time, or in the future")
            }
        }
    }

    /// Whether this is a time that has not passed.
    static func isAhead(_ end: JSONValue?, _ now: Timestamp) -> Bool {
        end?.moment.map { $0.adding(leeway) > now } ?? false
    }
}

extension JSONValue {
    /// A NumericDate (RFC 7519, section 2); `nil` for truth values, texts and what no calendar holds.
    var moment: Timestamp? {
        switch self {
        case .integer(let seconds) where (0...253_402_300_799).contains(seconds): Timestamp(seconds: seconds)
        case .number(let seconds) where (0...253_402_300_799).contains(seconds):
            Timestamp(seconds: Int64(seconds.rounded(.down)))
        default: nil
        }
    }

    /// A subject: 1 to 255 printable ASCII characters (OpenID Connect Core 1.0, section 2), no space at an end.
    var subject: String? {
        guard let text = string, (1...255).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }), text.utf8.first != 0x20, text.utf8.last != 0x20
        else { return nil }
        return text
    }

    /// Whether it is this text, or a list with it.
    func names(_ text: String) -> Bool {
        switch self {
        case .string(let one): one.utf8.elementsEqual(text.utf8)
        case .array(let several): several.contains { $0.string?.utf8.elementsEqual(text.utf8) ?? false }
        default: false
        }
    }
}

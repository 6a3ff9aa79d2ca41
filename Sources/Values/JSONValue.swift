internal import FoundationEssentials

/// A JSON text (RFC 8259) as it was said. Numbers and truth values stay apart, and so do whole numbers and others.
package indirect enum JSONValue: Sendable, Equatable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// The value of this text; `nil` when it is not JSON in UTF-8, longer than `limit` bytes or nested deeper than 64
    /// brackets, or when a member stands twice in an object.
    package init?(parsing text: some Collection<UInt8>, limit: Int) {
        guard text.count <= limit, Self.isUTF8(text), JSONScan.isPlain(text),
            let value = try? JSONDecoder().decode(JSONValue.self, from: Data(text))
        else { return nil }
        self = value
    }

    /// The decoder would also read UTF-16 and UTF-32, which nobody else does (RFC 8259, section 8.1). Both hold NUL.
    private static func isUTF8(_ text: some Collection<UInt8>) -> Bool {
        !text.contains(0) && String(validating: text, as: UTF8.self) != nil
    }

    /// The member of an object; `nil` when there is none, or this is no object.
    package subscript(_ name: String) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        return members[name]
    }

    package var string: String? {
        guard case .string(let text) = self else { return nil }
        return text
    }

    package var array: [JSONValue]? {
        guard case .array(let elements) = self else { return nil }
        return elements
    }

    package var object: [String: JSONValue]? {
        guard case .object(let members) = self else { return nil }
        return members
    }

    package var bool: Bool? {
        guard case .bool(let truth) = self else { return nil }
        return truth
    }

    /// The text of this value, members sorted by name.
    package var text: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
    }
}

extension JSONValue: Codable {
    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            self = .string(text)
        } else if container.decodeNil() {
            self = .null
        } else if let truth = try? container.decode(Bool.self) {
            self = .bool(truth)
        } else if let whole = try? container.decode(Int64.self) {
            self = .integer(whole)
        } else if let number = try? container.decode(Double.self) {
            self = .number(number)
        } else if let elements = try? container.decode([JSONValue].self) {
            self = .array(elements)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .null: try container.encodeNil()
        case .bool(let truth): try container.encode(truth)
        case .integer(let whole): try container.encode(whole)
        case .number(let number): try container.encode(number)
        case .string(let text): try container.encode(text)
        case .array(let elements): try container.encode(elements)
        case .object(let members): try container.encode(members)
        }
    }
}

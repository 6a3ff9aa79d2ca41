internal import Identity
internal import Values

/// What an operator sees of a session.
package struct SessionLabel: Sendable, Equatable {
    package let username: String
    package let provider: String

    init(_ session: Session) {
        username = session.identity.username
        provider = session.identity.provider
    }

    /// The label of a record; `nil` when none of the keys opens it.
    package init?(_ record: StoredRecord, keys: KeyRing) {
        guard let opened = keys.open(record.label, purpose: .label, authenticating: record.id.bytes),
            let parts = JSONValue(parsing: opened, limit: 16 * 1024)?.array, parts.count == 2,
            let username = parts[0].string, let provider = parts[1].string
        else { return nil }
        self.username = username
        self.provider = provider
    }

    var encoded: [UInt8] {
        Array(JSONValue.array([.string(username), .string(provider)]).text.utf8)
    }
}

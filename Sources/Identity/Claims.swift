package import Values

/// What a provider said of a person: the members of an ID token or of a userinfo answer, as they were said.
package struct Claims: Sendable, Equatable {
    package let members: [String: JSONValue]

    package init(_ members: [String: JSONValue] = [:]) {
        self.members = members
    }

    /// The value of a claim; of one inside another by dots (`realm_access.roles`). A claim whose own name has the
    /// dots comes first (`https://example.com/roles`).
    package subscript(_ path: String) -> JSONValue? {
        if let value = members[path] { return value }
        let steps = path.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard steps.count > 1 else { return nil }
        return steps.dropFirst().reduce(members[steps[0]]) { $0?[$1] }
    }

    /// These claims, and those of `others` that are not among them.
    package func merging(_ others: Claims) -> Claims {
        Claims(members.merging(others.members) { own, _ in own })
    }
}

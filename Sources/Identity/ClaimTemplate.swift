package import Values

/// How one claim of an assertion is made of what is known of a person.
package enum ClaimTemplate: Sendable, Equatable {
    case user
    case email
    /// The address, if the provider says that it is the person's.
    case verifiedEmail
    /// Whether the provider says that the address is the person's; nothing where there is no address.
    case isEmailVerified
    case preferredUsername
    /// All groups, as an array.
    case groups
    /// A claim of the provider's, of the type it has; of one inside another by dots.
    case claim(String)
    case constant(JSONValue)
    /// The first line whose group the person has; else the text for everybody else, if there is one.
    case role([RoleLine], others: String?)

    /// A group, and what those who have it are called.
    package struct RoleLine: Sendable, Equatable {
        package let group: String
        package let role: String

        package init(group: String, role: String) {
            self.group = group
            self.role = role
        }
    }

    /// Whether what it gives is a text, for a person who has it.
    package var isText: Bool {
        switch self {
        case .user, .email, .verifiedEmail, .preferredUsername, .claim, .role: true
        case .constant(.string(let text)): !text.isEmpty
        case .isEmailVerified, .groups, .constant: false
        }
    }

    /// The claim for this person; `nil` when there is nothing to say.
    package func value(for identity: Identity) -> JSONValue? {
        switch self {
        case .user: .string(identity.username)
        case .email: identity.email.map { .string($0) }
        case .verifiedEmail: identity.isEmailVerified ? identity.email.map { .string($0) } : nil
        case .isEmailVerified: identity.email.map { _ in .bool(identity.isEmailVerified) }
        case .preferredUsername: identity.preferredUsername.map { .string($0) }
        case .groups: .array(identity.groups.map { .string($0) })
        case .claim(let path): identity.claims[path].flatMap { $0 == .null ? nil : $0 }
        case .constant(let value): value
        case .role(let lines, let others): (role(of: identity, lines) ?? others).map { .string($0) }
        }
    }

    /// Groups are compared by bytes: Swift's own comparison takes two ways to write one letter for the same.
    private func role(of identity: Identity, _ lines: [RoleLine]) -> String? {
        lines.first { line in identity.groups.contains { $0.utf8.elementsEqual(line.group.utf8) } }?.role
    }
}

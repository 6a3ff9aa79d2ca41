/// A person as we understand the provider's claims. Who it is, is issuer and subject; all else describes.
///
/// It never changes, and is a class so that the many who look at it share one.
package final class Identity: Sendable {
    package let provider: String
    package let issuer: String
    package let subject: String
    /// The name that applications get.
    package let username: String
    package let email: String?
    /// The same, if it can be judged.
    package let address: EmailAddress?
    /// Whether the provider says that the address is the person's (`email_verified` is the truth value true).
    package let isEmailVerified: Bool
    package let preferredUsername: String?
    package let groups: [String]
    /// What rules and configured headers may look at.
    package let claims: Claims

    package init(
        provider: String, issuer: String, subject: String, username: String, email: String? = nil,
        isEmailVerified: Bool = false, preferredUsername: String? = nil, groups: [String] = [],
        claims: Claims = Claims()
    ) {
        self.provider = provider
        self.issuer = issuer
        self.subject = subject
        self.username = username
        self.email = email
        address = EmailAddress(email)
        self.isEmailVerified = isEmailVerified
        self.preferredUsername = preferredUsername
        self.groups = groups
        self.claims = claims
    }
}

extension Identity: Equatable {
    package static func == (one: Identity, other: Identity) -> Bool {
        one.provider == other.provider && one.issuer == other.issuer && one.subject == other.subject
            && one.username == other.username && one.email == other.email
            && one.isEmailVerified == other.isEmailVerified && one.preferredUsername == other.preferredUsername
            && one.groups == other.groups && one.claims == other.claims
    }
}

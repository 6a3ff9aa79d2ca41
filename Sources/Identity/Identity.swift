/// A person as we understand the provider's claims. Who it is, is issuer and subject; all else describes.
package struct Identity: Sendable, Equatable {
    package let provider: String
    package let issuer: String
    package let subject: String
    /// The name that applications get.
    package let username: String
    package let email: String?
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
        self.isEmailVerified = isEmailVerified
        self.preferredUsername = preferredUsername
        self.groups = groups
        self.claims = claims
    }
}

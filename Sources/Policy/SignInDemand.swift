package import Identity
internal import Values

/// What a sign-in must have been like for a rule to count it. Who signed in otherwise is asked to sign in again.
package struct SignInDemand: Sendable, Equatable {
    /// Names of providers, any of them; empty is any provider.
    package var providers: [String]
    package var strength: Strength

    package static let none = SignInDemand()

    package init(providers: [String] = [], strength: Strength = .any) {
        self.providers = providers
        self.strength = strength
    }

    /// Whether the sign-in of this person was like that.
    func isMet(by identity: Identity, at now: Timestamp) -> Bool {
        (providers.isEmpty || providers.contains { $0.utf8.elementsEqual(identity.provider.utf8) })
            && strength.isMet(by: identity.claims, at: now)
    }
}

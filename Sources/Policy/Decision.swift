/// What a policy says, and by which rule.
package enum Decision: Equatable, Sendable {
    /// This person may pass.
    case allow(rule: String)
    /// Anybody may pass; who it is does not matter.
    case allowPublic(rule: String)
    /// Signing in may help.
    case signIn(rule: String?)
    /// Signing in would not help.
    case deny(DenyReason)

    /// Of two, the one that lets fewer pass; the first when they are alike.
    func orStricter(_ other: Decision) -> Decision {
        other.strictness > strictness ? other : self
    }

    private var strictness: Int {
        switch self {
        case .allowPublic: 0
        case .allow: 1
        case .signIn: 2
        case .deny: 3
        }
    }
}

/// Why a request may not pass: for the log, never for the wire.
package enum DenyReason: Equatable, Sendable, CustomStringConvertible {
    case noRuleMatches
    /// A rule of effect `deny`.
    case ruleDenies(String)
    /// The rule that matches first lets others pass, not this person.
    case conditionNotMet(rule: String)
    /// The location asks for a group that this person is not in.
    case groupNotHeld

    package var description: String {
        switch self {
        case .noRuleMatches: "no rule matches"
        case .ruleDenies(let rule): "rule \(rule) denies"
        case .conditionNotMet(let rule): "the condition of rule \(rule) is not met"
        case .groupNotHeld: "not in the groups that the location allows"
        }
    }
}

package import Identity
internal import Values

/// What must be true of a person. All comparisons are by bytes; an empty text matches nobody.
package indirect enum Condition: Sendable {
    /// Anybody who is signed in.
    case anyone
    /// The e-mail address but for the case of ASCII letters. Only an address that the provider calls verified,
    /// unless `includesUnverified`.
    case email([UInt8], includesUnverified: Bool = false)
    /// The whole part of the e-mail address behind its one `@`; the rest as for `email`.
    case domain([UInt8], includesUnverified: Bool = false)
    /// Member of the group.
    case group([UInt8])
    /// The name that applications get. Where that is the e-mail address, it must be verified.
    case user([UInt8])
    /// The subject, which the provider never gives to anybody else. Different providers may use the same.
    case subject([UInt8])
    /// Signed in with the provider of this name.
    case provider([UInt8])
    /// The claim is this text, or a number or truth value with this JSON text, or an array with such an element.
    case claim(String, [UInt8])
    /// Each of these. An empty list is met by nobody.
    case all([Condition])
    /// At least one of these.
    case any([Condition])
    /// Not this. What cannot be judged (an address that is not verified, an empty text) is not met negated either.
    case not(Condition)

    /// Whether the person meets the condition.
    package func isMet(by identity: Identity) -> Bool {
        judge(identity) == .met
    }
}

/// Whether a condition is met, in Kleene's three values: the negation of a doubt is a doubt.
private enum Judgement {
    case met, unmet, unknown

    init(_ truth: Bool) {
        self = truth ? .met : .unmet
    }

    var negated: Judgement {
        switch self {
        case .met: .unmet
        case .unmet: .met
        case .unknown: .unknown
        }
    }

    static func all(_ judgements: [Judgement]) -> Judgement {
        if judgements.contains(.unmet) { return .unmet }
        return judgements.isEmpty || judgements.contains(.unknown) ? .unknown : .met
    }
}

extension Condition {
    private func judge(_ identity: Identity) -> Judgement {
        switch self {
        case .anyone: .met
        case .email(let wanted, let includesUnverified):
            identity.judge(wanted, includesUnverified) { $0.isAddress(wanted) }
        case .domain(let wanted, let includesUnverified):
            identity.judge(wanted, includesUnverified) { $0.isInDomain(wanted) }
        case .group(let wanted): wanted.isEmpty ? .unknown : Judgement(identity.groups.contains { wanted.isText($0) })
        case .user(let wanted): identity.isUsernameDoubtful ? .unknown : wanted.judge(identity.username)
        case .subject(let wanted): wanted.judge(identity.subject)
        case .provider(let wanted): wanted.judge(identity.provider)
        case .claim(let path, let wanted):
            wanted.isEmpty ? .unknown : Judgement(identity.claims[path]?.says(wanted) ?? false)
        case .all(let conditions): Judgement.all(conditions.map { $0.judge(identity) })
        case .any(let conditions): Judgement.all(conditions.map { $0.judge(identity).negated }).negated
        case .not(let condition): condition.judge(identity).negated
        }
    }
}

extension [UInt8] {
    fileprivate func isText(_ text: String) -> Bool { elementsEqual(text.utf8) }

    fileprivate func judge(_ text: String) -> Judgement { isEmpty ? .unknown : Judgement(isText(text)) }
}

extension Identity {
    fileprivate func judge(
        _ wanted: [UInt8], _ includesUnverified: Bool, _ matches: (EmailAddress) -> Bool
    ) -> Judgement {
        guard !wanted.isEmpty, isEmailVerified || includesUnverified, let address else {
            return .unknown
        }
        return Judgement(matches(address))
    }

    /// Whether the username is only an e-mail address that anybody could have given.
    fileprivate var isUsernameDoubtful: Bool {
        guard let email, !isEmailVerified else { return false }
        return Array(email.utf8).isEqualIgnoringCase(to: Array(username.utf8))
    }
}

extension JSONValue {
    fileprivate func says(_ wanted: [UInt8]) -> Bool {
        if case .array(let elements) = self { return elements.contains { $0.isScalar(wanted) } }
        return isScalar(wanted)
    }

    private func isScalar(_ wanted: [UInt8]) -> Bool {
        switch self {
        case .string(let text): wanted.isText(text)
        case .bool, .integer, .number: wanted.isText(text)
        case .null, .array, .object: false
        }
    }
}

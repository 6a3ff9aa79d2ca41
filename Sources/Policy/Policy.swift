package import Identity
internal import Web

/// Rules in their order. The first that matches decides, and no other is asked; when none matches, nobody passes.
package struct Policy: Sendable {
    let rules: [Rule]

    /// `nil` when there are no rules: nobody means that.
    package init?(rules: [Rule]) {
        guard !rules.isEmpty else { return nil }
        self.rules = rules
    }

    /// Whether this person (`nil`: nobody signed in) may have the resource. Where a path can be read in several
    /// ways the strictest decision counts.
    package func decide(on resource: Resource, for identity: Identity?) -> Decision {
        let decisions = resource.path.readings.map { reading in
            // By index: a copy of each rule would cost more than its judgement.
            let match = rules.indices.first { rules[$0].mismatch(resource, reading: reading) == nil }
            return match.map { rules[$0].decide(for: identity) } ?? .deny(.noRuleMatches)
        }
        return decisions.dropFirst().reduce(decisions.first ?? .deny(.noRuleMatches)) { $0.orStricter($1) }
    }
}

extension Rule {
    /// What follows when the rule matches.
    func decide(for identity: Identity?) -> Decision {
        switch effect {
        case .deny: return .deny(.ruleDenies(name))
        case .isPublic: return .allowPublic(rule: name)
        case .allow(let condition):
            guard let identity else { return .signIn(rule: name) }
            return condition.isMet(by: identity) ? .allow(rule: name) : .deny(.conditionNotMet(rule: name))
        }
    }
}

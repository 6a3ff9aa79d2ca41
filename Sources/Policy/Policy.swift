package import Identity
internal import Web

/// Rules in their order. The first that matches decides, and no other is asked; when none matches, nobody passes.
package struct Policy: Sendable {
    let rules: [Rule]
    /// Whether any rule is about networks, so that somebody must find out who is connected.
    package let asksForAddress: Bool

    /// `nil` when there are no rules: nobody means that.
    package init?(rules: [Rule]) {
        guard !rules.isEmpty else { return nil }
        self.rules = rules
        asksForAddress = rules.contains { !$0.networks.isEmpty }
    }

    /// Whether this person (`nil`: nobody signed in) may have the resource. Where a path can be read in several
    /// ways the strictest decision counts.
    package func decide(on resource: Resource, for identity: Identity?) -> Decision {
        var decision = decide(on: resource, reading: resource.path.reading, for: identity)
        for reading in resource.path.otherReadings {
            decision = decision.orStricter(decide(on: resource, reading: reading, for: identity))
        }
        return decision
    }

    private func decide(on resource: Resource, reading: ArraySlice<UInt8>, for identity: Identity?) -> Decision {
        // A span lends its rules; a copy of each would cost more than its judgement.
        let rules = rules.span
        for index in rules.indices where rules[index].mismatch(resource, reading: reading) == nil {
            return rules[index].decide(for: identity)
        }
        return .deny(.noRuleMatches)
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

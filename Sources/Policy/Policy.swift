package import Identity
package import Values
internal import Web

/// Rules in their order. The first that matches decides, and no other is asked; when none matches, nobody passes.
package struct Policy: Sendable {
    let rules: [Rule]
    /// Whether any rule is about hosts, so that somebody must say which it is.
    package let asksForHost: Bool
    /// Whether any rule is about networks, so that somebody must find out who is connected.
    package let asksForAddress: Bool
    /// Whether any rule is about how long ago somebody signed in, so that somebody must look at the clock.
    package let asksForTime: Bool

    /// `nil` when there are no rules: nobody means that.
    package init?(rules: [Rule]) {
        guard !rules.isEmpty else { return nil }
        self.rules = rules
        asksForHost = rules.contains { !$0.hosts.isEmpty }
        asksForAddress = rules.contains { !$0.networks.isEmpty }
        asksForTime = rules.contains { $0.demand.strength.maxAge != nil }
    }

    /// Whether this person (`nil`: nobody signed in) may have the resource. Where a path can be read in several
    /// ways the strictest decision counts. `now` is looked at only if `asksForTime`.
    package func decide(
        on resource: Resource, for identity: Identity?, at now: Timestamp = .distantFuture
    ) -> Decision {
        var decision = decide(on: resource, reading: resource.path.reading, for: identity, at: now)
        for reading in resource.path.otherReadings {
            decision = decision.orStricter(decide(on: resource, reading: reading, for: identity, at: now))
        }
        return decision
    }

    /// What the rule of this name demands of a sign-in.
    package func demand(ofRule name: String?) -> SignInDemand {
        rules.first { $0.name == name }?.demand ?? .none
    }

    private func decide(
        on resource: Resource, reading: ArraySlice<UInt8>, for identity: Identity?, at now: Timestamp
    ) -> Decision {
        // A span lends its rules; a copy of each would cost more than its judgement.
        let rules = rules.span
        for index in rules.indices where rules[index].mismatch(resource, reading: reading) == nil {
            return rules[index].decide(for: identity, at: now)
        }
        return .deny(.noRuleMatches)
    }
}

extension Rule {
    /// What follows when the rule matches.
    func decide(for identity: Identity?, at now: Timestamp) -> Decision {
        switch effect {
        case .deny: return .deny(.ruleDenies(name))
        case .isPublic: return .allowPublic(rule: name)
        case .allow(let condition):
            guard let identity, demand.isMet(by: identity, at: now) else { return .signIn(rule: name) }
            return condition.isMet(by: identity) ? .allow(rule: name) : .deny(.conditionNotMet(rule: name))
        }
    }
}

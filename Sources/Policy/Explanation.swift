package import Identity
package import Values
internal import Web

/// How a decision came about, for `postern explain`.
package struct Explanation: Sendable {
    /// What one rule said of one reading of the path.
    package struct Step: Sendable, Equatable {
        package let reading: ArraySlice<UInt8>
        package let rule: String
        /// Why the rule is not about the request; `nil` for the rule that decided.
        package let mismatch: Mismatch?
        /// What followed from the rule that decided; `nil` for those before it.
        package let decision: Decision?
    }

    /// Reading by reading; each ends with the rule that decided, if one did.
    package let steps: [Step]
    package let decision: Decision
}

extension Policy {
    /// Each rule that was asked and what it said; the decision is the same as that of `decide`.
    package func explain(
        _ resource: Resource, for identity: Identity?, at now: Timestamp = .distantFuture
    ) -> Explanation {
        let steps = resource.path.readings.flatMap { reading in
            let steps = rules.map { step(of: $0, resource, reading, identity, now) }
            let decisive = steps.firstIndex { $0.mismatch == nil } ?? steps.count - 1
            return steps[...decisive]
        }
        return Explanation(steps: steps, decision: decide(on: resource, for: identity, at: now))
    }

    private func step(
        of rule: Rule, _ resource: Resource, _ reading: ArraySlice<UInt8>, _ identity: Identity?,
        _ now: Timestamp
    ) -> Explanation.Step {
        let mismatch = rule.mismatch(resource, reading: reading)
        return Explanation.Step(
            reading: reading, rule: rule.name, mismatch: mismatch,
            decision: mismatch == nil ? rule.decide(for: identity, at: now) : nil)
    }
}

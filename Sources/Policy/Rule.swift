package import Web

/// One line of a policy: which requests it is about, and what becomes of them. An empty list is about all.
///
/// It never changes, and is a class so that judging by it copies nothing.
package final class Rule: Sendable {
    package enum Effect: Sendable {
        /// Those who meet the condition may pass; anybody else who is signed in may not.
        case allow(Condition)
        /// Anybody may pass, signed in or not.
        case isPublic
        case deny
    }

    /// How decisions and `postern explain` call it.
    package let name: String
    package let hosts: [HostPattern]
    package let paths: [PathPattern]
    package let methods: [[UInt8]]
    package let networks: [Network]
    package let effect: Effect
    /// What the sign-in of those who may pass must have been like.
    package let demand: SignInDemand
    private let isDeny: Bool

    package init(
        name: String, hosts: [HostPattern] = [], paths: [PathPattern] = [], methods: [[UInt8]] = [],
        networks: [Network] = [], effect: Effect, demand: SignInDemand = .none
    ) {
        self.name = name
        self.hosts = hosts
        self.paths = paths
        self.methods = methods
        self.networks = networks
        self.effect = effect
        self.demand = demand
        isDeny = if case .deny = effect { true } else { false }
    }

    /// What a request lacks to be one that this rule is about; `nil` when the rule is about it.
    ///
    /// What the web server did not say is not matched by a rule that lets through, and is matched by one that denies.
    func mismatch(_ resource: Resource, reading: ArraySlice<UInt8>) -> Mismatch? {
        if !hosts.isEmpty, !(resource.host.isEmpty ? isDeny : hosts.contains { $0.matches(resource.host) }) {
            return .host
        }
        if !paths.isEmpty, !paths.contains(where: { $0.matches(reading) }) { return .path }
        if !methods.isEmpty, !(resource.method.isEmpty ? isDeny : methods.contains { $0[...] == resource.method }) {
            return .method
        }
        guard !networks.isEmpty else { return nil }
        guard let address = resource.address else { return isDeny ? nil : .network }
        return networks.contains { $0.contains(address) } ? nil : .network
    }
}

/// The part of a rule that a request does not match.
package enum Mismatch: String, Sendable, Equatable {
    case host, path, method, network
}

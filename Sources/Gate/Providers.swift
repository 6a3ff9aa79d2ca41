internal import Identity
package import OpenIDConnect
package import Policy
internal import Values

/// The providers that the operator configured, in their order.
package struct Providers: Sendable {
    /// One of them, and where it counts.
    package struct Entry: Sendable {
        let relyingParty: RelyingParty
        /// Where people may sign in with it, and its sessions are taken; empty is everywhere.
        let hosts: [HostPattern]
        /// Whether people sign in with it; some are there for programs only.
        let isForPeople: Bool

        package init(_ relyingParty: RelyingParty, hosts: [HostPattern] = [], isForPeople: Bool = true) {
            self.relyingParty = relyingParty
            self.hosts = hosts
            self.isForPeople = isForPeople
        }

        var name: String { relyingParty.provider.name }

        func counts(on host: ArraySlice<UInt8>) -> Bool {
            guard !hosts.isEmpty else { return true }
            let host = Resource.normalized(host: host)
            return hosts.contains { $0.matches(host) }
        }
    }

    let entries: [Entry]

    /// Whether access tokens of any of them are taken.
    let takeAccessTokens: Bool

    /// Whether any of them answers in a form that the browser posts.
    let post: Bool

    package init(_ entries: [Entry]) {
        self.entries = entries
        post = entries.contains { $0.relyingParty.provider.responseMode == .formPost }
        takeAccessTokens = entries.contains { $0.relyingParty.provider.accessTokens != nil }
    }

    /// Those whose access tokens count on the host.
    func takingTokens(on host: ArraySlice<UInt8>) -> [RelyingParty] {
        entries.filter { $0.counts(on: host) && $0.relyingParty.provider.accessTokens != nil }.map(\.relyingParty)
    }

    package var relyingParties: [RelyingParty] { entries.map(\.relyingParty) }

    /// The one of this name; `nil` when it is not configured (any more).
    subscript(name: String) -> RelyingParty? {
        entry(name)?.relyingParty
    }

    /// Whether a session of this person counts on the host.
    func accepts(_ identity: Identity, on host: @autoclosure () -> ArraySlice<UInt8>) -> Bool {
        guard let entry = entry(identity.provider), entry.isForPeople else { return false }
        return entry.relyingParty.provider.issuer == identity.issuer
            && (entry.hosts.isEmpty || entry.counts(on: host()))
    }

    /// Those that a person may sign in with here, for a rule that demands some of them.
    func offered(on host: ArraySlice<UInt8>, for demand: SignInDemand) -> [RelyingParty] {
        entries.filter { entry in
            entry.isForPeople && entry.counts(on: host)
                && (demand.providers.isEmpty || demand.providers.contains { $0.utf8.elementsEqual(entry.name.utf8) })
        }.map(\.relyingParty)
    }

    private func entry(_ name: String) -> Entry? {
        // A span lends its entries: this is asked at every check.
        let entries = entries.span
        for index in entries.indices where entries[index].name == name { return entries[index] }
        return nil
    }
}

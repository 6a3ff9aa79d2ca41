internal import Identity
internal import Policy
internal import Values
internal import Web

/// Groups that the web server's own location asks for besides the rules: `auth?allowed_groups=staff,ops`. Any of them
/// is enough. It can only narrow what the rules allow.
struct GroupDemand {
    /// Nothing is asked for.
    static let nothing = GroupDemand(groups: nil)

    private let groups: [[UInt8]]?

    private init(groups: [[UInt8]]?) {
        self.groups = groups
    }

    /// `nil` when something is asked for that we do not understand: leaving it out would let more people in. An
    /// authorizer's query is the client's, not the location's.
    init?(of request: Request) {
        guard !request.isAuthorizer, let text = request[.queryString], !text.isEmpty else {
            self = .nothing
            return
        }
        guard let query = Query(text) else { return nil }
        let demands = query.pairs.filter { $0.name.starts(with: "allowed_".utf8) }
        guard demands.allSatisfy({ $0.name.isEqual(to: "allowed_groups") }) else { return nil }
        let groups = demands.flatMap { $0.value.split(separator: UInt8(ascii: ",")).map { Array($0.trimmed) } }
        self.init(groups: demands.isEmpty ? nil : groups)
    }

    /// What remains of a decision.
    func narrow(_ decision: Decision, for identity: Identity?) -> Decision {
        guard let groups else { return decision }
        switch decision {
        case .deny, .signIn: return decision
        case .allow, .allowPublic:
            guard let identity else { return .signIn(rule: nil) }
            let isMember = identity.groups.contains { group in groups.contains { $0.elementsEqual(group.utf8) } }
            return isMember ? decision : .deny(.groupNotHeld)
        }
    }
}

internal import HTTPTypes
internal import Identity
internal import Sessions
internal import Values
internal import Web

/// `userinfo`: who is signed in, as JSON, without tokens. `denied`: the page for whoever is, and may not.
extension Gate {
    func userinfo(_ request: Request) -> Answer {
        switch session(of: request) {
        case .none: .now(.json(.unauthorized, .object(["error": .string("sign-in needed")])))
        case .live(let session), .due(let session): .now(.json(.ok, describe(session.identity)))
        case .expired(let session): .later { userinfoAfterRefresh(of: session) }
        case .storeFailed: .now(.json(.serviceUnavailable, .object(["error": .string("try again")])))
        }
    }

    private func userinfoAfterRefresh(of session: LiveSession) -> Response {
        switch renew(session) {
        case .live(let session), .due(let session): .json(.ok, describe(session.identity))
        case .none: .json(.unauthorized, .object(["error": .string("sign-in needed")]))
        case .expired, .storeFailed: .json(.serviceUnavailable, .object(["error": .string("try again")]))
        }
    }

    private func describe(_ identity: Identity) -> JSONValue {
        var members: [String: JSONValue] = [
            "user": .string(identity.username), "subject": .string(identity.subject),
            "provider": .string(identity.provider), "groups": .array(identity.groups.map { .string($0) }),
        ]
        members["email"] = identity.email.map { .string($0) }
        members["preferredUsername"] = identity.preferredUsername.map { .string($0) }
        return .object(members)
    }

    func denied(_ request: Request) -> Answer {
        guard case .person = Visitor(of: request) else { return .now(.text(.forbidden, "not allowed\n")) }
        let name: String? =
            switch session(of: request) {
            case .live(let session), .due(let session), .expired(let session): session.identity.username
            case .none, .storeFailed: nil
            }
        let link = Page.Link(.signOut, to: settings.path(of: .signOut))
        return .now(page(.forbidden, .denied(user: name), for: request, link: name == nil ? nil : link))
    }
}

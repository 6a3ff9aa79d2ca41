internal import HTTPTypes
internal import Identity
internal import Values
internal import Web

/// GitHub and GitHub Enterprise Server (docs.github.com, "REST API"): organisations become groups `org:NAME`, teams
/// `team:ORG/NAME`. A team is never named without its organisation: anybody may found one that is called the same.
enum GitHub {
    /// docs.github.com/rest/about-the-rest-api/api-versions
    private static let fields = [
        HTTPField(name: .accept, value: "application/vnd.github+json"),
        HTTPField(name: HTTPField.Name("X-GitHub-Api-Version")!, value: "2022-11-28"),
    ]

    /// What `/user` says, with the address that is primary and verified, and the groups.
    static func claims(_ api: ProviderAPI, _ grant: Grant) throws(SignInFailure) -> Claims {
        guard var members = try api.get("/user", fields: fields).value.object else {
            throw .invalidResponse("/user is not an object")
        }
        members["email"] = try email(api, grant).map { .string($0) }
        members["email_verified"] = .bool(members["email"] != nil)
        // A recheck has no token answer to read them from.
        if let scopes = grant.scopes { members["scope"] = .string(scopes.joined(separator: " ")) }
        members["groups"] = .array(try groups(api, grant).map { .string($0) })
        return Claims(members)
    }

    /// docs.github.com/rest/users/emails: the address in `/user` is the one that a person shows, proved or not.
    private static func email(_ api: ProviderAPI, _ grant: Grant) throws(SignInFailure) -> String? {
        guard isGranted(["user:email", "user"], grant) else { return nil }
        let entries = try api.list("/user/emails", fields: fields)
        return entries.first { $0["primary"] == .bool(true) && $0["verified"] == .bool(true) }?["email"]?.string
    }

    /// docs.github.com/rest/orgs and /rest/teams. Names compare without case, so they are given in lower case.
    private static func groups(_ api: ProviderAPI, _ grant: Grant) throws(SignInFailure) -> [String] {
        guard isGranted(["read:org", "write:org", "admin:org"], grant) else { return [] }
        let organisations = try api.list("/user/orgs", fields: fields).compactMap { $0["login"]?.string }
        let teams = try api.list("/user/teams", fields: fields).compactMap { team -> String? in
            guard let organisation = team["organization"]?["login"]?.string, let name = team["slug"]?.string else {
                return nil
            }
            return "team:\(organisation)/\(name)"
        }
        return (organisations.map { "org:\($0)" } + teams).map { $0.lowercased() }
    }

    /// A person may grant less than what was asked for: then there is nothing to ask. Tokens of GitHub Apps have no
    /// scopes at all.
    private static func isGranted(_ wanted: [String], _ grant: Grant) -> Bool {
        guard let scopes = grant.scopes, !scopes.isEmpty else { return true }
        return wanted.contains { scopes.contains($0) }
    }

    /// docs.github.com/rest/apps/oauth-applications, "Delete an app token".
    static func revocation(of token: Secret, _ provider: Provider, deadline: Int64) -> ProviderRequest? {
        let path = "/applications/\(PercentEncoding.encode(provider.clientID))/token"
        guard let url = provider.endpoint((provider.api?.text ?? "") + path), let secret = provider.clientSecret else {
            return nil
        }
        let credentials = Array("\(provider.clientID):".utf8) + secret.exposed
        let body = JSONValue.object(["access_token": .string(String(decoding: token.exposed, as: UTF8.self))])
        return ProviderRequest(
            .delete, url,
            fields: fields + [
                HTTPField(name: .authorization, value: "Basic \(Base64.encode(credentials))"),
                HTTPField(name: .contentType, value: "application/json"),
            ], body: Array(body.text.utf8), caFile: provider.caFile, deadline: deadline)
    }
}

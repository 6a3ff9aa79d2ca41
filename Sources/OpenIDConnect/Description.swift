internal import HTTPTypes
internal import Identity
internal import JOSE
internal import Values
internal import Web

/// The claims that describe a person, wherever a provider keeps them.
extension RelyingParty {
    /// What a plain OAuth2 service says in its profile call, and who it is.
    func profile(_ grant: Grant, _ deadline: Int64) throws(SignInFailure) -> (subject: String, claims: Claims) {
        let api = api(grant, deadline)
        let said = try profileClaims(api, grant).withoutSignIn
        return (try provider.mapping.subject(of: said), said)
    }

    private func profileClaims(_ api: ProviderAPI, _ grant: Grant) throws(SignInFailure) -> Claims {
        if has(.gitHubProfile) { return try GitHub.claims(api, grant) }
        if has(.facebookProfile) { return try Facebook.claims(api) }
        guard let url = provider.endpoints.userinfo else { throw .invalidResponse("there is no userinfo_endpoint") }
        let fields = has(.ocsEnvelope) ? [HTTPField(name: HTTPField.Name("OCS-APIRequest")!, value: "true")] : []
        var answer = try api.get(url, fields: fields).value
        // docs.nextcloud.com, "OCS API": the answer proper is in ocs.data.
        if has(.ocsEnvelope) { answer = answer["ocs"]?["data"] ?? .null }
        guard var members = answer.object else { throw .invalidResponse("the profile is not an object") }
        if has(.bitbucketEmails) { members.merge(try Self.bitbucketEmail(api)) { $1 } }
        return Claims(members)
    }

    /// developer.atlassian.com/cloud/bitbucket/rest/api-group-users
    private static func bitbucketEmail(_ api: ProviderAPI) throws(SignInFailure) -> [String: JSONValue] {
        let entries = try api.get("/user/emails").value["values"]?.array ?? []
        let proved = entries.first { $0["is_primary"] == .bool(true) && $0["is_confirmed"] == .bool(true) }
        return ["email": proved?["email"] ?? .null, "email_verified": .bool(proved != nil)]
    }

    /// The claims of an OpenID provider, with what its own ways add.
    func described(_ claims: Claims, _ grant: Grant, _ deadline: Int64) throws(SignInFailure) -> Claims {
        var members = claims.members
        if has(.hostedDomain) { try Google.checkDomain(claims, provider) }
        let api = api(grant, deadline)
        let groups: [String]? =
            if has(.cloudIdentityGroups) {
                try Google.groups(api, of: claims)
            } else if has(.groupOverage) {
                try Entra.groups(api, of: claims)
            } else if has(.keycloakRoles) {
                Keycloak.groups(claims, accessToken: try claimsOfAccessToken(grant, of: claims, deadline))
            } else if has(.groupsAreNames) {
                claims.members[provider.mapping.groups]?.object?.keys.sorted()
            } else {
                nil
            }
        if let groups { members[provider.mapping.groups] = .array(groups.map { .string($0) }) }
        return Claims(members)
    }

    /// Those of an access token that is a token of the provider's own, of the same person and not over; none of one that
    /// is no such token.
    private func claimsOfAccessToken(
        _ grant: Grant, of person: Claims, _ deadline: Int64
    ) throws(SignInFailure) -> Claims {
        guard let token = CompactToken(String(decoding: grant.accessToken.exposed, as: UTF8.self)) else {
            return Claims()
        }
        let (payload, _) = try verifiedPayload(token, deadline)
        let members = JSONValue(parsing: payload, limit: CompactToken.limit)?.object ?? [:]
        guard members["iss"]?.string?.utf8.elementsEqual(provider.issuer.utf8) == true else {
            throw .invalidToken("the access token is another issuer's")
        }
        guard TokenTimes.isAhead(members["exp"], clock.now()) else {
            throw .invalidToken("the access token is over")
        }
        // "Lightweight" tokens name nobody.
        guard members["sub"] == nil || members["sub"] == person.members["sub"] else {
            throw .invalidToken("the access token is another person's")
        }
        return Claims(members)
    }

    func has(_ oddity: Oddity) -> Bool { provider.oddities.contains(oddity) }

    private func api(_ grant: Grant, _ deadline: Int64) -> ProviderAPI {
        ProviderAPI(provider: provider, grant: grant, deadline: deadline) {
            request throws(SignInFailure) in try self.exchange(request)
        }
    }
}

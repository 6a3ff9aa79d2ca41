internal import Identity
internal import Values

/// Google beyond OpenID Connect.
enum Google {
    /// developers.google.com/identity/openid-connect/openid-connect#an-id-tokens-payload
    static let issuerWithoutScheme = "accounts.google.com"

    /// The account must belong to one of the organisations, as the token says.
    static func checkDomain(_ claims: Claims, _ provider: Provider) throws(SignInFailure) {
        guard !provider.hostedDomains.isEmpty else { return }
        let domain = claims.members["hd"]?.string ?? ""
        guard provider.hostedDomains.contains(where: { $0.utf8.elementsEqual(domain.utf8) }) else {
            throw .identityRefused("hd is \(quoted(domain.isEmpty ? nil : domain)), none of hosted_domains")
        }
    }

    /// The groups that a person is in, directly or through other groups, as Cloud Identity tells that person
    /// (cloud.google.com/identity/docs/reference/rest/v1/groups.memberships/searchTransitiveGroups).
    static func groups(_ api: ProviderAPI, of claims: Claims) throws(SignInFailure) -> [String]? {
        guard api.provider.scopes.contains(where: { $0.contains("cloud-identity.groups") }) else { return nil }
        // It stands in a query of Google's own language.
        guard let email = claims.members["email"]?.string,
            email.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") })
        else { return [] }
        let quoted = email.replacing("'", with: "\\'")
        let question =
            "member_key_id == '\(quoted)' && 'cloudidentity.googleapis.com/groups.discussion_forum' in labels"
        var groups: [String] = []
        var next = ""
        for _ in 0..<ProviderAPI.mostPages {
            let page = next.isEmpty ? [] : [("pageToken", next)]
            let answer = try api.get(
                "/v1/groups/-/memberships:searchTransitiveGroups", [("query", question), ("pageSize", "1000")] + page
            ).value
            groups += (answer["memberships"]?.array ?? []).compactMap { $0["groupKey"]?["id"]?.string }
            next = answer["nextPageToken"]?.string ?? ""
            if next.isEmpty { return groups }
        }
        throw .invalidResponse("the groups have too many pages")
    }
}

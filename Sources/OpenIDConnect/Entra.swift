internal import HTTPTypes
internal import Identity
internal import Values
internal import Web

/// Microsoft Entra ID beyond OpenID Connect.
enum Entra {
    /// Asked when a token says that there are too many groups to name (learn.microsoft.com, "Groups overage claim"):
    /// only Microsoft Graph itself, never the address that the token names.
    static func groups(_ api: ProviderAPI, of claims: Claims) throws(SignInFailure) -> [String]? {
        guard claims.members["groups"] == nil, hasTooMany(claims) else { return nil }
        var groups: [String] = []
        // learn.microsoft.com/graph/api/user-list-transitivememberof: choosing groups alone is an advanced query.
        let fields = [HTTPField(name: HTTPField.Name("ConsistencyLevel")!, value: "eventual")]
        var page = try api.get(
            "/v1.0/me/transitiveMemberOf/microsoft.graph.group",
            [("$count", "true"), ("$select", "id"), ("$top", "999")], fields: fields
        ).value
        for _ in 0..<ProviderAPI.mostPages {
            guard let entries = page["value"]?.array else { throw .invalidResponse("the groups are not a list") }
            groups += entries.compactMap { $0["id"]?.string }
            guard let next = page["@odata.nextLink"]?.string else { return groups }
            guard let url = api.provider.endpoint(next), url.origin == api.provider.api?.origin else {
                throw .invalidResponse("the next page of the groups is elsewhere")
            }
            page = try api.get(url, fields: fields).value
        }
        throw .invalidResponse("the groups have too many pages")
    }

    private static func hasTooMany(_ claims: Claims) -> Bool {
        claims.members["_claim_names"]?["groups"] != nil || claims.members["hasgroups"] == .bool(true)
    }

    /// The issuer of a token of `common`, `organizations` or `consumers`: discovery gives a pattern, and the tenant
    /// of each token fills it in (learn.microsoft.com, "Access token claims: iss").
    /// `nil` when the token names no tenant.
    static func issuer(_ pattern: String, _ members: [String: JSONValue]) -> String? {
        guard pattern.contains("{tenantid}") else { return pattern }
        guard let tenant = members["tid"]?.string, tenant.utf8.count == 36, tenant.utf8.allSatisfy(isHexOrHyphen)
        else { return nil }
        return pattern.replacing("{tenantid}", with: tenant)
    }

    /// The tenant of all personal accounts.
    private static let consumers = "9188040d-6c67-4c5b-b112-36a304b66dad"

    /// Whether discovery says the pattern that stands for all tenants.
    static func isPattern(_ said: String, ofCommon issuer: String) -> Bool {
        ["common", "organizations"].contains { said.utf8.elementsEqual(issuer.replacing($0, with: "{tenantid}").utf8) }
            && said.contains("{tenantid}")
            || said.utf8.elementsEqual(issuer.replacing("consumers", with: consumers).utf8)
    }

    private static func isHexOrHyphen(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x61...0x66, UInt8(ascii: "-"): true
        default: false
        }
    }
}

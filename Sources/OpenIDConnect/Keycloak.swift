internal import Identity
internal import Values

/// Keycloak's roles (keycloak.org/docs, "Server Administration", "Client scopes"): they stand in the access token.
enum Keycloak {
    /// Groups as they are, realm roles as `role:NAME`, those of a client as `role:CLIENT:NAME`.
    static func groups(_ claims: Claims, accessToken: Claims) -> [String] {
        let groups = (claims.members["groups"]?.array ?? []).compactMap(\.string)
        let realm = names(accessToken.members["realm_access"]).map { "role:\($0)" }
        let clients = (accessToken.members["resource_access"]?.object ?? [:]).sorted { $0.key < $1.key }
        return groups + realm + clients.flatMap { client, roles in names(roles).map { "role:\(client):\($0)" } }
    }

    private static func names(_ access: JSONValue?) -> [String] {
        (access?["roles"]?.array ?? []).compactMap(\.string)
    }
}

internal import Identity
internal import JOSE
internal import OpenIDConnect
internal import Values

/// What of the protocol is used beyond its core.
extension ProviderReader {
    func addProtocol(to provider: inout Provider) {
        provider.pushes =
            reader.choice("\(path).pushed_authorization").flatMap(PushedAuthorization.init(rawValue:)) ?? .auto
        provider.signsRequests = truth("request_object")
        if provider.signsRequests, provider.clientKey == nil {
            problems.add(place("request_object"), "\(path).client_key_file is missing, for request_object")
        }
        provider.bindsTokens = truth("dpop")
        provider.resources = reader.list("\(path).resources").map { text, place in
            // RFC 8707, section 2.
            if !text.contains(":") || text.contains("#") || text.utf8.first.map(\.isWordByte) != true {
                problems.add(place, "\(text) is no absolute address without a fragment")
            }
            return text
        }
        provider.responseMode =
            reader.choice("\(path).response_mode").flatMap(ResponseMode.init(rawValue:)) ?? preset.responseMode
        if provider.responseMode == .formPost, reader.truth("cookie.insecure") {
            problems.add(
                place("response_mode"),
                "\(path).response_mode form_post needs https: browsers send no cookie with another site's form otherwise"
            )
        }
        let maxAge = reader.duration("\(path).max_age")
        provider.strength = Strength(acrValues: acrValues(), maxAge: maxAge == 0 ? nil : maxAge)
        if provider.dialect == .oauth2 { refuseForOAuth2(provider) }
        if provider.bindsTokens, reader.truth("identity.access_token") {
            warnings.add(
                place("dpop"), "\(path).dpop is on: the application cannot use the access token, it lacks the key")
        }
        provider.isFAPI = reader.choice("\(path).profile") == "fapi2"
        if provider.isFAPI { demandFAPI(of: &provider) }
    }

    private func acrValues() -> [String] {
        reader.list("\(path).acr_values").map { text, place in
            if !RuleReader.isContextClass(text) { problems.add(place, "\(text) is no authentication context class") }
            return text
        }
    }

    /// What takes an ID token.
    private func refuseForOAuth2(_ provider: Provider) {
        for (key, isSet) in [
            ("acr_values", !provider.strength.acrValues.isEmpty), ("max_age", provider.strength.maxAge != nil),
            ("dpop", provider.bindsTokens), ("request_object", provider.signsRequests),
        ] where isSet {
            problems.add(place(key), "\(path).\(key) needs an OpenID provider; leave it out")
        }
    }

    /// FAPI 2.0 Security Profile, section 5.3.3 (clients).
    private func demandFAPI(of provider: inout Provider) {
        func demand(_ isMet: Bool, _ key: String, _ remedy: String) {
            if !isMet { problems.add(place(key), "profile: fapi2 demands \(remedy)") }
        }
        demand(!provider.insecureHTTP, "insecure_http", "https: leave insecure_http out")
        demand(provider.dialect == .openIDConnect, "kind", "an OpenID provider")
        demand(provider.pushes != .never, "pushed_authorization", "pushed authorization requests")
        demand(provider.responseMode == .query, "response_mode", "response_mode: query")
        let method = provider.clientAuthentication ?? (provider.clientKey == nil ? .basic : .keyToken)
        demand(
            [.keyToken, .tls].contains(method), "client_authentication", "client_authentication: private_key_jwt or tls"
        )
        demand(
            provider.bindsTokens || provider.clientCertificate != nil, "dpop",
            "bound tokens: dpop: true, or client_certificate_file")
        let own = provider.clientKey?.algorithms ?? []
        demand(
            method != .keyToken || own.contains { SignatureAlgorithm.ofFAPI.contains($0) }, "client_key_file",
            "a key for PS256, ES256 or EdDSA: RSA, P-256 or Ed25519")
        provider.pushes = .always
        provider.clientAuthentication = method
    }

    func accessTokens() -> AccessTokenDemand? {
        let demand = AccessTokenDemand(
            audiences: words("access_tokens.audiences"),
            types: words("access_tokens.types").map { $0.lowercased() }, scopes: words("access_tokens.scopes"),
            isIntrospected: truth("access_tokens.introspection"),
            cacheLifetime: reader.duration("\(path).access_tokens.cache"))
        check(demand)
        return demand.audiences.isEmpty && !demand.isIntrospected ? nil : demand
    }

    private func check(_ demand: AccessTokenDemand) {
        let isOAuth2 = preset.dialect == .oauth2
        if isOAuth2, !demand.audiences.isEmpty, !demand.isIntrospected {
            problems.add(
                place("access_tokens.audiences"),
                "\(path): a plain OAuth2 service has no keys to verify tokens by; set access_tokens.introspection")
        }
        if isOAuth2, demand.isIntrospected, !isSet("introspection_endpoint") {
            problems.add(place("access_tokens.introspection"), "\(path).introspection_endpoint is missing")
        }
        for key in ["scopes", "types", "cache"] where isSet("access_tokens.\(key)") {
            guard demand.audiences.isEmpty, !demand.isIntrospected else { continue }
            warnings.add(
                place("access_tokens.\(key)"), "\(path).access_tokens does nothing without audiences or introspection")
        }
        if demand.types.contains("jwt"), let id = text("client_id"), demand.audiences.contains(id) {
            problems.add(
                place("access_tokens.audiences"),
                "\(path): with types JWT an ID token, which is for \(id), would be taken; choose another audience")
        }
        if demand.isIntrospected, demand.audiences.isEmpty, demand.scopes.isEmpty {
            warnings.add(
                place("access_tokens.introspection"),
                "\(path).access_tokens takes tokens that were given to any client of the provider; set audiences or scopes"
            )
        }
    }
}

internal import OpenIDConnect
internal import Values
internal import Web

/// Reads one provider: what the operator says, and else what the preset of its kind knows.
struct ProviderReader {
    let reader: Reader
    let path: String
    let first: Place
    let preset: Preset

    var problems: Problems { reader.problems }
    var warnings: Problems { reader.warnings }

    func provider(_ name: String) -> Provider? {
        let isInsecure = truth("insecure_http")
        if isInsecure {
            warnings.add(
                place("insecure_http"), "\(path).insecure_http is on: the provider is spoken to over plain http")
        }
        let scopes = scopes
        let id = clientID()
        let secret = clientSecret()
        let caFile = caFile()
        guard let (issuer, url) = issuer(isInsecure), let id else { return nil }
        var provider = Provider(
            name: name, issuer: issuer, issuerURL: url, clientID: id, clientSecret: secret,
            clientAuthentication: authentication, scopes: scopes, prompt: text("prompt"), mapping: mapping,
            authorizationParameters: authorizationParameters(), endSession: truth("end_session"), caFile: caFile,
            insecureHTTP: isInsecure)
        provider.title =
            text("title") ?? (preset.dialect == .openIDConnect && preset.kind == "oidc" ? name : preset.title)
        provider.dialect = preset.dialect
        provider.oddities = preset.oddities
        provider.revokes = truth("revoke")
        provider.recheck = reader.duration("\(path).recheck")
        provider.hostedDomains = words("hosted_domains")
        if !provider.hostedDomains.isEmpty, !preset.oddities.contains(.hostedDomain) {
            problems.add(place("hosted_domains"), "\(path).hosted_domains is for kind: google; use rules with domains")
        }
        provider.tenant = text("tenant")
        addClientKey(to: &provider)
        addProtocol(to: &provider)
        provider.accessTokens = accessTokens()
        addEndpoints(to: &provider)
        checkClient(provider)
        return provider
    }

    // MARK: What is asked for, and what it means

    private var scopes: [String] {
        let said = words("scopes").flatMap { $0.split(separator: " ").map(String.init) }
        let scopes = isSet("scopes") ? said : preset.scopes
        return preset.dialect == .oauth2 || scopes.contains("openid") ? scopes : ["openid"] + scopes
    }

    private var mapping: IdentityMapping {
        var mapping = preset.mapping
        if let subject = text("claims.subject") {
            if preset.dialect == .openIDConnect {
                problems.add(place("claims.subject"), "the subject of an OpenID provider is always sub; leave it out")
            }
            mapping.subject = subject
            if preset.kind == "oauth2", !isSet("claims.username") { mapping.username += [subject] }
        }
        if let username = text("claims.username") { mapping.username = [username] }
        if let email = text("claims.email") { mapping.email = email }
        if let groups = text("claims.groups") { mapping.groups = groups }
        return mapping
    }

    /// Those of the protocol are ours: with another state or redirect URI no answer would be believed.
    private func authorizationParameters() -> [(name: String, value: String)] {
        let ours = [
            "response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge",
            "code_challenge_method", "request", "request_uri", "dpop_jkt",
        ]
        let said = reader.map("\(path).authorization_parameters").map { name, text, place in
            if ours.contains(name) { problems.add(place, "\(name) is Postern's own parameter; leave it out") }
            return (name: name, value: text)
        }
        return preset.parameters.filter { known in !said.contains { $0.name == known.name } } + said
    }

    // MARK: Addresses

    private func issuer(_ isInsecure: Bool) -> (String, EndpointURL)? {
        guard let issuer = text("issuer") ?? presetIssuer() else { return nil }
        guard let url = EndpointURL(issuer, allowsHTTP: true), !url.pathAndQuery.contains("?") else {
            problems.add(place("issuer"), "\(path).issuer is no address such as \(preset.example)")
            return nil
        }
        if !url.isHTTPS, !isInsecure {
            problems.add(place("issuer"), "\(path).issuer is not https; for a trial set insecure_http: true")
        }
        return (issuer, url)
    }

    private func presetIssuer() -> String? {
        guard let issuer = preset.issuer else {
            problems.add(first, "\(path).issuer is missing; the provider's pages name it, `\(preset.example)`")
            return nil
        }
        guard issuer.contains("{tenant}") else { return issuer }
        guard let tenant = text("tenant") else {
            problems.add(first, "\(path).tenant is missing: the directory's id, or its name such as example.com")
            return nil
        }
        guard tenant.utf8.allSatisfy({ $0.isWordByte || $0 == UInt8(ascii: ".") }) else {
            problems.add(place("tenant"), "\(path).tenant is a directory's id or name")
            return nil
        }
        return issuer.replacing("{tenant}", with: tenant)
    }

    private func addEndpoints(to provider: inout Provider) {
        provider.api = address("api_url", apiBase(provider), provider)
        let templates = Templates(
            issuer: trimmed(provider.issuer), api: trimmed(provider.api?.text ?? ""),
            version: text("graph_version") ?? "")
        provider.endpoints.authorization = address(
            "authorization_endpoint", templates.filled(preset.authorization), provider)
        provider.endpoints.token = address("token_endpoint", templates.filled(preset.token), provider)
        provider.endpoints.userinfo = address("userinfo_endpoint", templates.filled(preset.userinfo), provider)
        provider.endpoints.revocation = address("revocation_endpoint", templates.filled(preset.revocation), provider)
        provider.endpoints.introspection = address("introspection_endpoint", nil, provider)
        if preset.kind == "facebook", let api = provider.api {
            provider.api = provider.endpoint("\(trimmed(api.text))/\(templates.version)")
        }
        guard provider.dialect == .oauth2 else { return }
        for (key, url) in [
            ("authorization_endpoint", provider.endpoints.authorization), ("token_endpoint", provider.endpoints.token),
            ("userinfo_endpoint", provider.endpoints.userinfo),
        ] where url == nil && !isSet(key) {
            problems.add(first, "\(path).\(key) is missing: a plain OAuth2 service does not publish it")
        }
    }

    /// An Enterprise Server has its interface below its own address.
    private func apiBase(_ provider: Provider) -> String? {
        guard preset.kind == "github", provider.issuer != preset.issuer else { return preset.api }
        return trimmed(provider.issuer) + "/api/v3"
    }

    private func address(_ key: String, _ standard: String?, _ provider: Provider) -> EndpointURL? {
        guard let text = text(key) ?? standard else { return nil }
        let url = provider.endpoint(text)
        if url == nil { problems.add(place(key), "\(path).\(key) is no https address") }
        return url
    }

    private func trimmed(_ address: String) -> String {
        address.hasSuffix("/") ? String(address.dropLast()) : address
    }
}

extension ProviderReader {
    func place(_ key: String) -> Place {
        isSet(key) ? reader.place("\(path).\(key)") : first
    }

    func isSet(_ key: String) -> Bool { reader.isSet("\(path).\(key)") }
    func text(_ key: String) -> String? { reader.text("\(path).\(key)") }
    func truth(_ key: String) -> Bool { reader.truth("\(path).\(key)") }
    func words(_ key: String) -> [String] { reader.list("\(path).\(key)").map(\.text) }
}

/// What stands in a preset's addresses for what is configured.
private struct Templates {
    let issuer: String
    let api: String
    let version: String

    func filled(_ template: String?) -> String? {
        template?.replacing("{issuer}", with: issuer).replacing("{api}", with: api)
            .replacing("{version}", with: version)
    }
}

internal import Values
internal import Web

/// The provider and the sessions.
extension Reader {
    func provider() -> ProviderSettings? {
        guard let (name, first) = document.providers.first else {
            if !document.isProviderRefused {
                problems.add(
                    place("providers"),
                    "providers is missing; `providers: {company: {kind: oidc, issuer: …, client_id: …}}`")
            }
            return nil
        }
        for (other, place) in document.providers.dropFirst() {
            problems.add(place, "a second provider, \(other): one at a time for now; more come in a later version")
        }
        let path = "providers.\(name)"
        guard KeyTable.isSection(["providers", name]),
            document.entries.keys.contains(where: { $0.hasPrefix(path + ".") })
        else {
            problems.add(first, "\(path) holds nothing; issuer, client_id and client_secret_file are needed")
            return nil
        }
        let client = client(path, first)
        let claims = ClaimSettings(
            username: text("\(path).claims.username"), email: text("\(path).claims.email") ?? "email",
            groups: text("\(path).claims.groups") ?? "groups")
        let scopes = list("\(path).scopes").flatMap { $0.text.split(separator: " ").map(String.init) }
        let isInsecure = truth("\(path).insecure_http")
        let endSession = truth("\(path).end_session")
        if isInsecure {
            warnings.add(
                place("\(path).insecure_http"), "\(path).insecure_http is on: the provider is spoken to over plain http"
            )
        }
        guard let (issuer, url) = issuer(path, first, isInsecure), let client else { return nil }
        return ProviderSettings(
            name: name, issuer: issuer, issuerURL: url, client: client,
            scopes: scopes.contains("openid") ? scopes : ["openid"] + scopes, prompt: text("\(path).prompt"),
            claims: claims,
            authorizationParameters: authorizationParameters(path),
            endSession: endSession, insecureHTTP: isInsecure)
    }

    /// Those of the protocol are ours: with another state or redirect URI no answer would be believed.
    private func authorizationParameters(_ path: String) -> [(name: String, value: String)] {
        let ours = [
            "response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "nonce", "code_challenge",
            "code_challenge_method", "request", "request_uri",
        ]
        return map("\(path).authorization_parameters").map { name, text, place in
            if ours.contains(name) { problems.add(place, "\(name) is Postern's own parameter; leave it out") }
            return (name, text)
        }
    }

    private func issuer(_ path: String, _ first: Place, _ isInsecure: Bool) -> (String, EndpointURL)? {
        let isGoogle = kind(path) == "google"
        guard let issuer = text("\(path).issuer") ?? (isGoogle ? "https://accounts.google.com" : nil) else {
            problems.add(first, "\(path).issuer is missing; the provider's pages name it, `https://login.example.com`")
            return nil
        }
        guard let url = EndpointURL(issuer, allowsHTTP: true), !url.pathAndQuery.contains("?") else {
            problems.add(place("\(path).issuer"), "\(path).issuer is no address such as https://login.example.com")
            return nil
        }
        if !url.isHTTPS, !isInsecure {
            problems.add(place("\(path).issuer"), "\(path).issuer is not https; for a trial set insecure_http: true")
        }
        return (issuer, url)
    }

    private func kind(_ path: String) -> String? {
        let kind = text("\(path).kind") ?? ""
        switch kind {
        case "gitlab", "keycloak", "okta", "auth0", "azure", "entra", "authentik", "authelia", "zitadel", "dex":
            problems.add(
                place("\(path).kind"),
                "kind \(kind) is not available yet; it speaks OpenID Connect: kind: oidc and its issuer")
            return nil
        case "oauth2", "github", "facebook", "bitbucket", "linkedin":
            problems.add(
                place("\(path).kind"), "kind \(kind) is not available yet; for now a provider must speak OpenID Connect"
            )
            return nil
        default: return choice("\(path).kind")
        }
    }

    private func client(_ path: String, _ first: Place) -> ClientSettings? {
        let authentication = choice("\(path).client_authentication")
        let secret = secret("\(path).client_secret")
        let hasSecret = isSet("\(path).client_secret") || isSet("\(path).client_secret_file")
        if hasSecret, authentication == "none" {
            warnings.add(
                place("\(path).client_authentication"),
                "\(path).client_authentication is none: the client secret is not used")
        }
        if !hasSecret, authentication != "none" {
            problems.add(
                first, "\(path).client_secret_file is missing; for a public client set client_authentication: none")
        }
        if let secret, secret.exposed.count < 8 {
            let key = isSet("\(path).client_secret") ? "client_secret" : "client_secret_file"
            warnings.add(place("\(path).\(key)"), "\(path).client_secret is shorter than 8 characters; is it whole?")
        }
        guard let id = text("\(path).client_id"), !id.isEmpty else {
            problems.add(first, "\(path).client_id is missing; the provider gave it with the secret")
            return nil
        }
        return ClientSettings(id: id, secret: secret, authentication: authentication, caFile: caFile(path))
    }

    private func caFile(_ path: String) -> String? {
        guard let file = text("\(path).ca_file") else { return nil }
        if !isReadable(file) { problems.add(place("\(path).ca_file"), "\(file) cannot be read") }
        return file
    }

    // MARK: Sessions

    func session() -> SessionSettings? {
        let store = store()
        let settings = SessionSettings(
            store: store ?? .memory, lifetime: duration("session.lifetime"),
            idleTimeout: duration("session.idle_timeout"), refreshBefore: duration("session.refresh_before"),
            outageGrace: duration("session.outage_grace"), signInLifetime: duration("session.sign_in_lifetime"),
            keyFile: text("session.key_file") ?? "")
        if !settings.keyFile.hasPrefix("/") {
            problems.add(place("session.key_file"), "session.key_file is a path from the root, /var/lib/postern/keys")
        }
        return store == nil ? nil : settings
    }

    private func store() -> SessionSettings.Store? {
        let text = text("session.store") ?? ""
        if text == "memory" { return .memory }
        if text.hasPrefix("sqlite:/") { return .sqlite(path: String(text.dropFirst(7))) }
        let later = text.hasPrefix("redis") || text == "cookie"
        let message =
            later
            ? "session.store \(text.prefix { $0 != ":" }) is not available yet; use sqlite:/var/lib/postern/sessions.db"
            : "session.store is sqlite:/PATH or memory"
        problems.add(place("session.store"), message)
        return nil
    }
}

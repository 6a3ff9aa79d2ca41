internal import JOSE
internal import OpenIDConnect

/// The only place that knows all keys: parsing, messages, environment names and the reference page come from it.
package enum KeyTable {
    package static let keys: [Key] = [
        Key(
            "public_url", .text, nil,
            "The address people use, `https://host[:port]`. The callback address is made from it."),
        Key(
            "listen", .list, "[unix:/run/postern/postern.sock]",
            "`unix:PATH`, `tcp:ADDRESS:PORT`, `fd:0` (a listening socket from the web server) or `systemd`; one or several."
        ),
        Key(
            "listen_group", .text, nil,
            "The group that may connect to the Unix socket: the web server's. Its mode is always 0660."),
        Key(
            "insecure_listen", .truth, "false",
            "Allows `tcp:` beyond loopback. Whoever can connect there decides who signed in from where."),
        Key("prefix", .text, "/oauth2", "The path of Postern's own endpoints."),
        Key(
            "answer_cache", .duration(0...60), "0",
            "How long nginx may reuse the answer of a check; a session that ends is refused that much later. `0` is off."
        ),
        Key("trusted_proxies", .list, "[]", "Networks whose `X-Forwarded-For` is believed, for rules with `networks`."),
        Key(
            "return_hosts", .list, "[]",
            "Hosts besides `public_url`'s that a visitor may be sent back to; `.example.com` is all below it."),
        Key(
            "clear_cookies", .list, "[]",
            "The application's own cookies, expired at sign-in and sign-out (Airflow: `session`, `_token`)."),

        Key(
            "insecure_secret_files", .truth, "false", "Takes secrets from files that everybody on the machine can read."
        ),

        Key(
            "providers.*.kind", .choice(Preset.all.map(\.kind)), "oidc",
            "Who it is, or what it speaks: see [providers](providers.md)."),
        Key("providers.*.title", .text, nil, "How visitors read it where they choose; by default the kind's own name."),
        Key(
            "providers.*.hosts", .list, "[]",
            "Only there people sign in with it, and its sessions count; `*.example.com` is all below it. Empty is everywhere."
        ),
        Key("providers.*.sign_in", .truth, "true", "Whether people sign in with it. `false`: for programs only."),
        Key(
            "providers.*.issuer", .text, nil,
            "The issuer, exactly as the provider spells it; many kinds know it. Of `github` and other plain OAuth2 the origin."
        ),
        Key("providers.*.tenant", .text, nil, "`entra`: the directory's id or name. `apple`: the team's id."),
        Key("providers.*.api_url", .text, nil, "Where the provider's own interface is, if not where its kind has it."),
        Key(
            "providers.*.graph_version", .text, "v25.0",
            "`facebook`: the version of its interface. Each ends after about two years."),
        Key(
            "providers.*.hosted_domains", .list, "[]",
            "`google`: the organisations that accounts must belong to (the claim `hd`). Empty is any account."),
        Key(
            "providers.*.authorization_endpoint", .text, nil,
            "Where people are sent. For `oauth2`; else it is published."),
        Key("providers.*.token_endpoint", .text, nil, "Where tokens are given. For `oauth2`; else it is published."),
        Key(
            "providers.*.userinfo_endpoint", .text, nil,
            "Where a person is described; for `oauth2` the profile call. Else it is published."),
        Key(
            "providers.*.revocation_endpoint", .text, nil,
            "Where tokens are taken back (RFC 7009), if it is not published."),
        Key(
            "providers.*.introspection_endpoint", .text, nil,
            "Where tokens are looked into (RFC 7662), if it is not published."),
        Key("providers.*.client_id", .text, nil, "The client id that the provider gave."),
        Key("providers.*.client_secret", .secret, nil, "The client secret that the provider gave."),
        Key(
            "providers.*.client_authentication", .choice(ClientAuthentication.allCases.map(\.rawValue)), nil,
            "How the client shows who it is; by default what the provider offers. `none`: a public client."),
        Key(
            "providers.*.client_key_file", .text, nil,
            "A PEM file with the client's private key (P-256, P-384, P-521, RSA, Ed25519), for `private_key_jwt`, `tls` and signed requests."
        ),
        Key(
            "providers.*.client_key_id", .text, nil,
            "The name that the provider gave the key; by default its thumbprint, as in `jwks.json`."),
        Key(
            "providers.*.client_certificate_file", .text, nil,
            "A PEM file with the client's certificate, shown to the provider in TLS handshakes."),
        Key(
            "providers.*.pushed_authorization", .choice(PushedAuthorization.allCases.map(\.rawValue)), "auto",
            "Whether what is asked for goes to the provider first and not through the browser (PAR). `auto`: where it offers that."
        ),
        Key("providers.*.request_object", .truth, "false", "Signs what is asked for (JAR) with `client_key_file`."),
        Key(
            "providers.*.dpop", .truth, "false",
            "Binds tokens to a key that only Postern has, one for each session (DPoP)."),
        Key("providers.*.resources", .list, "[]", "What tokens are for, as addresses (RFC 8707)."),
        Key(
            "providers.*.response_mode", .choice(ResponseMode.allCases.map(\.rawValue)), nil,
            "How the answer comes back: in the address (`query`), or in a form that the browser posts (`form_post`)."),
        Key(
            "providers.*.acr_values", .list, "[]",
            "How people must prove who they are (authentication context classes): asked for, and checked."),
        Key(
            "providers.*.max_age", .duration(0...31_536_000), "0",
            "How long ago they may have done so, at most; `0` is however long."),
        Key(
            "providers.*.profile", .choice(["standard", "fapi2"]), "standard",
            "`fapi2`: demands all that the FAPI 2.0 Security Profile does."),
        Key(
            "providers.*.scopes", .list, nil,
            "What is asked for; by default what the kind needs, `[openid, profile, email]` and perhaps more."),
        Key(
            "providers.*.prompt", .text, nil, "The `prompt` of the authorization request, `select_account` for example."
        ),
        Key(
            "providers.*.claims.subject", .text, nil,
            "`oauth2`: the claim of the profile that never changes and is never given to anybody else; by default `sub`."
        ),
        Key(
            "providers.*.claims.username", .text, nil,
            "The claim that names the user; by default the first of `preferred_username`, `email`, `sub`."),
        Key("providers.*.claims.email", .text, nil, "The claim that holds the e-mail address; by default `email`."),
        Key(
            "providers.*.claims.groups", .text, nil,
            "The claim that holds the groups; inside another by dots, `realm_access.roles`. By default `groups`."),
        Key("providers.*.authorization_parameters", .map, "{}", "More parameters of the authorization request."),
        Key(
            "providers.*.end_session", .truth, "true",
            "Whether a sign-out goes on to the provider, where it has an end-session endpoint."),
        Key(
            "providers.*.access_tokens.audiences", .list, "[]",
            "Programs may bring a signed access token of this provider that is for one of these (`aud`, RFC 9068)."),
        Key(
            "providers.*.access_tokens.types", .list, "[at+jwt]",
            "The kinds (`typ`) of signed access tokens that are taken; some providers only write `JWT`."),
        Key(
            "providers.*.access_tokens.introspection", .truth, "false",
            "Programs may bring any access token; the provider is asked about it (RFC 7662)."),
        Key("providers.*.access_tokens.scopes", .list, "[]", "What must have been granted to a program, all of it."),
        Key(
            "providers.*.access_tokens.cache", .duration(0...3600), "30s",
            "How long a program's token is believed without another look."),
        Key(
            "providers.*.revoke", .truth, "true",
            "Whether a sign-out takes the tokens back, where the provider offers that."),
        Key(
            "providers.*.recheck", .duration(0...86_400), "1h",
            "Plain OAuth2: how often the provider is asked again who somebody is and may; `0` is never."),
        Key(
            "providers.*.ca_file", .text, nil,
            "A PEM file of the authorities to trust for this provider, instead of the system's."),
        Key("providers.*.insecure_http", .truth, "false", "Allows plain http to the issuer's own origin. For trials."),

        Key("session.store", .text, "sqlite:/var/lib/postern/sessions.db", "`sqlite:PATH` or `memory`."),
        Key("session.lifetime", .duration(60...31_536_000), "12h", "The absolute end, from sign-in."),
        Key(
            "session.idle_timeout", .duration(0...31_536_000), "0",
            "The end after so long without a request; `0` is off."),
        Key(
            "session.refresh_before", .duration(0...86_400), "60s",
            "A refresh starts this long before the access token's end, but not in the first half of its time; off the request's path."
        ),
        Key(
            "session.outage_grace", .duration(0...604_800), "10m",
            "How long past the access token's end a session is good while the provider is down."),
        Key("session.sign_in_lifetime", .duration(30...86_400), "15m", "How long a visitor may take at the provider."),
        Key("session.key_file", .text, "/var/lib/postern/keys", "The key ring, made 0600 at the first start."),

        Key(
            "cookie.name", .text, "__Host-postern",
            "The session cookie's name. With a domain or path of its own: `__Secure-postern`."),
        Key(
            "cookie.domain", .text, nil,
            "Its domain, to share it among subdomains; the name must then not begin with `__Host-`."),
        Key("cookie.path", .text, "/", "Its path."),
        Key("cookie.same_site", .choice(["lax", "strict", "none"]), "lax", "Its SameSite."),
        Key(
            "cookie.insecure", .truth, "false", "Allows a `public_url` of http, and cookies without Secure. For trials."
        ),

        Key(
            "rules", .rules, nil,
            "Who may see what: the first rule that matches decides, and none denies. See [policy](policy.md)."),

        Key(
            "identity.headers", .map, "{}",
            "More identity headers: a name, and `user`, `email`, `groups`, `preferred_username` or a claim."),
        Key(
            "identity.remote_headers", .truth, "false",
            "Sends `Remote-User`, `Remote-Email`, `Remote-Name` and `Remote-Groups`, too."),
        Key(
            "identity.access_token", .truth, "false",
            "Sends `X-Auth-Request-Access-Token`. The application can then act as the person."),
        Key(
            "identity.assertion.audience", .text, nil,
            "Sends a short-lived signed token for this application (`aud`), too: see [assertion](assertion.md)."),
        Key("identity.assertion.lifetime", .duration(30...300), "5m", "How long it is good."),
        Key(
            "identity.assertion.header", .text, "X-Auth-Request-Assertion",
            "Its header; `Authorization` sends it as `Bearer …`, in place of what the client sent."),
        Key(
            "identity.assertion.issuer", .text, nil,
            "Its `iss`; by default `public_url`, without a slash at the end."),
        Key(
            "identity.assertion.algorithm", .choice([SignatureAlgorithm.es256, .edDSA].map(\.rawValue)), "ES256",
            "How it is signed."),
        Key(
            "identity.assertion.key_delay", .duration(0...86_400), "2h",
            "How long a new key is published before it signs: longer than applications keep published keys."),
        Key(
            "identity.assertion.claims", .claims, nil,
            "Its claims besides `sub`, `email`, `email_verified` and `groups`, or others in their place: a word as in `identity.headers`, `{value: …}`, or `{groups: {GROUP: ROLE}, default: ROLE}`."
        ),

        Key(
            "limits.check_threads", .number(0...64), "0",
            "Threads that answer checks; `0` is one for two processors, eight at most. One where a web server starts Postern."
        ),
        Key("limits.errand_threads", .number(1...512), "64", "Threads, at most, for what may wait for the provider."),
        Key(
            "limits.provider_timeout", .duration(1...60), "10s",
            "How long one sign-in or refresh may wait for the provider in all."),
        Key(
            "limits.request_bytes", .size(4096...131_072), "64k",
            "One request as the web server hands it over, body included."),
        Key(
            "limits.identity_bytes", .size(256...1_048_576), "3k",
            "All identity headers together, where the web server does not say `POSTERN_HEADER_BYTES`."),
        Key(
            "limits.sessions", .number(1...100_000_000), "200000",
            "Sessions in the store; beyond, those that end soonest go."),
        Key("limits.cached_sessions", .number(16...10_000_000), "131072", "Sessions in memory, 3 to 4 kB each."),

        Key("log.format", .choice(["text", "json"]), "text", "One line for each event on standard error."),
        Key(
            "log.level", .choice(["debug", "info", "warning", "error"]), "info",
            "The least important level that is written."),
    ]

    /// The key of these steps, where `*` takes any name.
    static func key(_ steps: [String]) -> Key? {
        keys.first { matches($0.steps, steps) }
    }

    /// Whether there are keys below these steps.
    static func isSection(_ steps: [String]) -> Bool {
        keys.contains { $0.steps.count > steps.count && matches(Array($0.steps.prefix(steps.count)), steps) }
    }

    /// What may stand in the section of these steps.
    static func names(in steps: [String]) -> [String] {
        var names: [String] = []
        for key in keys where key.steps.count > steps.count && matches(Array(key.steps.prefix(steps.count)), steps) {
            names.append(key.steps[steps.count])
            if key.kind == .secret, key.steps.count == steps.count + 1 {
                names.append(key.steps[steps.count] + "_file")
            }
        }
        return names.filter { $0 != "*" }
    }

    private static func matches(_ pattern: [String], _ steps: [String]) -> Bool {
        pattern.count == steps.count && zip(pattern, steps).allSatisfy { $0 == "*" || $0 == $1 }
    }
}

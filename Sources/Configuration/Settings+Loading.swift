internal import FoundationEssentials
internal import Identity
internal import OpenIDConnect
internal import Policy
internal import Values
internal import Web

extension Settings {
    /// Reads and checks a configuration file and the environment; throws all mistakes at once.
    package static func load(
        path: String, environment: [String: String]
    ) throws(ConfigurationFailure) -> Settings {
        try parse(contents(of: path), path: path, environment: environment)
    }

    private static func contents(of path: String) throws(ConfigurationFailure) -> String {
        let start = Place(file: path, line: 1, column: 1)
        guard let contents = FileManager.default.contents(atPath: path) else {
            throw ConfigurationFailure(
                problems: [Problem(place: start, message: "cannot be read; name another file with --config")])
        }
        guard let text = String(validating: contents, as: UTF8.self) else {
            throw ConfigurationFailure(problems: [Problem(place: start, message: "the file is not UTF-8")])
        }
        return text
    }

    /// The same of a text.
    package static func parse(
        _ text: String, path: String, environment: [String: String] = [:]
    ) throws(ConfigurationFailure) -> Settings {
        let problems = Problems()
        let warnings = Problems()
        var document = Document(text, path: path, problems: problems)
        document.apply(environment: environment)
        guard document.isRead else { throw ConfigurationFailure(problems: problems.sorted) }
        let reader = Reader(document: document, problems: problems, warnings: warnings)
        let settings = reader.settings()
        guard problems.all.isEmpty, let settings else { throw ConfigurationFailure(problems: problems.sorted) }
        return settings
    }

    /// What is in force, a line for each key: its value and where that comes from. Secrets are not shown.
    package static func listing(
        path: String, environment: [String: String]
    ) throws(ConfigurationFailure) -> String {
        var document = Document(try contents(of: path), path: path, problems: Problems())
        document.apply(environment: environment)
        return document.listing
    }
}

extension Reader {
    /// Every part is read, so that every mistake is found; `nil` when one of them is missing.
    fileprivate func settings() -> Settings? {
        let site = site()
        let listen = listen()
        let providers = providers()
        let session = session()
        let cookie = cookie()
        let policy = policy(providers)
        let identity = identity()
        let limits = limits()
        let log = LogSettings(format: choice("log.format") ?? "text", level: choice("log.level") ?? "info")
        guard let site, !providers.isEmpty, let session, let policy else { return nil }
        return Settings(
            gate: site, listen: listen, providers: providers, session: session, cookie: cookie, policy: policy,
            identity: identity, limits: limits, log: log, warnings: warnings.sorted)
    }

    private func limits() -> LimitSettings {
        let checkThreads = number("limits.check_threads")
        return LimitSettings(
            checkThreads: checkThreads == 0 ? nil : checkThreads, errandThreads: number("limits.errand_threads"),
            providerTimeout: duration("limits.provider_timeout"), requestBytes: size("limits.request_bytes"),
            identityBytes: size("limits.identity_bytes"), sessions: number("limits.sessions"),
            cachedSessions: number("limits.cached_sessions"))
    }

    private func policy(_ providers: [ProviderSettings]) -> Policy? {
        guard case .node(let node) = document.entries["rules"]?.content else {
            problems.add(
                place("rules"),
                "rules is missing: without one nobody may pass; `rules: [{allow: {domains: [example.com]}}]`")
            return nil
        }
        let rules = RuleReader(document: document, problems: problems, warnings: warnings).rules(node)
        for rule in rules { checkStrength(of: rule, providers) }
        let policy = Policy(rules: rules)
        if policy == nil { problems.add(place("rules"), "rules is empty: nobody could pass") }
        return policy
    }

    /// What nobody could ever meet.
    private func checkStrength(of rule: Rule, _ providers: [ProviderSettings]) {
        let wanted = rule.demand.strength.acrValues
        guard !wanted.isEmpty else { return }
        for provider in providers.map(\.provider)
        where rule.demand.providers.isEmpty || rule.demand.providers.contains(provider.name) {
            let own = provider.strength.acrValues
            if !own.isEmpty, !own.contains(where: wanted.contains) {
                problems.add(
                    place("rules"),
                    "rule \(rule.name) wants acr_values of which \(provider.name) asks for none: nobody could meet both"
                )
            }
        }
    }
}

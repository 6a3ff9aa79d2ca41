internal import FoundationEssentials
internal import Policy
internal import Values
internal import Web

extension Settings {
    /// Reads and checks a configuration file and the environment; throws all mistakes at once.
    package static func load(
        path: String, environment: [String: String]
    ) throws(ConfigurationFailure) -> Settings {
        guard let contents = FileManager.default.contents(atPath: path) else {
            let place = Place(file: path, line: 1, column: 1)
            throw ConfigurationFailure(
                problems: [Problem(place: place, message: "cannot be read; name another file with --config")])
        }
        guard let text = String(validating: contents, as: UTF8.self) else {
            let place = Place(file: path, line: 1, column: 1)
            throw ConfigurationFailure(problems: [Problem(place: place, message: "the file is not UTF-8")])
        }
        return try parse(text, path: path, environment: environment)
    }

    /// The same of a text.
    package static func parse(
        _ text: String, path: String, environment: [String: String] = [:]
    ) throws(ConfigurationFailure) -> Settings {
        let problems = Problems()
        let warnings = Problems()
        var document = Document(text, path: path, problems: problems)
        document.apply(environment: environment)
        let reader = Reader(document: document, problems: problems, warnings: warnings)
        let settings = reader.settings()
        guard problems.all.isEmpty, let settings else { throw ConfigurationFailure(problems: problems.sorted) }
        return settings
    }
}

extension Reader {
    /// Every part is read, so that every mistake is found; `nil` when one of them is missing.
    fileprivate func settings() -> Settings? {
        let site = site()
        let listen = listen()
        let provider = provider()
        let session = session()
        let cookie = cookie()
        let policy = policy()
        let identity = identity()
        let limits = limits()
        let log = LogSettings(format: choice("log.format") ?? "text", level: choice("log.level") ?? "info")
        guard let site, let provider, let session, let policy else { return nil }
        return Settings(
            gate: site, listen: listen, provider: provider, session: session, cookie: cookie, policy: policy,
            identity: identity, limits: limits, log: log, warnings: warnings.sorted)
    }

    private func limits() -> LimitSettings {
        LimitSettings(
            checkThreads: number("limits.check_threads"), errandThreads: number("limits.errand_threads"),
            providerTimeout: duration("limits.provider_timeout"), requestBytes: size("limits.request_bytes"),
            identityBytes: size("limits.identity_bytes"), sessions: number("limits.sessions"),
            cachedSessions: number("limits.cached_sessions"))
    }

    private func policy() -> Policy? {
        guard case .rules(let node) = document.entries["rules"]?.content else {
            problems.add(
                place("rules"),
                "rules is missing: without one nobody may pass; `rules: [{allow: {domains: [example.com]}}]`")
            return nil
        }
        let rules = RuleReader(document: document, problems: problems, warnings: warnings).rules(node)
        let policy = Policy(rules: rules)
        if policy == nil { problems.add(place("rules"), "rules is empty: nobody could pass") }
        return policy
    }

    private func listen() -> ListenSettings {
        let address = text("listen") ?? ""
        let isInsecure = truth("insecure_listen")
        let isKnown = ["unix:/", "tcp:", "fd:"].contains { address.hasPrefix($0) } || address == "systemd"
        if !isKnown { problems.add(place("listen"), "listen is unix:/PATH, tcp:ADDRESS:PORT, fd:0 or systemd") }
        if address.hasPrefix("tcp:"), !address.hasPrefix("tcp:127."), !address.hasPrefix("tcp:[::1]:") {
            if isInsecure {
                warnings.add(
                    place("insecure_listen"), "insecure_listen is on: whoever reaches \(address) decides who is let in")
            } else {
                problems.add(
                    place("listen"),
                    "listen is open to other machines, which could pretend anything; use unix: or tcp:127.0.0.1:PORT, or set insecure_listen: true"
                )
            }
        }
        return ListenSettings(address: address, group: text("listen_group"), isInsecure: isInsecure)
    }
}

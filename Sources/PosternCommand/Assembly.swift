internal import CProcess
internal import Configuration
internal import Curl
internal import FastCGI
internal import Gate
internal import HTTPTypes
internal import Logging
internal import OpenIDConnect
internal import SQLiteStore
internal import Sessions
internal import Threads
internal import Values
internal import Web

/// Puts the parts together: the one file that names them all.
struct Assembly {
    let settings: Settings
    let log: Logger
    private let clock = Clock.system
    private let entropy = Entropy.system

    /// Why the parts do not fit together, and what to do.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    init(_ settings: Settings) {
        self.settings = settings
        let format = LineLog.Format(rawValue: settings.log.format) ?? .text
        let level = Logger.Level(rawValue: settings.log.level) ?? .info
        log = Logger(label: "postern") { _ in LineLog(format: format, level: level) }
    }

    /// Serves until a signal ends it.
    func serve() throws(Failure) {
        for warning in settings.warnings {
            log.warning("configuration", metadata: ["where": "\(warning.place)", "what": "\(warning.message)"])
        }
        CurlClient.prepareProcess()
        let keyFile = keyFile
        let keys = try keyRing(keyFile)
        let limits = edgeLimits
        let errands = ErrandLane(threads: limits.errandThreads, queue: limits.errandQueue)
        // Whoever waits for a refresh has a thread of the errand lane: the refresh must not wait for one, too.
        let background = ErrandLane(threads: limits.errandThreads, queue: limits.errandQueue)
        let identity = identitySettings(keys)
        let sessions = keeper(try store(), keys, identity, background)
        let gateSettings = gateSettings(identity)
        let providers = providers(gateSettings.address(of: .callback))
        let policy = settings.policy
        let gate = Gate(
            settings: gateSettings, policy: policy, sessions: sessions, providers: providers, keys: keys,
            clock: clock,
            log: log)
        let server = try server(gate, errands, background, limits)
        beat(sessions, keys, keyFile)
        let deadline = clock.uptime() + settings.limits.providerTimeout * 1000
        for relyingParty in providers.relyingParties {
            _ = background.submit { relyingParty.prepare(deadline: deadline) }
        }
        log.info(
            "serving",
            metadata: [
                "listen": "\(addresses.joined(separator: ", "))", "public_url": "\(settings.gate.publicURL.text)",
            ])
        server.run { [log] in
            reload(keys, keyFile, log)
        }
        log.info("stopped")
    }

    private func server(
        _ gate: Gate, _ errands: ErrandLane, _ background: ErrandLane, _ limits: Limits
    ) throws(Failure) -> Server {
        do throws(ListenFailure) {
            return try Server(
                listen: addresses.map { text throws(ListenFailure) in try ListenAddress(text) },
                group: settings.listen.group, responder: gate, errands: errands, background: background, limits: limits,
                log: log)
        } catch {
            throw Failure(description: "listen: \(error)")
        }
    }

    /// A web server that started us and handed its socket over means that one, whatever we would listen on otherwise.
    private var addresses: [String] {
        ListenAddress.handedOver.map { ["\($0)"] } ?? settings.listen.addresses
    }

    private var edgeLimits: Limits {
        Limits(
            // Such a web server gives a process one request at a time: a second thread would only wake in vain.
            checkThreads: ListenAddress.handedOver == nil ? settings.limits.checkThreads : 1,
            errandThreads: settings.limits.errandThreads,
            requestBytes: settings.limits.requestBytes, insecureRemotePeers: settings.listen.isInsecure)
    }

    /// Four times a second: learns what other processes changed, and whether the key file did.
    private func beat(_ sessions: SessionKeeper, _ keys: KeyRing, _ file: KeyRingFile) {
        note(sessions.beatOnce())
        _ = spawn { [self] in
            var changed = file.changed
            var beats = 0
            while true {
                clock.pause(250)
                beats += 1
                if beats == Self.settledAfter { process_release_code() }
                note(sessions.beatOnce())
                guard file.changed != changed else { continue }
                changed = file.changed
                reload(keys, file, log)
                sessions.forgetAll()
            }
        }
    }

    /// Beats after which the start is over.
    private static let settledAfter = 2

    private func note(_ trouble: StoreTrouble?) {
        switch trouble {
        case .began(let reason): log.error("the session store does not answer", metadata: ["reason": "\(reason)"])
        case .ended: log.notice("the session store answers again")
        case nil: break
        }
    }
}

/// Takes the keys that the file has now; keeps those of before when it cannot be read.
private func reload(_ keys: KeyRing, _ file: KeyRingFile, _ log: Logger) {
    do throws(KeyRingFile.Failure) {
        guard let read = try file.read() else { return log.error("the key file is gone; its keys stay in use") }
        keys.replace(read)
        log.notice("keys read", metadata: ["count": "\(read.count)"])
    } catch {
        log.error("the key file cannot be read; the keys of before stay in use", metadata: ["reason": "\(error)"])
    }
}

// MARK: - Parts

extension Assembly {
    var keyFile: KeyRingFile { KeyRingFile(path: settings.session.keyFile) }

    func keyRing(_ file: KeyRingFile) throws(Failure) -> KeyRing {
        do throws(KeyRingFile.Failure) {
            return KeyRing(try file.open(now: clock.now(), entropy: entropy))
        } catch {
            throw Failure(description: "session.key_file: \(error)")
        }
    }

    func store() throws(Failure) -> any SessionStore & SessionListing {
        switch settings.session.store {
        case .memory: return MemoryStore()
        case .sqlite(let path):
            do throws(StoreFailure) {
                return try SQLiteStore(path: path)
            } catch {
                throw Failure(
                    description:
                        "session.store: \(error.reason); its folder must exist and belong to the user of Postern")
            }
        }
    }

    private func keeper(
        _ store: any SessionStore, _ keys: KeyRing, _ identity: IdentitySettings, _ background: ErrandLane
    ) -> SessionKeeper {
        let session = settings.session
        let times = SessionTimes(
            idleTimeout: session.idleTimeout, refreshBefore: session.refreshBefore, outageGrace: session.outageGrace,
            longestRefresh: settings.limits.providerTimeout * 1000)
        return SessionKeeper(
            store: store, keys: keys, times: times, limit: settings.limits.sessions,
            cached: settings.limits.cachedSessions, isOneOfMany: ListenAddress.handedOver != nil,
            clock: clock, entropy: entropy, fields: { identity.fields(for: $0) },
            inBackground: { background.submit($0) })
    }

    /// A keeper beside a running Postern's, for a session or two of the command line's own.
    func keeperBeside() throws(Failure) -> (keeper: SessionKeeper, keys: KeyRing) {
        let keys = try keyRing(keyFile)
        let identity = identitySettings(keys)
        let times = SessionTimes(idleTimeout: 0, refreshBefore: 0, outageGrace: 0, longestRefresh: 0)
        let keeper = SessionKeeper(
            store: try store(), keys: keys, times: times, limit: settings.limits.sessions, cached: 16, clock: clock,
            entropy: entropy, fields: { identity.fields(for: $0) }, inBackground: { _ in false })
        return (keeper, keys)
    }

    private func providers(_ redirectURI: String) -> Providers {
        let client = CurlClient(clock: clock)
        return Providers(
            settings.providers.map { configured in
                let relyingParty = RelyingParty(
                    provider: configured.provider, redirectURI: redirectURI, client: client, clock: clock,
                    entropy: entropy, log: { [log] in log.note($0) })
                return Providers.Entry(relyingParty, hosts: configured.hosts, isForPeople: configured.isForPeople)
            })
    }

    private func gateSettings(_ identity: IdentitySettings) -> GateSettings {
        GateSettings(
            publicURL: settings.gate.publicURL, prefix: settings.gate.prefix, cookies: cookieSettings,
            identity: identity,
            returnTargets: ReturnTargets(publicURL: settings.gate.publicURL, hosts: settings.gate.returnHosts),
            trustedProxies: settings.gate.trustedProxies, answerCache: answerCache,
            lifetime: settings.session.lifetime,
            signInLifetime: settings.session.signInLifetime, providerTimeout: settings.limits.providerTimeout * 1000,
            tokenErrands: max(1, settings.limits.errandThreads * 3 / 4))
    }

    /// Whoever is there must be seen before they count as idle.
    private var answerCache: Int64 {
        let idle = settings.session.idleTimeout
        return idle > 0 ? min(settings.gate.answerCache, idle / 2) : settings.gate.answerCache
    }

    private var cookieSettings: CookieSettings {
        let cookie = settings.cookie
        let scope = SetCookie.Scope(
            domain: cookie.domain, path: cookie.path, sameSite: cookie.sameSite, isSecure: cookie.isSecure)
        return CookieSettings(name: cookie.name, scope: scope, cleared: settings.gate.clearedCookies)
    }

    private func identitySettings(_ keys: KeyRing) -> IdentitySettings {
        let headers = settings.identity.headers.compactMap { header in
            HTTPField.Name(header.name).map { (name: $0, source: IdentitySettings.Source(header.source)) }
        }
        let assertions = settings.identity.assertion.map { assertion in
            Assertions(
                AssertionSettings(
                    audience: assertion.audience, issuer: assertion.issuer, lifetime: assertion.lifetime,
                    algorithm: assertion.algorithm, keyDelay: assertion.keyDelay, claims: assertion.claims),
                ring: keys, clock: clock, entropy: entropy)
        }
        return IdentitySettings(headers: headers, limit: settings.limits.identityBytes, assertions: assertions)
    }
}

extension IdentitySettings.Source {
    /// As the configuration spells it.
    fileprivate init(_ text: String) {
        switch text {
        case "user": self = .user
        case "email": self = .email
        case "groups": self = .groups
        case "preferred_username": self = .preferredUsername
        case "access_token": self = .accessToken
        case "assertion": self = .assertion
        default: self = .claim(text.hasPrefix("claim:") ? String(text.dropFirst(6)) : text)
        }
    }
}

extension Logger {
    fileprivate func note(_ trouble: ProviderTrouble) {
        switch trouble {
        case .began(let provider, let reason):
            error("provider trouble", metadata: ["provider": "\(provider)", "reason": "\(reason)"])
        case .ended(let provider): notice("provider trouble is over", metadata: ["provider": "\(provider)"])
        case .odd(let provider, let reason):
            warning("provider oddity", metadata: ["provider": "\(provider)", "reason": "\(reason)"])
        }
    }
}

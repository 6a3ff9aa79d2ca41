internal import HTTPTypes
package import Logging
internal import OpenIDConnect
package import Policy
package import Sessions
package import Values
package import Web

/// The gate: a request value in, an answer value out. It holds no state of its own.
package struct Gate: Responder {
    let settings: GateSettings
    private let prefix: [UInt8]
    let policy: Policy
    let sessions: SessionKeeper
    let providers: Providers
    let pending: PendingSignIns
    let keys: KeyRing
    let clock: Clock
    let log: Logger
    let diagnosis = Diagnosis()
    let tokens = TokenCache()
    let logouts = Turnstile(4)
    let tokenErrands: Turnstile

    package init(
        settings: GateSettings, policy: Policy, sessions: SessionKeeper, providers: Providers, keys: KeyRing,
        clock: Clock, log: Logger
    ) {
        self.settings = settings
        tokenErrands = Turnstile(settings.tokenErrands)
        prefix = Array(settings.prefix.utf8)
        self.policy = policy
        self.sessions = sessions
        self.providers = providers
        self.keys = keys
        pending = PendingSignIns(keys: keys, settings: settings)
        self.clock = clock
        self.log = log
    }

    package func answer(_ request: Request) -> Answer {
        switch Destination(of: request, prefix: prefix) {
        case .endpoint(.auth): request.wantsPages ? checkWithPages(request) : check(request)
        case .endpoint(.start): start(request)
        case .endpoint(.signIn): choose(request)
        case .endpoint(.callback): callback(request)
        case .endpoint(.signOut): signOut(request)
        case .endpoint(.userinfo): userinfo(request)
        case .endpoint(.backchannelLogout): backchannelLogout(request)
        case .endpoint(.frontchannelLogout): frontchannelLogout(request)
        case .endpoint(.keys): .now(publishedKeys(request))
        case .endpoint(.denied): denied(request)
        case .endpoint(.doctor): doctor(request)
        case .endpoint(.ping): .now(.text(.ok, "OK\n"))
        case .endpoint(.ready): ready()
        case .nowhere: .now(page(.notFound, .notFound, for: request))
        }
    }

    /// Ready when the store answers. A provider that is down does not count: sessions go on without it.
    private func ready() -> Answer {
        .later {
            switch sessions.probe() {
            case nil: .text(.ok, "OK\n")
            case .some: .text(.serviceUnavailable, "the session store does not answer\n")
            }
        }
    }
}

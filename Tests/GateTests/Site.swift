import HTTPTypes
import Identity
import Logging
import OpenIDConnect
import Policy
import Sessions
import Synchronization
import TestSupport
import Testing
import Values
import Web

@testable import Gate

/// A gate with everything behind it: a provider that signs for real, sessions in memory, a clock that stands still.
final class Site: Sendable {
    let clock: ManualClock
    let provider = ScriptedProvider()
    let log = Lines()
    let gate: Gate
    private let sessions: SessionKeeper
    static let cookieName = "__Host-postern"

    /// `/` is open to this network besides. `rules` come before all others; there are these `clients` of the provider.
    init(
        openTo network: Network? = nil, rules: [Rule] = [], clients: [Client] = [Client("op")],
        clock: ManualClock = ManualClock(), _ change: (inout GateSettings) -> Void = { _ in }
    ) throws {
        self.clock = clock
        let url = try #require(EndpointURL("https://app.test"))
        var settings = GateSettings(
            publicURL: url, prefix: "/oauth2",
            cookies: CookieSettings(name: Self.cookieName, scope: SetCookie.Scope(), cleared: ["session"]),
            identity: IdentitySettings(headers: [(.init("x-forwarded-user")!, .user)], limit: 3000),
            returnTargets: ReturnTargets(publicURL: url, hosts: []), lifetime: 12 * 3600, signInLifetime: 600,
            providerTimeout: 10_000)
        change(&settings)
        let keys = KeyRing([RingKey(created: clock.now, secret: Secret([UInt8](repeating: 1, count: 32)))])
        let identity = settings.identity
        sessions = SessionKeeper(
            store: MemoryStore(), keys: keys,
            times: SessionTimes(idleTimeout: 0, refreshBefore: 60, outageGrace: 600, longestRefresh: 10_000),
            limit: 100, cached: 64, clock: clock.clock, entropy: .system, fields: { identity.fields(for: $0) },
            inBackground: {
                $0()
                return true
            })
        let (scripted, time) = (provider, clock)
        let entries = try clients.map { [settings] in try $0.entry(settings, scripted, time) }
        let lines = log
        gate = Gate(
            settings: settings, policy: try Self.policy(rules, openTo: network), sessions: sessions,
            providers: Providers(entries), keys: keys, clock: clock.clock, log: Logger(label: "test") { _ in lines })
        _ = sessions.beatOnce()
    }

    /// `/public` is open, `/closed` to nobody, `/admin` to a group, the rest to whoever signed in.
    private static func policy(_ rules: [Rule], openTo network: Network?) throws -> Policy {
        let rule = { (name: String, effect: Rule.Effect) in
            Rule(name: name, paths: [PathPattern("/\(name)/*".utf8)].compactMap(\.self), effect: effect)
        }
        return try #require(
            Policy(
                rules: rules + [
                    rule("public", .isPublic), rule("closed", .deny),
                    rule("admin", .allow(.group(Array("admins".utf8)))),
                ] + [network].compactMap(\.self).map { Rule(name: "inside", networks: [$0], effect: .isPublic) } + [
                    Rule(name: "rest", effect: .allow(.anyone))
                ]))
    }

    /// Lets time pass, and the sessions hear of what changed.
    func advance(seconds: Int64) {
        clock.advance(seconds: seconds)
        _ = sessions.beatOnce()
    }

    /// The answer, whether it was there at once or took an errand.
    func answer(_ request: Request) -> Response {
        switch gate.answer(request) {
        case .now(let response): response
        case .later(let work): work()
        }
    }

    func check(_ uri: String, cookie: String? = nil, extra: [(name: String, value: String)] = []) -> Response {
        answer(makeRequest(uri, cookie: cookie, extra: extra))
    }

    /// Goes to the provider from this address; gives the cookies that the browser has then, and the parameters sent.
    func begin(
        _ uri: String = "/", with client: String? = nil, cookie: String? = nil
    ) throws -> (cookie: String, sent: [String: String]) {
        let query = client.map { Query.encode([("provider", $0), ("rd", uri)]) }
        let response = answer(
            makeRequest(query == nil ? uri : "/oauth2/start", location: "/oauth2/start", query: query, cookie: cookie))
        #expect(response.status == .found)
        let location = try #require(response.text(.location))
        let pairs = try #require(Query(Array(location.utf8.split(separator: UInt8(ascii: "?"))[1]))).pairs
        let sent = pairs.map { (String(decoding: $0.name, as: UTF8.self), String(decoding: $0.value, as: UTF8.self)) }
        return (jar(response, cookie), Dictionary(sent) { first, _ in first })
    }

    /// Comes back from the provider with a good code and these claims.
    func comeBack(
        _ sent: [String: String], cookie: String?, claims: [String: JSONValue?] = [:]
    ) throws -> Response {
        let nonce = try #require(sent["nonce"])
        let token = try provider.sign(goodClaims(clock.now, nonce: nonce, claims))
        provider.answer(
            "/token",
            .object([
                "access_token": .string("access"), "token_type": .string("Bearer"), "refresh_token": .string("r1"),
                "id_token": .string(token), "expires_in": .integer(300),
            ]))
        let query = "code=c&state=\(try #require(sent["state"]))"
        return answer(
            makeRequest("/oauth2/callback?\(query)", location: "/oauth2/callback", query: query, cookie: cookie))
    }

    /// The cookie line of a browser that has signed in.
    func signIn(
        _ uri: String = "/", with client: String? = nil, groups: [String] = ["staff"],
        claims: [String: JSONValue?] = [:]
    ) throws -> String {
        let (cookie, sent) = try begin(uri, with: client)
        let groups = ["groups": JSONValue.array(groups.map { .string($0) })]
        let response = try comeBack(sent, cookie: cookie, claims: claims.merging(groups) { own, _ in own })
        return jar(response, cookie)
    }
}

/// One client of the scripted provider, and where it counts.
struct Client {
    let name: String
    let hosts: [String]
    let isForPeople: Bool
    let change: (inout Provider) -> Void

    init(
        _ name: String, hosts: [String] = [], isForPeople: Bool = true,
        _ change: @escaping (inout Provider) -> Void = { _ in }
    ) {
        self.name = name
        self.hosts = hosts
        self.isForPeople = isForPeople
        self.change = change
    }

    func entry(
        _ settings: GateSettings, _ scripted: ScriptedProvider, _ clock: ManualClock
    ) throws -> Providers.Entry {
        var provider = Provider(
            name: name, issuer: ScriptedProvider.issuer, issuerURL: try #require(EndpointURL(ScriptedProvider.issuer)),
            clientID: "postern id", clientSecret: Secret("s3cret"))
        change(&provider)
        let party = RelyingParty(
            provider: provider, redirectURI: settings.address(of: .callback), client: scripted, clock: clock.clock,
            entropy: .system, log: { _ in })
        return Providers.Entry(
            party, hosts: hosts.compactMap { HostPattern(Array($0.utf8)) }, isForPeople: isForPeople)
    }
}

/// The cookie line of a browser after this answer.
func jar(_ response: Response, _ before: String? = nil) -> String {
    var cookies = (before ?? "").split(separator: ";").map { $0.drop { $0 == " " }.split(separator: "=", maxSplits: 1) }
        .map { (name: String($0[0]), value: String($0.dropFirst().first ?? "")) }
    for cookie in response.cookies {
        cookies.removeAll { $0.name == cookie.name }
        if cookie.maxAge != 0 { cookies.append((cookie.name, cookie.value)) }
    }
    return cookies.map { "\($0.name)=\($0.value)" }.joined(separator: "; ")
}

extension Response {
    /// The value of a field as text.
    func text(_ name: HTTPField.Name) -> String? {
        let known = identity.map(lines) ?? []
        return known.first { $0.0 == name.rawName }?.1
            ?? fields.first { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
    }

    var page: String { String(decoding: body, as: UTF8.self) }
}

/// The names and values of a block of fields.
func lines(_ block: FieldBlock) -> [(String, String)] {
    String(decoding: block.bytes, as: UTF8.self).split(separator: "\r\n").map { line in
        let parts = line.split(separator: ": ", maxSplits: 1, omittingEmptySubsequences: false)
        return (String(parts[0]), String(parts[1]))
    }
}

/// What was logged.
final class Lines: LogHandler, Sendable {
    private let lines = Mutex<[String]>([])
    var metadata: Logger.Metadata {
        get { [:] }
        set {}
    }
    var logLevel: Logger.Level {
        get { .trace }
        set {}
    }

    subscript(metadataKey _: String) -> Logger.Metadata.Value? {
        get { nil }
        set {}
    }

    var all: [String] { lines.withLock { $0 } }

    func log(event: LogEvent) {
        let details = (event.metadata ?? [:]).map { "\($0.key)=\($0.value)" }.sorted().joined(separator: " ")
        lines.withLock { $0.append("\(event.level) \(event.message) \(details)") }
    }
}

import HTTPTypes
import Identity
import JOSE
import Synchronization
import TestSupport
import Testing
import Values
import Web

@testable import OpenIDConnect

/// A relying party and the provider that it talks to, with a key of the provider's whose tokens say what a test wants.
final class Bench: ProviderClient {
    private struct State {
        var requests: [ProviderRequest] = []
        var queue: [String: [ProviderResponse]] = [:]
        var log: [ProviderTrouble] = []
    }

    let clock = ManualClock()
    let scripted = ScriptedProvider()
    let key = PrivateKey.made()
    private let state = Mutex(State())

    init() {
        scripted.answer("/keys", keySet(key))
    }

    func party(_ provider: Provider = provider()) -> RelyingParty {
        RelyingParty(
            provider: provider, redirectURI: "https://a.test/oauth2/callback", client: self, clock: clock.clock,
            entropy: .system, log: { [self] trouble in state.withLock { $0.log.append(trouble) } })
    }

    func send(_ request: ProviderRequest) throws(ProviderFailure) -> ProviderResponse {
        let path = String(request.url.pathAndQuery.dropFirst("/realm".utf8.count))
        let queued = state.withLock { state -> ProviderResponse? in
            state.requests.append(request)
            guard state.queue[path]?.isEmpty == false else { return nil }
            return state.queue[path]?.removeFirst()
        }
        if let queued { return queued }
        return try scripted.send(request)
    }

    /// What is answered once, before what the scripted provider always answers.
    func answerOnce(_ path: String, _ value: JSONValue, status: Int = 200, head: String = "") {
        let response = ProviderResponse(status: status, head: Array(head.utf8), body: Array(value.text.utf8))
        state.withLock { $0.queue[path, default: []].append(response) }
    }

    /// What was asked at this path, whatever the query.
    func requests(_ path: String) -> [ProviderRequest] {
        state.withLock { $0.requests }.filter { $0.url.pathAndQuery.prefix { $0 != "?" } == "/realm" + path }
    }

    /// The forms that were posted there.
    func forms(_ path: String) -> [[String: String]] {
        requests(path).map { parameters(String(decoding: $0.body, as: UTF8.self)) }
    }

    var log: [ProviderTrouble] { state.withLock { $0.log } }

    /// A token that the provider signed.
    func sign(_ claims: [String: JSONValue], type: String? = nil, by other: PrivateKey? = nil) -> String {
        var header: [String: JSONValue] = ["kid": .string("k1")]
        header["typ"] = type.map { .string($0) }
        return (other ?? key).sign(claims, header: header, .es256)
    }

    /// What the token endpoint answers from now on.
    func answerTokens(_ members: [String: JSONValue?] = [:]) {
        var answer: [String: JSONValue] = [
            "access_token": .string("access"), "token_type": .string("Bearer"), "expires_in": .integer(300),
        ]
        for (name, value) in members { answer[name] = value }
        scripted.answer("/token", .object(answer))
    }
}

/// The set of one key, called `k1`.
func keySet(_ key: PrivateKey) -> JSONValue {
    .object(["keys": .array([.object(key.publicKey.merging(["kid": .string("k1")]) { $1 })])])
}

/// An interface of a provider's own, which answers by path, and by turns where there are several answers.
final class Interface {
    private(set) var requests: [ProviderRequest] = []
    private var answers: [String: [ProviderResponse]] = [:]

    /// Where its paths begin.
    static let base = ScriptedProvider.issuer + "/api"

    func answer(_ path: String, _ body: String, status: Int = 200, head: String = "") {
        let response = ProviderResponse(status: status, head: Array(head.utf8), body: Array(body.utf8))
        answers["/realm/api" + path, default: []].append(response)
    }

    func api(_ provider: Provider, token: String = "token") -> ProviderAPI {
        let grant = Grant(accessToken: Secret(token), refreshToken: nil, idToken: nil, expires: nil)
        return ProviderAPI(provider: provider, grant: grant, deadline: 9) { request throws(SignInFailure) in
            self.requests.append(request)
            let path = String(request.url.pathAndQuery.prefix { $0 != "?" })
            guard let turns = self.answers[path], let answer = turns.first else {
                throw .providerUnavailable("nothing at \(path)")
            }
            if turns.count > 1 { self.answers[path]?.removeFirst() }
            return answer
        }
    }

    /// The paths that were asked, in their order.
    var paths: [String] {
        requests.map { String($0.url.pathAndQuery.prefix { $0 != "?" }.dropFirst("/realm/api".utf8.count)) }
    }
}

/// A provider of this kind: what its preset says, with endpoints of the scripted provider's.
func service(_ kind: String, _ change: (inout Provider) -> Void = { _ in }) throws -> Provider {
    let preset = try #require(Preset.of(kind: kind))
    var made = provider()
    made.dialect = preset.dialect
    made.scopes = preset.scopes
    made.mapping = preset.mapping
    made.oddities = preset.oddities
    made.clientAuthentication = preset.clientAuthentication
    made.api = try address(Interface.base)
    if preset.dialect == .oauth2 {
        made.endpoints.authorization = try address(ScriptedProvider.issuer + "/authorize")
        made.endpoints.token = try address(ScriptedProvider.issuer + "/token")
        made.endpoints.userinfo = try address(Interface.base + "/me?fields=id,name")
    }
    change(&made)
    return made
}

func address(_ text: String) throws -> EndpointURL {
    try #require(EndpointURL(text))
}

/// The header and the claims of a token.
func parts(_ token: String) throws -> (header: JSONValue, claims: JSONValue) {
    let parts = token.split(separator: ".").prefix(2).compactMap { part in
        Base64URL.decode(part.utf8).flatMap { JSONValue(parsing: $0, limit: 10_000) }
    }
    try #require(parts.count == 2)
    return (parts[0], parts[1])
}

extension ProviderRequest {
    func value(of name: HTTPField.Name) -> String? {
        fields.first { $0.name == name }?.value
    }
}

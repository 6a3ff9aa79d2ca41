internal import Crypto
internal import Synchronization
package import Values
package import Web

/// A provider behind the port: answers by address, signs for real, and notes what it was asked.
package final class ScriptedProvider: ProviderClient {
    package static let issuer = "https://op.test/realm"

    private struct State {
        var answers: [String: Result<ProviderResponse, ProviderFailure>] = [:]
        var requests: [ProviderRequest] = []
        var key = P256.Signing.PrivateKey()
        var keyID = "k1"
    }

    private let state = Mutex(State())

    package init() {
        answer("/.well-known/openid-configuration", metadata())
        publishKeys()
    }

    package func send(_ request: ProviderRequest) throws(ProviderFailure) -> ProviderResponse {
        let answer = state.withLock { state in
            state.requests.append(request)
            return state.answers[request.url.pathAndQuery]
        }
        guard let answer else { throw .unreachable("nothing at \(request.url.pathAndQuery)") }
        return try answer.get()
    }

    package func answer(_ path: String, _ value: JSONValue, status: Int = 200) {
        answer(path, .success(ProviderResponse(status: status, body: Array(value.text.utf8))))
    }

    package func answer(_ path: String, _ result: Result<ProviderResponse, ProviderFailure>) {
        state.withLock { $0.answers["/realm" + path] = result }
    }

    package func requests(_ path: String) -> [ProviderRequest] {
        state.withLock { $0.requests.filter { $0.url.pathAndQuery == "/realm" + path } }
    }

    package func metadata(_ members: [String: JSONValue?] = [:]) -> JSONValue {
        var document: [String: JSONValue] = [
            "issuer": .string(Self.issuer), "id_token_signing_alg_values_supported": .array([.string("ES256")]),
        ]
        for (name, path) in [
            ("authorization_endpoint", "/authorize?tenant=1"), ("token_endpoint", "/token"), ("jwks_uri", "/keys"),
            ("userinfo_endpoint", "/userinfo"), ("end_session_endpoint", "/end"),
        ] {
            document[name] = .string(Self.issuer + path)
        }
        for (name, value) in members { document[name] = value }
        return .object(document)
    }

    /// Signs with another key from now on; published only by `publishKeys`.
    package func changeKey(to id: String) {
        state.withLock {
            $0.key = P256.Signing.PrivateKey()
            $0.keyID = id
        }
    }

    package func publishKeys() {
        let (key, id) = state.withLock { ($0.key, $0.keyID) }
        let point = key.publicKey.rawRepresentation
        answer(
            "/keys",
            .object([
                "keys": .array([
                    .object([
                        "kty": .string("EC"), "crv": .string("P-256"), "kid": .string(id),
                        "x": .string(Base64URL.encode(point.prefix(32))),
                        "y": .string(Base64URL.encode(point.dropFirst(32))),
                    ])
                ])
            ]))
    }

    /// An ID token of these claims.
    package func sign(_ claims: [String: JSONValue]) throws -> String {
        let (key, id) = state.withLock { ($0.key, $0.keyID) }
        let header = JSONValue.object(["alg": .string("ES256"), "kid": .string(id)]).text
        let signed = [header, JSONValue.object(claims).text].map { Base64URL.encode($0.utf8) }.joined(separator: ".")
        let signature = try key.signature(for: SHA256.hash(data: Array(signed.utf8))).rawRepresentation
        return "\(signed).\(Base64URL.encode(signature))"
    }
}

/// The claims of a good ID token.
package func goodClaims(_ now: Timestamp, nonce: String? = "n-1", _ more: [String: JSONValue?] = [:]) -> [String:
    JSONValue]
{
    var claims: [String: JSONValue] = [
        "iss": .string(ScriptedProvider.issuer), "aud": .string("postern id"), "sub": .string("s-1"),
        "exp": .integer(now.seconds + 300), "iat": .integer(now.seconds), "preferred_username": .string("alice"),
        "email": .string("alice@example.com"), "email_verified": .bool(true), "groups": .array([.string("staff")]),
    ]
    claims["nonce"] = nonce.map { .string($0) }
    for (name, value) in more { claims[name] = value }
    return claims
}

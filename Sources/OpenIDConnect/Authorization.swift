internal import Crypto
internal import Values
internal import Web

/// The authorization request and its response (OpenID Connect Core 1.0, sections 3.1.2.1 and 3.1.2.5).
enum Authorization {
    /// Request half: the address that the browser is sent to.
    static func location(
        _ provider: Provider, _ metadata: Metadata, redirectURI: String, _ pending: PendingSignIn
    ) -> String {
        let challenge = Base64URL.encode(Array(SHA256.hash(data: pending.codeVerifier.exposed)))
        var parameters = [
            ("response_type", "code"), ("client_id", provider.clientID), ("redirect_uri", redirectURI),
            ("scope", provider.scopes.joined(separator: " ")), ("state", pending.state), ("nonce", pending.nonce),
            ("code_challenge", challenge), ("code_challenge_method", "S256"),
        ]
        if let prompt = provider.prompt { parameters.append(("prompt", prompt)) }
        let ours = Set(parameters.map(\.0))
        parameters += provider.authorizationParameters.filter { !ours.contains($0.name) }.map { ($0.name, $0.value) }
        return metadata.authorizationEndpoint.text.appending(query: parameters)
    }

    /// Response half: the code, when the response is for us and says yes.
    static func process(
        _ query: [(name: String, value: String)], _ provider: Provider, _ metadata: Metadata
    ) throws(SignInFailure) -> String {
        let parameters = try single(query)
        if let issuer = parameters["iss"] {
            guard issuer.utf8.elementsEqual(provider.issuer.utf8) else {
                throw .invalidResponse("iss is \(quoted(issuer)), another issuer's")
            }
        } else if metadata.sendsIssuer {
            throw .invalidResponse("iss is missing, and the provider says that it always sends it")
        }
        if let error = parameters["error"] { throw .denied(code: quoted(error)) }
        guard let code = parameters["code"], !code.isEmpty, code.utf8.count <= 4096 else {
            throw .invalidResponse("code is missing, empty or too long")
        }
        return code
    }

    /// No parameter may come twice (RFC 6749, section 3.1).
    private static func single(
        _ query: [(name: String, value: String)]
    ) throws(SignInFailure) -> [String: String] {
        var parameters: [String: String] = [:]
        for (name, value) in query {
            guard parameters.updateValue(value, forKey: name) == nil else {
                throw .invalidResponse("a parameter came twice")
            }
        }
        return parameters
    }
}

extension String {
    /// This address with more parameters in its query; those that it has stay.
    func appending(query parameters: [(String, String)]) -> String {
        self + (utf8.contains(UInt8(ascii: "?")) ? "&" : "?") + Query.encode(parameters)
    }
}

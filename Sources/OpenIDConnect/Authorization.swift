internal import Crypto
internal import Identity
internal import JOSE
internal import Values
internal import Web

/// The authorization request and its response (OpenID Connect Core 1.0, sections 3.1.2.1 and 3.1.2.5).
enum Authorization {
    /// Request half: what is asked for.
    static func parameters(
        _ provider: Provider, redirectURI: String, _ pending: PendingSignIn, _ strength: Strength = .any
    ) -> [(String, String)] {
        let challenge = Base64URL.encode(Array(SHA256.hash(data: pending.codeVerifier.exposed)))
        var parameters = [
            ("response_type", "code"), ("client_id", provider.clientID), ("redirect_uri", redirectURI),
            ("state", pending.state),
        ]
        if !provider.oddities.contains(.noPKCE) {
            parameters += [("code_challenge", challenge), ("code_challenge_method", "S256")]
        }
        if !provider.scopes.isEmpty { parameters.append(("scope", provider.scopes.joined(separator: " "))) }
        if provider.dialect == .openIDConnect { parameters.append(("nonce", pending.nonce)) }
        if provider.responseMode == .formPost { parameters.append(("response_mode", "form_post")) }
        if !strength.acrValues.isEmpty {
            parameters.append(("acr_values", strength.acrValues.joined(separator: " ")))
        }
        if let maxAge = strength.maxAge { parameters.append(("max_age", "\(maxAge)")) }
        if let prompt = provider.prompt { parameters.append(("prompt", prompt)) }
        let ours = Set(parameters.map(\.0))
        parameters += provider.authorizationParameters.filter { !ours.contains($0.name) }.map { ($0.name, $0.value) }
        return parameters + provider.resources.map { ("resource", $0) }
    }

    /// The same as one signed request object (JAR, RFC 9101), beside what OpenID Connect wants to see in the open, too.
    static func signed(
        _ parameters: [(String, String)], _ provider: Provider, _ metadata: Metadata, now: Timestamp
    ) -> [(String, String)] {
        guard let key = provider.clientKey else { return parameters }
        var claims: [String: JSONValue] = [
            "iss": .string(provider.clientID), "aud": .string(provider.issuer), "iat": .integer(now.seconds),
            "nbf": .integer(now.seconds), "exp": .integer(now.adding(300).seconds),
        ]
        for (name, value) in parameters {
            let said = claims[name]
            // A number stays one (OpenID Connect Core 1.0, section 6.1).
            let member =
                name == "max_age" ? Int64(value).map { .integer($0) } ?? .string(value) : JSONValue.string(value)
            claims[name] = said.map { .array(($0.array ?? [$0]) + [member]) } ?? member
        }
        let header: [String: JSONValue] = [
            "typ": .string("oauth-authz-req+jwt"), "kid": .string(provider.clientKeyID),
        ]
        let open = parameters.filter { ["client_id", "response_type", "scope"].contains($0.0) }
        return open + [
            ("request", key.sign(claims, header: header, provider.signing(metadata.requestSignatureAlgorithms)))
        ]
    }

    /// What comes back for a request that was pushed (RFC 9126, section 2.2): a name for it.
    static func name(ofPushed response: ProviderResponse) throws(SignInFailure) -> String {
        let document = JSONValue(parsing: response.body, limit: 64 * 1024)
        guard (200..<300).contains(response.status) else {
            let error = "the pushed authorization request was answered \(response.status)"
            guard (400..<500).contains(response.status), response.status != 429 else {
                throw .providerUnavailable(error)
            }
            throw .invalidResponse("\(error) \(quoted(document?["error"]?.string))")
        }
        guard let name = document?["request_uri"]?.string, (1...2048).contains(name.utf8.count),
            name.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw .invalidResponse("request_uri is missing, or no name") }
        return name
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
        guard !parameters.isEmpty else { return self }
        return self + (utf8.contains(UInt8(ascii: "?")) ? "&" : "?") + Query.encode(parameters)
    }
}

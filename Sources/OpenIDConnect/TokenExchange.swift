internal import HTTPTypes
internal import Values
internal import Web

/// The token endpoint (RFC 6749, sections 4.1.3, 5 and 6; OpenID Connect Core 1.0, section 3.1.3).
enum TokenExchange {
    /// Why there are no tokens.
    enum Failure: Error {
        /// An `error` that the provider names.
        case named(String, status: Int)
        case unavailable(String)
        case invalid(String)
    }

    /// Request half for a code.
    static func request(
        code: String, _ pending: PendingSignIn, _ provider: Provider, _ metadata: Metadata, redirectURI: String,
        deadline: Int64
    ) -> ProviderRequest {
        let verifier = String(decoding: pending.codeVerifier.exposed, as: UTF8.self)
        let form = [
            ("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirectURI),
            ("code_verifier", verifier),
        ]
        return request(form, provider, metadata, deadline: deadline)
    }

    /// Request half for a refresh token.
    static func request(
        refreshToken: Secret, _ provider: Provider, _ metadata: Metadata, deadline: Int64
    ) -> ProviderRequest {
        let token = String(decoding: refreshToken.exposed, as: UTF8.self)
        return request(
            [("grant_type", "refresh_token"), ("refresh_token", token)], provider, metadata, deadline: deadline)
    }

    private static func request(
        _ form: [(String, String)], _ provider: Provider, _ metadata: Metadata, deadline: Int64
    ) -> ProviderRequest {
        var form = form
        var fields = [
            HTTPField(name: .accept, value: "application/json"),
            HTTPField(name: .contentType, value: "application/x-www-form-urlencoded"),
        ]
        let secret = provider.clientSecret.map { String(decoding: $0.exposed, as: UTF8.self) } ?? ""
        switch authentication(of: provider, metadata) {
        case .none: form.append(("client_id", provider.clientID))
        case .post: form += [("client_id", provider.clientID), ("client_secret", secret)]
        case .basic: fields.append(basic(provider.clientID, secret))
        }
        return ProviderRequest(
            .post, metadata.tokenEndpoint, fields: fields, body: Array(Query.encode(form).utf8),
            caFile: provider.caFile, deadline: deadline)
    }

    private static func authentication(of provider: Provider, _ metadata: Metadata) -> ClientAuthentication {
        if let chosen = provider.clientAuthentication { return chosen }
        guard provider.clientSecret != nil else { return .none }
        let offered = metadata.clientAuthentications
        return offered.contains("client_secret_basic") || !offered.contains("client_secret_post") ? .basic : .post
    }

    /// Both halves are form-encoded before they are joined (RFC 6749, section 2.3.1).
    private static func basic(_ id: String, _ secret: String) -> HTTPField {
        let encode = { (text: String) in String(Query.encode([("", text)]).dropFirst()) }
        let credentials = Base64.encode(Array("\(encode(id)):\(encode(secret))".utf8))
        return HTTPField(name: .authorization, value: "Basic \(credentials)")
    }

    /// Response half.
    static func process(_ response: ProviderResponse, now: Timestamp) throws(Failure) -> Grant {
        let document = JSONValue(parsing: response.body, limit: 256 * 1024)
        guard response.status == 200 else {
            guard (400..<500).contains(response.status), response.status != 429 else {
                throw .unavailable("the token endpoint answered \(response.status)")
            }
            throw .named(quoted(document?["error"]?.string), status: response.status)
        }
        guard let document, document.object != nil else { throw .invalid("the token answer is not a JSON object") }
        if let error = document["error"]?.string { throw .named(quoted(error), status: 200) }
        // RFC 6749, appendix A.12: printable ASCII. It stands in header fields.
        guard let token = document["access_token"]?.string, !token.isEmpty,
            token.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
        else {
            throw .invalid("access_token is missing, or holds what no token may hold")
        }
        guard document["token_type"]?.string?.utf8.elementsEqualIgnoringCase("bearer") == true else {
            throw .invalid("token_type is not Bearer")
        }
        return Grant(
            accessToken: Secret(token), refreshToken: text("refresh_token", document),
            idToken: text("id_token", document),
            expires: lifetime(document).map { now.adding($0) })
    }

    private static func text(_ name: String, _ document: JSONValue) -> Secret? {
        document[name]?.string.flatMap { $0.isEmpty ? nil : Secret($0) }
    }

    /// Seconds; a number or, as some providers have it, digits. What is out of range is as good as not said.
    private static func lifetime(_ document: JSONValue) -> Int64? {
        let seconds: Int64? =
            switch document["expires_in"] {
            case .integer(let whole): whole
            case .number(let number): Int64(exactly: number.rounded(.down))
            case .string(let digits): digits.utf8.decimal
            default: nil
            }
        return seconds.flatMap { (1...315_360_000).contains($0) ? $0 : nil }
    }
}

extension String.UTF8View {
    func elementsEqualIgnoringCase(_ other: String) -> Bool {
        isEqualIgnoringCase(to: other.utf8)
    }
}

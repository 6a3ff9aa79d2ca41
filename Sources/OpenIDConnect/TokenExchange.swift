internal import JOSE
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

    /// The form for a code.
    static func form(
        code: String, _ pending: PendingSignIn, _ provider: Provider, redirectURI: String
    ) -> [(String, String)] {
        let verifier = String(decoding: pending.codeVerifier.exposed, as: UTF8.self)
        let proof = provider.oddities.contains(.noPKCE) ? [] : [("code_verifier", verifier)]
        return [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirectURI)] + proof
            + provider.resources.map { ("resource", $0) }
    }

    /// The form for a refresh token.
    static func form(refreshToken: Secret, _ provider: Provider) -> [(String, String)] {
        [("grant_type", "refresh_token"), ("refresh_token", String(decoding: refreshToken.exposed, as: UTF8.self))]
            + provider.resources.map { ("resource", $0) }
    }

    /// Response half. `key`: the one that the token must be bound to.
    static func process(
        _ response: ProviderResponse, boundTo key: PrivateKey? = nil, now: Timestamp
    ) throws(Failure) -> Grant {
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
        let kind = key == nil ? "Bearer" : "DPoP"
        guard document["token_type"]?.string?.utf8.isEqualIgnoringCase(to: kind.utf8) == true else {
            throw .invalid("token_type is not \(kind)")
        }
        var grant = Grant(
            accessToken: Secret(token), refreshToken: text("refresh_token", document),
            idToken: text("id_token", document),
            expires: lifetime(document).map { now.adding($0) })
        grant.proofKey = key
        // GitHub puts commas between them.
        grant.scopes = document["scope"]?.string?.split { $0 == " " || $0 == "," }.map(String.init)
        return grant
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

internal import HTTPTypes
internal import JOSE
internal import Values
internal import Web

/// What shows the provider who the client is (RFC 6749, section 2.3; OpenID Connect Core 1.0, section 9), made for one
/// request to one endpoint.
struct ClientProof {
    private(set) var parameters: [(String, String)] = []
    private(set) var fields: [HTTPField] = []

    /// `identifier`: unpredictable, and never the same twice.
    init(_ provider: Provider, _ metadata: Metadata, at endpoint: EndpointURL, now: Timestamp, identifier: String) {
        let id = ("client_id", provider.clientID)
        switch Self.method(of: provider, metadata) {
        case .none, .tls: parameters = [id]
        case .post: parameters = [id, ("client_secret", Self.secret(of: provider, now))]
        case .basic: fields = [Self.basic(provider.clientID, Self.secret(of: provider, now))]
        case .secretToken, .keyToken:
            let claims = Self.claims(provider, endpoint, now, identifier)
            parameters = [
                id, ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", Self.assertion(claims, provider, metadata)),
            ]
        }
    }

    /// As chosen; else the best that the provider offers and we have the means for.
    static func method(of provider: Provider, _ metadata: Metadata) -> ClientAuthentication {
        if let chosen = provider.clientAuthentication { return chosen }
        let offered = metadata.clientAuthentications
        if provider.clientKey != nil, offered.contains("private_key_jwt") { return .keyToken }
        guard provider.clientSecret != nil else { return provider.clientKey == nil ? .none : .keyToken }
        return offered.contains("client_secret_basic") || !offered.contains("client_secret_post") ? .basic : .post
    }

    private static func secret(of provider: Provider, _ now: Timestamp) -> String {
        if provider.oddities.contains(.appleSecret) { return Apple.secret(of: provider, now) }
        return provider.clientSecret.map { String(decoding: $0.exposed, as: UTF8.self) } ?? ""
    }

    /// Both halves are form-encoded before they are joined (RFC 6749, section 2.3.1).
    private static func basic(_ id: String, _ secret: String) -> HTTPField {
        let encode = { (text: String) in String(Query.encode([("", text)]).dropFirst()) }
        let credentials = Base64.encode(Array("\(encode(id)):\(encode(secret))".utf8))
        return HTTPField(name: .authorization, value: "Basic \(credentials)")
    }

    /// RFC 7523, section 3. The audience is the endpoint, which real providers insist on; FAPI 2.0 wants the issuer
    /// (FAPI 2.0 Security Profile, section 5.3.3.1).
    private static func claims(
        _ provider: Provider, _ endpoint: EndpointURL, _ now: Timestamp, _ identifier: String
    ) -> [String: JSONValue] {
        [
            "iss": .string(provider.clientID), "sub": .string(provider.clientID),
            "aud": .string(provider.isFAPI ? provider.issuer : endpoint.text), "jti": .string(identifier),
            "iat": .integer(now.seconds), "exp": .integer(now.adding(60).seconds),
        ]
    }

    private static func assertion(
        _ claims: [String: JSONValue], _ provider: Provider, _ metadata: Metadata
    ) -> String {
        guard method(of: provider, metadata) == .keyToken, let key = provider.clientKey else {
            return SharedKey(provider.clientSecret ?? Secret("")).sign(claims)
        }
        let algorithm = provider.signing(metadata.clientSignatureAlgorithms)
        return key.sign(claims, header: ["kid": .string(provider.clientKeyID)], algorithm)
    }
}

extension Provider {
    /// The algorithm that our key signs with: the first of its own that the provider takes for this use.
    func signing(_ taken: [String]) -> SignatureAlgorithm {
        let own = (clientKey?.algorithms ?? []).filter { !isFAPI || SignatureAlgorithm.ofFAPI.contains($0) }
        return own.first { taken.contains($0.rawValue) } ?? own.first ?? .es256
    }

    /// The name that the provider knows our key by.
    var clientKeyID: String { clientKeyName ?? clientKey?.thumbprint ?? "" }
}

/// Sign in with Apple (developer.apple.com/documentation/accountorganizationaldatasharing/creating-a-client-secret):
/// the secret is a token, signed with the key that Apple gave.
enum Apple {
    static func secret(of provider: Provider, _ now: Timestamp) -> String {
        let claims: [String: JSONValue] = [
            "iss": .string(provider.tenant ?? ""), "sub": .string(provider.clientID), "aud": .string(provider.issuer),
            "iat": .integer(now.seconds), "exp": .integer(now.adding(300).seconds),
        ]
        return provider.clientKey?.sign(claims, header: ["kid": .string(provider.clientKeyID)], .es256) ?? ""
    }
}

internal import HTTPTypes
internal import JOSE
internal import Values
internal import Web

/// What a provider publishes of itself (OpenID Connect Discovery 1.0, section 3).
struct Metadata: Sendable {
    /// As its tokens spell it.
    let issuer: String
    let authorizationEndpoint: EndpointURL
    let tokenEndpoint: EndpointURL
    var keysEndpoint: EndpointURL?
    var userinfoEndpoint: EndpointURL?
    var endSessionEndpoint: EndpointURL?
    var revocationEndpoint: EndpointURL?
    var introspectionEndpoint: EndpointURL?
    var pushedAuthorizationEndpoint: EndpointURL?
    var clientAuthentications = ["client_secret_basic"]
    /// By their names; empty where it does not say.
    var clientSignatureAlgorithms: [String] = []
    var requestSignatureAlgorithms: [String] = []
    var signatureAlgorithms: Set<SignatureAlgorithm> = []
    /// Whether every authorization response carries `iss` (RFC 9207, section 3).
    var sendsIssuer = false

    /// What is known of a provider that publishes nothing.
    init(configured provider: Provider) throws(SignInFailure) {
        guard let authorization = provider.endpoints.authorization, let token = provider.endpoints.token else {
            throw .providerUnavailable("authorization_endpoint and token_endpoint are not configured")
        }
        issuer = provider.issuer
        authorizationEndpoint = authorization
        tokenEndpoint = token
        revocationEndpoint = provider.endpoints.revocation
        introspectionEndpoint = provider.endpoints.introspection
    }
}

/// Why metadata cannot be used.
enum DiscoveryFailure: Error, Equatable, CustomStringConvertible {
    case unavailable(String)
    case invalid(String)

    var description: String {
        switch self {
        case .unavailable(let reason): "unavailable: \(reason)"
        case .invalid(let reason): reason
        }
    }
}

enum Discovery {
    /// Request half.
    static func request(to provider: Provider, deadline: Int64) throws(DiscoveryFailure) -> ProviderRequest {
        let issuer =
            provider.issuer.utf8.last == UInt8(ascii: "/") ? String(provider.issuer.dropLast()) : provider.issuer
        guard let url = provider.endpoint(issuer + "/.well-known/openid-configuration") else {
            throw .invalid("the issuer is no address")
        }
        return ProviderRequest(
            .get, url, fields: [HTTPField(name: .accept, value: "application/json")], caFile: provider.caFile,
            deadline: deadline)
    }

    /// Response half.
    static func process(_ response: ProviderResponse, from provider: Provider) throws(DiscoveryFailure) -> Metadata {
        guard response.status == 200 else { throw .unavailable("discovery answered \(response.status)") }
        guard let document = JSONValue(parsing: response.body, limit: 256 * 1024), document.object != nil else {
            throw .invalid("discovery is not a JSON object")
        }
        return try Metadata(published: document, by: provider)
    }
}

extension Metadata {
    /// What is configured comes before what is published.
    fileprivate init(published document: JSONValue, by provider: Provider) throws(DiscoveryFailure) {
        let known = provider.endpoints
        issuer = try Self.issuer(document, provider)
        // RFC 8705, section 5: who shows a certificate has endpoints of their own.
        let aliases = provider.clientCertificate == nil ? nil : document["mtls_endpoint_aliases"]
        let address = { (known: EndpointURL?, name: String) throws(DiscoveryFailure) -> EndpointURL? in
            if let known { return known }
            if let aliases, let alias = try Self.optional(name, aliases, provider) { return alias }
            return try Self.optional(name, document, provider)
        }
        let needed = { (known: EndpointURL?, name: String) throws(DiscoveryFailure) -> EndpointURL in
            guard let url = try address(known, name) else { throw .invalid("\(name) is missing") }
            return url
        }
        authorizationEndpoint = try needed(known.authorization, "authorization_endpoint")
        tokenEndpoint = try needed(known.token, "token_endpoint")
        keysEndpoint = try needed(nil, "jwks_uri")
        userinfoEndpoint = try address(known.userinfo, "userinfo_endpoint")
        endSessionEndpoint = try address(nil, "end_session_endpoint")
        // People can sign in without these.
        revocationEndpoint = try? address(known.revocation, "revocation_endpoint")
        introspectionEndpoint = try? address(known.introspection, "introspection_endpoint")
        pushedAuthorizationEndpoint = try address(nil, "pushed_authorization_request_endpoint")
        requestSignatureAlgorithms = Self.strings("request_object_signing_alg_values_supported", document) ?? []
        clientSignatureAlgorithms =
            Self.strings("token_endpoint_auth_signing_alg_values_supported", document) ?? []
        clientAuthentications =
            Self.strings("token_endpoint_auth_methods_supported", document) ?? ["client_secret_basic"]
        let algorithms = Self.algorithms(document)
        signatureAlgorithms = provider.isFAPI ? algorithms.intersection(SignatureAlgorithm.ofFAPI) : algorithms
        sendsIssuer =
            provider.isFAPI || document["authorization_response_iss_parameter_supported"]?.bool ?? false
    }

    private static func issuer(_ document: JSONValue, _ provider: Provider) throws(DiscoveryFailure) -> String {
        let said = document["issuer"]?.string ?? ""
        let isPattern =
            provider.oddities.contains(.issuerPerTenant) && Entra.isPattern(said, ofCommon: provider.issuer)
        guard said.utf8.elementsEqual(provider.issuer.utf8) || isPattern else {
            throw .invalid("discovery names the issuer \(quoted(document["issuer"]?.string)), not the configured one")
        }
        return said
    }

    private static func optional(
        _ name: String, _ document: JSONValue, _ provider: Provider
    ) throws(DiscoveryFailure) -> EndpointURL? {
        guard let value = document[name], value != .null else { return nil }
        guard let url = provider.endpoint(value.string) else {
            throw .invalid("\(name) is no address that we use: \(quoted(value.string))")
        }
        return url
    }

    private static func strings(_ name: String, _ document: JSONValue) -> [String]? {
        document[name]?.array.map { $0.compactMap(\.string) }
    }

    /// Those of the provider's that we know. One that names none of them gets the default of the standard.
    private static func algorithms(_ document: JSONValue) -> Set<SignatureAlgorithm> {
        let named = strings("id_token_signing_alg_values_supported", document) ?? []
        let known = Set(named.compactMap(SignatureAlgorithm.init(rawValue:)))
        return known.isEmpty ? [.rs256] : known
    }
}

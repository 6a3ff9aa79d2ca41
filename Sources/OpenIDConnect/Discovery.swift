internal import HTTPTypes
internal import JOSE
internal import Values
internal import Web

/// What a provider publishes of itself (OpenID Connect Discovery 1.0, section 3).
struct Metadata: Sendable {
    let authorizationEndpoint: EndpointURL
    let tokenEndpoint: EndpointURL
    let keysEndpoint: EndpointURL
    let userinfoEndpoint: EndpointURL?
    let endSessionEndpoint: EndpointURL?
    let clientAuthentications: [String]
    let signatureAlgorithms: Set<SignatureAlgorithm>
    /// Whether every authorization response carries `iss` (RFC 9207, section 3).
    let sendsIssuer: Bool
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
        guard let issuer = document["issuer"]?.string, issuer.utf8.elementsEqual(provider.issuer.utf8) else {
            throw .invalid("discovery names the issuer \(quoted(document["issuer"]?.string)), not the configured one")
        }
        return Metadata(
            authorizationEndpoint: try needed("authorization_endpoint", document, provider),
            tokenEndpoint: try needed("token_endpoint", document, provider),
            keysEndpoint: try needed("jwks_uri", document, provider),
            userinfoEndpoint: try optional("userinfo_endpoint", document, provider),
            endSessionEndpoint: try optional("end_session_endpoint", document, provider),
            clientAuthentications: strings("token_endpoint_auth_methods_supported", document)
                ?? ["client_secret_basic"],
            signatureAlgorithms: algorithms(document),
            sendsIssuer: document["authorization_response_iss_parameter_supported"]?.bool ?? false)
    }

    private static func needed(
        _ name: String, _ document: JSONValue, _ provider: Provider
    ) throws(DiscoveryFailure) -> EndpointURL {
        guard let url = try optional(name, document, provider) else { throw .invalid("\(name) is missing") }
        return url
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

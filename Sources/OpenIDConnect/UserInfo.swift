internal import HTTPTypes
internal import Identity
internal import Values
internal import Web

/// The userinfo endpoint (OpenID Connect Core 1.0, section 5.3).
enum UserInfo {
    /// Request half.
    static func request(
        to endpoint: EndpointURL, _ accessToken: Secret, _ provider: Provider, deadline: Int64
    ) -> ProviderRequest {
        let token = String(decoding: accessToken.exposed, as: UTF8.self)
        let fields = [
            HTTPField(name: .accept, value: "application/json"),
            HTTPField(name: .authorization, value: "Bearer \(token)"),
        ]
        return ProviderRequest(.get, endpoint, fields: fields, caFile: provider.caFile, deadline: deadline)
    }

    /// Response half: claims of the same subject, or none at all (section 5.3.4).
    static func process(_ response: ProviderResponse, subject: String) throws(SignInFailure) -> Claims {
        guard response.status < 500 && response.status != 429 else {
            throw .providerUnavailable("userinfo answered \(response.status)")
        }
        guard response.status == 200 else { throw .invalidResponse("userinfo answered \(response.status)") }
        guard let members = JSONValue(parsing: response.body, limit: 256 * 1024)?.object else {
            throw .invalidResponse("userinfo is not a JSON object")
        }
        guard let said = members["sub"]?.string, said.utf8.elementsEqual(subject.utf8) else {
            throw .invalidResponse("userinfo is about another subject")
        }
        return Claims(members)
    }
}

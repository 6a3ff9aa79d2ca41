internal import HTTPTypes
internal import Identity
internal import Values
internal import Web

/// The userinfo endpoint (OpenID Connect Core 1.0, section 5.3).
enum UserInfo {
    /// Request half.
    static func request(
        to endpoint: EndpointURL, _ grant: Grant, _ provider: Provider, accept: String = "application/json",
        deadline: Int64
    ) -> ProviderRequest {
        let token = String(decoding: grant.accessToken.exposed, as: UTF8.self)
        let fields = [
            HTTPField(name: .accept, value: accept),
            HTTPField(name: .authorization, value: "\(grant.proofKey == nil ? "Bearer" : "DPoP") \(token)"),
        ]
        return ProviderRequest(
            .get, endpoint, fields: fields, caFile: provider.caFile, clientCertificate: provider.clientCertificate,
            deadline: deadline)
    }

    /// Response half: claims of the same subject, or none at all (section 5.3.4).
    static func process(_ response: ProviderResponse, subject: String) throws(SignInFailure) -> Claims {
        try check(response)
        return try claims(response.body, subject: subject)
    }

    static func check(_ response: ProviderResponse) throws(SignInFailure) {
        guard response.status < 500 && response.status != 429 else {
            throw .providerUnavailable("userinfo answered \(response.status)")
        }
        guard response.status == 200 else { throw .invalidResponse("userinfo answered \(response.status)") }
    }

    /// Whether the answer is a signed token (section 5.3.2).
    static func isSigned(_ response: ProviderResponse) -> Bool {
        response.contentType.prefix { $0 != ";" }.lowercased().filter { $0 != " " } == "application/jwt"
    }

    /// What the answer, or the token in it, says.
    static func claims(_ body: [UInt8], subject: String) throws(SignInFailure) -> Claims {
        guard let members = JSONValue(parsing: body, limit: 256 * 1024)?.object else {
            throw .invalidResponse("userinfo is not a JSON object")
        }
        guard let said = members["sub"]?.string, said.utf8.elementsEqual(subject.utf8) else {
            throw .invalidResponse("userinfo is about another subject")
        }
        return Claims(members)
    }
}

internal import Crypto
internal import HTTPTypes
internal import Identity
internal import Values
internal import Web

/// Facebook Login (developers.facebook.com/docs/facebook-login). Its addresses are never proof: there is no word of
/// whether one was verified.
enum Facebook {
    /// The profile, of a token that was given to this app and no other.
    static func claims(_ api: ProviderAPI) throws(SignInFailure) -> Claims {
        try checkApplication(api)
        guard let url = api.provider.endpoints.userinfo, let secret = api.provider.clientSecret,
            let proved = api.provider.endpoint(
                url.text.appending(query: [("appsecret_proof", proof(api.grant.accessToken, secret))]))
        else { throw .invalidResponse("the profile has no address") }
        guard var members = try api.get(proved).value.object else {
            throw .invalidResponse("the profile is not an object")
        }
        members["email_verified"] = nil
        return Claims(members)
    }

    /// developers.facebook.com/docs/facebook-login/guides/access-tokens/debugging
    private static func checkApplication(_ api: ProviderAPI) throws(SignInFailure) {
        let provider = api.provider
        guard let secret = provider.clientSecret else { throw .invalidResponse("there is no client secret") }
        let application = Secret(Array("\(provider.clientID)|".utf8) + secret.exposed)
        let own = Grant(accessToken: application, refreshToken: nil, idToken: nil, expires: nil)
        let asked = ProviderAPI(provider: provider, grant: own, deadline: api.deadline, send: api.send)
        let token = String(decoding: api.grant.accessToken.exposed, as: UTF8.self)
        let said = try inspection(of: token, asked, secret)["data"]
        guard let id = said?["app_id"]?.string, id.utf8.elementsEqual(provider.clientID.utf8) else {
            throw .invalidToken("it was given to another app")
        }
        guard said?["is_valid"] == .bool(true) else { throw .tokenRefused("debug_token says that it is not valid") }
    }

    /// What is said of the visitor's token. That the app's own is refused says nothing of it.
    private static func inspection(
        of token: String, _ asked: ProviderAPI, _ secret: Secret
    ) throws(SignInFailure) -> JSONValue {
        do throws(SignInFailure) {
            let query = [("input_token", token), ("appsecret_proof", proof(asked.grant.accessToken, secret))]
            return try asked.get("/debug_token", query).value
        } catch .tokenRefused(let reason) {
            throw .providerUnavailable("the app is refused: \(reason)")
        }
    }

    /// developers.facebook.com/docs/graph-api/guides/error-handling: 190 is "access token has expired".
    static func saysTokenIsOver(_ response: ProviderResponse) -> Bool {
        JSONValue(parsing: response.body, limit: 64 * 1024)?["error"]?["code"] == .integer(190)
    }

    /// developers.facebook.com/docs/graph-api/guides/secure-requests
    private static func proof(_ token: Secret, _ secret: Secret) -> String {
        let code = HMAC<SHA256>.authenticationCode(for: token.exposed, using: SymmetricKey(data: secret.exposed))
        return code.map { byte in
            let digits = String(byte, radix: 16)
            return digits.utf8.count == 1 ? "0" + digits : digits
        }.joined()
    }

    /// developers.facebook.com/docs/facebook-login/guides/permissions/request-revoke
    static func revocation(of grant: Grant, _ provider: Provider, deadline: Int64) -> ProviderRequest? {
        guard let secret = provider.clientSecret,
            let url = provider.endpoint(
                ((provider.api?.text ?? "") + "/me/permissions")
                    .appending(query: [("appsecret_proof", proof(grant.accessToken, secret))]))
        else { return nil }
        var request = UserInfo.request(to: url, grant, provider, deadline: deadline)
        request.method = .delete
        return request
    }
}

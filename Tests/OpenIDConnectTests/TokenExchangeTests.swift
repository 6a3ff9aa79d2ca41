import Testing
import Values
import Web

@testable import OpenIDConnect

@Suite("The token endpoint is asked, and its answers are understood")
struct TokenExchangeTests {
    private let now = Timestamp(seconds: 1000)
    private let pending = PendingSignIn(
        state: "st", nonce: "no", codeVerifier: Secret("ver"), provider: "op", returnURL: "/",
        created: Timestamp(seconds: 0))

    @Test("A code goes with its verifier and the address it came to")
    func codeForm() {
        let form = TokenExchange.form(code: "c+d", pending, provider(), redirectURI: "https://a.test/cb")
        #expect(
            Dictionary(form) { $1 } == [
                "grant_type": "authorization_code", "code": "c+d", "redirect_uri": "https://a.test/cb",
                "code_verifier": "ver",
            ])
    }

    @Test("A refresh token goes alone, or with what it is for (RFC 8707)")
    func refreshForm() {
        let form = TokenExchange.form(refreshToken: Secret("r t"), provider())
        #expect(Dictionary(form) { $1 } == ["grant_type": "refresh_token", "refresh_token": "r t"])
        let resources = provider { $0.resources = ["https://a.test", "https://b.test"] }
        let named = TokenExchange.form(refreshToken: Secret("r"), resources).filter { $0.0 == "resource" }
        #expect(named.map(\.1) == ["https://a.test", "https://b.test"])
    }

    @Test("Tokens, and when the access token ends")
    func tokens() throws {
        let grant = try process(
            #"{"access_token":"a","token_type":"bEaReR","refresh_token":"r","id_token":"i","expires_in":60}"#)
        #expect(
            grant
                == Grant(
                    accessToken: Secret("a"), refreshToken: Secret("r"), idToken: Secret("i"),
                    expires: Timestamp(seconds: 1060)))
        let bare = try process(#"{"access_token":"a","token_type":"Bearer","refresh_token":""}"#)
        #expect(bare == Grant(accessToken: Secret("a"), refreshToken: nil, idToken: nil, expires: nil))
    }

    @Test(
        "expires_in is a number or digits; what is out of range is as good as not said",
        arguments: [
            (#""60""#, 60 as Int64?), ("60.9", 60), ("0", nil), ("-1", nil), ("1e300", nil), (#""6o""#, nil),
            ("true", nil),
            ("315360001", nil), ("null", nil),
        ])
    func lifetime(text: String, seconds: Int64?) throws {
        let grant = try process(#"{"access_token":"a","token_type":"Bearer","expires_in":\#(text)}"#)
        #expect(grant.expires == seconds.map { Timestamp(seconds: 1000 + $0) })
    }

    @Test(
        "An answer without a bearer token is refused",
        arguments: [
            "{}", "[]", "", "access_token=a", #"{"access_token":"a"}"#, #"{"access_token":"","token_type":"Bearer"}"#,
            #"{"access_token":"a","token_type":"MAC"}"#, #"{"access_token":7,"token_type":"Bearer"}"#,
        ])
    func invalid(body: String) {
        #expect(failure(200, body) == "invalid")
    }

    @Test("Errors that are named are told apart from a provider that is out of order")
    func errors() {
        #expect(failure(400, #"{"error":"invalid_grant"}"#) == "named invalid_grant")
        #expect(failure(401, #"{"error":"invalid_client"}"#) == "named invalid_client")
        #expect(failure(200, #"{"error":"invalid_grant","access_token":"a"}"#) == "named invalid_grant")
        #expect(failure(403, "<html>") == "named -")
        for status in [301, 429, 500, 502, 503] {
            #expect(failure(status, #"{"error":"invalid_grant"}"#) == "unavailable", "\(status)")
        }
    }

    private func process(_ body: String, status: Int = 200) throws(TokenExchange.Failure) -> Grant {
        try TokenExchange.process(ProviderResponse(status: status, body: Array(body.utf8)), now: now)
    }

    private func failure(_ status: Int, _ body: String) -> String {
        do throws(TokenExchange.Failure) {
            _ = try process(body, status: status)
            return "none"
        } catch .named(let error, _) {
            return "named \(error)"
        } catch .unavailable {
            return "unavailable"
        } catch {
            return "invalid"
        }
    }
}

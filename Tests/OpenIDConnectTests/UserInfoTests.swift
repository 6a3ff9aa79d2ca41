import HTTPTypes
import Identity
import Testing
import Values
import Web

@testable import OpenIDConnect

@Suite("Userinfo is believed about the same subject only")
struct UserInfoTests {
    @Test("The access token goes in the header field, not in the address")
    func request() throws {
        let endpoint = try #require(EndpointURL("https://op.test/userinfo"))
        let request = UserInfo.request(
            to: endpoint, Grant(accessToken: Secret("tok"), refreshToken: nil, idToken: nil, expires: nil), provider(),
            deadline: 1)
        #expect(request.url == endpoint && request.method == .get && request.body.isEmpty)
        #expect(request.fields.first { $0.name == .authorization }?.value == "Bearer tok")
    }

    @Test("Its claims are taken when sub is the same")
    func same() throws {
        #expect(try process(#"{"sub":"s-1","email":"a@b.test"}"#)["email"] == .string("a@b.test"))
    }

    @Test(
        "JOSE: another sub, none, or an answer that is no object is refused",
        arguments: [
            #"{"sub":"s-2"}"#, #"{"sub":"S-1"}"#, #"{"email":"a@b.test"}"#, #"{"sub":["s-1"]}"#, "[]", "",
            "eyJ.eyJ.sig",
        ])
    func other(body: String) {
        #expect(throws: SignInFailure.self) { try process(body) }
    }

    @Test("A provider that is out of order is told apart from one that refuses")
    func status() {
        for status in [429, 500, 503] {
            #expect(throws: SignInFailure.providerUnavailable("userinfo answered \(status)")) {
                try process("{}", status)
            }
        }
        for status in [301, 401, 403] {
            #expect(throws: SignInFailure.invalidResponse("userinfo answered \(status)")) { try process("{}", status) }
        }
    }

    private func process(_ body: String, _ status: Int = 200) throws -> Claims {
        try UserInfo.process(ProviderResponse(status: status, body: Array(body.utf8)), subject: "s-1")
    }
}

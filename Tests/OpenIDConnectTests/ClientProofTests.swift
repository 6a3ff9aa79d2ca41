import HTTPTypes
import Testing
import Values
import Web

@testable import OpenIDConnect

@Suite("The client shows the provider who it is")
struct ClientProofTests {
    @Test("client_secret_basic encodes both halves first (RFC 6749, section 2.3.1)")
    func basic() throws {
        let request = try proof(provider())
        let field = request.fields.first { $0.name == .authorization }
        #expect(field?.value == "Basic \(Base64.encode(Array("postern%20id:s3cret%26%3D".utf8)))")
    }

    @Test("client_secret_post is used where the provider offers nothing better, or the operator says so")
    func post() throws {
        let onlyPost = ["token_endpoint_auth_methods_supported": JSONValue.array([.string("client_secret_post")])]
        for request in [
            try proof(provider(), onlyPost), try proof(provider { $0.clientAuthentication = .post }),
        ] {
            #expect(
                parameters(request)["client_id"] == "postern id" && parameters(request)["client_secret"] == "s3cret&=")
            #expect(!request.fields.contains { $0.name == .authorization })
        }
        let both = [
            "token_endpoint_auth_methods_supported": JSONValue.array([
                .string("client_secret_post"), .string("client_secret_basic"),
            ])
        ]
        #expect(parameters(try proof(provider(), both))["client_secret"] == nil)
    }

    @Test("A public client names itself, and has no secret to send")
    func publicClient() throws {
        let request = try proof(provider(secret: nil))
        #expect(parameters(request)["client_id"] == "postern id" && parameters(request)["client_secret"] == nil)
        #expect(!request.fields.contains { $0.name == .authorization })
    }

    private func proof(_ provider: Provider, _ members: [String: JSONValue?] = [:]) throws -> ClientProof {
        let metadata = try metadata(members)
        return ClientProof(
            provider, metadata, at: metadata.tokenEndpoint, now: Timestamp(seconds: 1000), identifier: "j")
    }

    private func parameters(_ proof: ClientProof) -> [String: String] {
        Dictionary(proof.parameters) { "\($0) and \($1)" }
    }
}

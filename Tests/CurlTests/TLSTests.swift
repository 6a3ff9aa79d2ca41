import HTTPTypes
import Testing
import Values
import Web

@testable import Curl

@Suite(.enabled(if: TLSServer.isAvailable), .timeLimit(.minutes(1)))
struct TLSTests {
    private let client = CurlClient(clock: .system)

    private func send(
        _ server: TLSServer, caFile: String?, certificate: ClientCertificate? = nil, host: String = "localhost"
    ) throws -> Result<Int, ProviderFailure> {
        let url = try #require(EndpointURL("https://\(host):\(server.port)/"))
        let request = ProviderRequest(
            .get, url, caFile: caFile, clientCertificate: certificate, deadline: Clock.system.uptime() + 5000)
        do throws(ProviderFailure) {
            return .success(try client.send(request).status)
        } catch {
            return .failure(error)
        }
    }

    private func isUntrusted(_ result: Result<Int, ProviderFailure>) -> Bool {
        guard case .failure(.untrusted(let text)) = result else { return false }
        return !text.isEmpty
    }

    @Test("DISC-06: a certificate is trusted by its authority's file, under its name, and not otherwise")
    func trust() throws {
        let server = try #require(TLSServer(name: "localhost"))
        let other = try #require(TLSServer(name: "other.test"))
        #expect(try send(server, caFile: server.caFile) == .success(200))
        #expect(try isUntrusted(send(server, caFile: nil)))
        #expect(try isUntrusted(send(server, caFile: other.caFile)))
        #expect(try isUntrusted(send(server, caFile: server.caFile, host: "127.0.0.1")))
        #expect(try isUntrusted(send(other, caFile: other.caFile)))
        #expect(try isUntrusted(send(server, caFile: "/nonexistent.pem")))
        // A connection that was trusted with one file is not used again for a request with another.
        #expect(try send(server, caFile: server.caFile) == .success(200))
    }

    @Test("DISC-06: a server that has nothing newer than TLS 1.1 is not spoken to")
    func oldProtocol() throws {
        let server = try #require(TLSServer(name: "localhost", options: "-tls1_1 -cipher ALL:@SECLEVEL=0"))
        #expect(try isUntrusted(send(server, caFile: server.caFile)))
    }

    @Test("A certificate of ours is shown in the handshake, for the requests that are to show it and no other")
    func clientCertificate() throws {
        let server = try #require(
            TLSServer(name: "localhost", options: "-Verify 1 -verify_return_error -CAfile ca.pem"))
        let other = try #require(TLSServer(name: "localhost"))
        let certificate = ClientCertificate(file: server.caFile, keyFile: server.keyFile)
        let answers = { (certificate: ClientCertificate?) in
            try send(server, caFile: server.caFile, certificate: certificate) == .success(200)
        }
        #expect(try !answers(nil))
        #expect(try answers(certificate))
        #expect(try !answers(nil), "the connection that showed it is another's")
        #expect(try !answers(ClientCertificate(file: other.caFile, keyFile: other.keyFile)))
        #expect(try !answers(ClientCertificate(file: server.caFile, keyFile: other.keyFile)), "they do not fit")
        #expect(try !answers(ClientCertificate(file: server.caFile, keyFile: "/nonexistent.pem")))
        #expect(try answers(certificate))
    }
}

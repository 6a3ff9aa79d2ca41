import HTTPTypes
import Testing
import Values
import Web

@testable import Curl

@Suite(.enabled(if: TLSServer.isAvailable), .timeLimit(.minutes(1)))
struct TLSTests {
    private let client = CurlClient(clock: .system)

    private func send(_ server: TLSServer, caFile: String?, host: String = "localhost") throws -> Result<
        Int, ProviderFailure
    > {
        let url = try #require(EndpointURL("https://\(host):\(server.port)/"))
        let request = ProviderRequest(.get, url, caFile: caFile, deadline: Clock.system.uptime() + 5000)
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
}

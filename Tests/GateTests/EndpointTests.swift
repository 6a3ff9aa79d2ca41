import Testing
import Web

@testable import Gate

@Suite("Endpoint")
struct EndpointTests {
    private func destination(_ location: String, uri: String = "/", role: Request.Role = .responder) -> Destination {
        Destination(of: makeRequest(uri, location: location, role: role), prefix: Array("/oauth2".utf8))
    }

    @Test("The location that the web server chose names the endpoint", arguments: Endpoint.allCases)
    func byLocation(endpoint: Endpoint) {
        #expect(destination("/oauth2/\(endpoint.rawValue)") == .endpoint(endpoint))
    }

    @Test(
        "EPT-01: what the client typed never makes a check anything else",
        arguments: ["/oauth2/ping", "/oauth2/callback", "/oauth2/start", "/oauth2/ready?x=/oauth2/ping"])
    func uriDecidesNothing(uri: String) {
        #expect(destination("/oauth2/auth", uri: uri) == .endpoint(.auth))
        #expect(destination("/_auth", uri: uri) == .endpoint(.auth))
        #expect(destination("/oauth2/ping", uri: uri, role: .authorizer) == .endpoint(.auth))
    }

    @Test("A location outside the prefix is a check; one below it that we do not know is nothing")
    func others() {
        #expect(destination("/oauth2ping") == .endpoint(.auth))
        #expect(destination("/oauth2") == .endpoint(.auth))
        #expect(destination("") == .endpoint(.auth))
        #expect(destination("/oauth2/") == .nowhere)
        #expect(destination("/oauth2/Ping") == .nowhere)
        #expect(destination("/oauth2/ping/") == .nowhere)
        #expect(destination("/oauth2/ping/../auth") == .nowhere)
    }

    @Test("Where the prefix itself is the script, the rest of the address names the endpoint (Apache)")
    func pathInfo() {
        let destination = { (location: String, rest: String, role: Request.Role) in
            Destination(
                of: makeRequest("/", location: location, role: role, extra: [("PATH_INFO", rest)]),
                prefix: Array("/oauth2".utf8))
        }
        #expect(destination("/oauth2", "/ping", .responder) == .endpoint(.ping))
        #expect(destination("/oauth2", "/nothing", .responder) == .nowhere)
        #expect(destination("/oauth2", "ping", .responder) == .endpoint(.auth))
        #expect(destination("/oauth2", "/ping", .authorizer) == .endpoint(.auth))
        #expect(destination("/oauth2/auth", "/ping", .responder) == .endpoint(.auth))
        #expect(destination("/_auth", "/oauth2/ping", .responder) == .endpoint(.auth))
    }

    @Test("Without SCRIPT_NAME the location is DOCUMENT_URI, and without both it is a check")
    func documentURI() {
        let request = Request(role: .responder, parameters: [("DOCUMENT_URI", "/oauth2/ping")])
        #expect(Destination(of: request, prefix: Array("/oauth2".utf8)) == .endpoint(.ping))
        #expect(
            Destination(of: Request(role: .responder, parameters: []), prefix: Array("/oauth2".utf8))
                == .endpoint(.auth))
    }
}

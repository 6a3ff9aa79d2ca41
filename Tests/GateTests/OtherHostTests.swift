import HTTPTypes
import TestSupport
import Testing
import Values
import Web

@testable import Gate

@Suite("Several hosts")
struct OtherHostTests {
    private let site: Site

    init() throws {
        site = try Site { settings in
            settings.returnTargets = ReturnTargets(publicURL: settings.publicURL, hosts: [".app.test"])
        }
    }

    private func start(_ uri: String, on host: String, location: String = "/oauth2/start", query: String? = nil)
        -> Response
    {
        site.answer(
            Request(
                role: .responder,
                parameters: [
                    ("REQUEST_METHOD", "GET"), ("REQUEST_URI", uri), ("SCRIPT_NAME", location), ("SERVER_NAME", host),
                    ("QUERY_STRING", query ?? ""),
                ]))
    }

    @Test("A sign-in on another host begins at public_url, and knows where to return to")
    func hop() {
        let hop = start("/a?b=1", on: "two.app.test")
        #expect(
            hop.text(.location)
                == "https://app.test/oauth2/start?rd=https%3A%2F%2Ftwo.app.test%2Fa%3Fb%3D1&hop=1")
        #expect(hop.cookies.isEmpty)
        let asked = start("/oauth2/start?rd=/x", on: "two.app.test", query: "rd=/x")
        #expect(asked.text(.location)?.contains("rd=https%3A%2F%2Ftwo.app.test%2Fx&") == true)
    }

    @Test("Nobody is sent round for ever, and never by a host that is not ours")
    func noHop() {
        for (host, query) in [
            ("two.app.test", "rd=/x&hop=1"), ("evil.test", "rd=/x"), ("_", ""), ("app.test", "rd=/x"),
        ] {
            let response = start("/oauth2/start?\(query)", on: host, query: query)
            #expect(response.text(.location)?.hasPrefix(ScriptedProvider.issuer) == true, "\(host)")
        }
    }
}

import Identity
import Testing
import Values

@testable import OpenIDConnect

@Suite("Keycloak")
struct KeycloakTests {
    @Test("Roles of the realm and of each client stand beside the groups, and apart from them")
    func roles() throws {
        let token = """
            {"realm_access":{"roles":["admin","user"]},
             "resource_access":{"shop":{"roles":["admin"]},"account":{"roles":["view"]}}}
            """
        #expect(
            try groups(#"{"groups":["/staff","role:admin2"]}"#, token)
                == ["/staff", "role:admin2", "role:admin", "role:user", "role:account:view", "role:shop:admin"])
    }

    @Test(
        "POL-04: what is no list of texts is no role",
        arguments: [
            "{}", #"{"realm_access":["admin"]}"#, #"{"realm_access":{"roles":"admin"}}"#,
            #"{"realm_access":{"roles":[7,null,["admin"]]}}"#, #"{"resource_access":[{"roles":["admin"]}]}"#,
            #"{"resource_access":{"shop":["admin"]}}"#,
        ])
    func odd(token: String) throws {
        #expect(try groups(#"{"groups":"staff"}"#, token) == [])
    }

    private func groups(_ claims: String, _ token: String) throws -> [String] {
        let read = { (text: String) in
            Claims(try #require(JSONValue(parsing: Array(text.utf8), limit: 1000)?.object))
        }
        return Keycloak.groups(try read(claims), accessToken: try read(token))
    }
}

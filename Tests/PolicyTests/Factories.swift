import FoundationEssentials
import Identity
import Policy
import Testing
import Values
import Web

func identity(
    username: String = "alice", subject: String = "s-1", provider: String = "op", email: String? = "alice@example.com",
    isEmailVerified: Bool = true, groups: [String] = [], claims: [String: JSONValue] = [:]
) -> Identity {
    Identity(
        provider: provider, issuer: "https://op.test", subject: subject, username: username, email: email,
        isEmailVerified: isEmailVerified, groups: groups, claims: Claims(claims))
}

func resource(
    _ uri: String, host: String = "app.test", method: String = "GET", address: String? = "192.0.2.1"
) throws -> Resource {
    Resource(
        host: host, path: try #require(ResourcePath(requestURI: Array(uri.utf8)[...])), method: method,
        address: address.flatMap { IPAddress($0.utf8) })
}

func rule(
    _ name: String, hosts: [String] = [], paths: [String] = [], methods: [String] = [], networks: [String] = [],
    _ effect: Rule.Effect
) -> Rule {
    Rule(
        name: name, hosts: hosts.compactMap { HostPattern($0.utf8) }, paths: paths.compactMap { PathPattern($0.utf8) },
        methods: methods.map { Array($0.utf8) }, networks: networks.compactMap { Network($0.utf8) }, effect: effect)
}

func group(_ name: String) -> Condition { .group(Array(name.utf8)) }

/// The lines of a file in Tests/Corpora, without empty ones.
func corpus(_ name: String) -> [String] {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let path = tests.appending(path: "Corpora").appending(path: name).path
    let text = FileManager.default.contents(atPath: path).map { String(decoding: $0, as: UTF8.self) } ?? ""
    return text.split(separator: "\n").map(String.init)
}

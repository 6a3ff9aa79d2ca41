import FoundationEssentials
import Testing

@testable import Configuration

/// The smallest configuration that is right, with other lines in front or in place of its own.
func yaml(
    _ more: String = "", url: String = "https://app.example.com",
    provider: String = "{ issuer: https://login.example.com, client_id: postern, client_secret: not-a-real-secret }",
    rules: String = "[{ allow: { domains: [example.com] } }]"
) -> String {
    "public_url: \(url)\nproviders: { company: \(provider) }\nrules: \(rules)\n\(more)\n"
}

func settings(_ text: String = yaml(), _ environment: [String: String] = [:]) throws -> Settings {
    try Settings.parse(text, path: "postern.yaml", environment: environment)
}

/// All mistakes, one a line.
func mistakes(_ text: String, _ environment: [String: String] = [:]) -> [String] {
    do throws(ConfigurationFailure) {
        _ = try Settings.parse(text, path: "p", environment: environment)
        return []
    } catch {
        return error.problems.map(\.description)
    }
}

func warnings(_ text: String) throws -> [String] {
    try settings(text).warnings.map(\.description)
}

/// A file of its own for the time of the body.
func withFile<Result>(_ contents: String, mode: Int = 0o640, _ body: (String) throws -> Result) throws -> Result {
    let path = FileManager.default.temporaryDirectory.appending(component: "postern-\(UInt64.random(in: 0 ... .max))")
        .path
    let attributes: [FileAttributeKey: Any] = [.posixPermissions: mode]
    try #require(FileManager.default.createFile(atPath: path, contents: Data(contents.utf8), attributes: attributes))
    try FileManager.default.setAttributes(attributes, ofItemAtPath: path)
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try body(path)
}

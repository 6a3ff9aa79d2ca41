import TestSupport
import Values
import Web

@testable import OpenIDConnect

/// Leaves a member out of what a helper below would put in.
let absent: JSONValue? = nil

/// What the operator knows of the scripted provider.
func provider(secret: String? = "s3cret&=", _ change: (inout Provider) -> Void = { _ in }) -> Provider {
    guard let url = EndpointURL(ScriptedProvider.issuer) else { preconditionFailure("the issuer is an address") }
    var provider = Provider(
        name: "op", issuer: ScriptedProvider.issuer, issuerURL: url, clientID: "postern id",
        clientSecret: secret.map { Secret($0) })
    change(&provider)
    return provider
}

/// The metadata that the scripted provider's document makes.
func metadata(_ members: [String: JSONValue?] = [:], _ provider: Provider = provider()) throws -> Metadata {
    let body = Array(ScriptedProvider().metadata(members).text.utf8)
    return try Discovery.process(ProviderResponse(status: 200, body: body), from: provider)
}

/// The parameters of a form or of an address's query.
func parameters(_ text: String) -> [String: String] {
    let pairs = Query(Array(text.utf8))?.pairs ?? []
    return Dictionary(
        pairs.map { (String(decoding: $0.name, as: UTF8.self), String(decoding: $0.value, as: UTF8.self)) },
        uniquingKeysWith: { "\($0) and \($1)" })
}

/// The parameters of an address.
func query(of address: String) -> [String: String] {
    parameters(address.split(separator: "?", maxSplits: 1).dropFirst().first.map(String.init) ?? "")
}

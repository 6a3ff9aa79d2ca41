/// A provider that many use: what an operator need not write. `{issuer}`, `{tenant}`, `{version}` and `{api}` stand for
/// what is configured.
package struct Preset: Sendable {
    package let kind: String
    package let title: String
    package var dialect = Dialect.openIDConnect
    /// `nil`: the operator has to name it.
    package var issuer: String?
    /// What an issuer of this kind looks like, for a message.
    package var example = "https://login.example.com"
    package var api: String?
    package var authorization: String?
    package var token: String?
    package var userinfo: String?
    package var revocation: String?
    package var scopes = ["openid", "profile", "email"]
    package var mapping = IdentityMapping()
    package var parameters: [(name: String, value: String)] = []
    package var clientAuthentication: ClientAuthentication?
    package var responseMode = ResponseMode.query
    package var oddities: Set<Oddity> = []

    init(
        _ kind: String, _ title: String, issuer: String? = nil, example: String? = nil,
        _ change: (inout Preset) -> Void = { _ in }
    ) {
        self.kind = kind
        self.title = title
        self.issuer = issuer
        if let example { self.example = example }
        change(&self)
    }

    package static func of(kind: String) -> Preset? {
        all.first { $0.kind == kind }
    }
}

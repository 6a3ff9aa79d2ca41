internal import Crypto
package import Values

/// A secret that both sides know, to sign with: only for what we sign, never to verify.
package struct SharedKey: Sendable {
    private let secret: Secret

    package init(_ secret: Secret) {
        self.secret = secret
    }

    /// A token signed with HMAC-SHA-256 (`HS256`) in the compact form.
    package func sign(_ claims: [String: JSONValue], header: [String: JSONValue] = [:]) -> String {
        var header = header
        header["alg"] = .string("HS256")
        let parts = [header, claims].map { Base64URL.encode(Array(JSONValue.object($0).text.utf8)) }
        let signed = parts.joined(separator: ".")
        let code = HMAC<SHA256>.authenticationCode(
            for: Array(signed.utf8), using: SymmetricKey(data: secret.exposed))
        return "\(signed).\(Base64URL.encode(Array(code)))"
    }
}

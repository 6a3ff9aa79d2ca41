internal import Crypto
internal import HTTPTypes
internal import JOSE
internal import Synchronization
internal import Values
internal import Web

/// Proof of possession (DPoP, RFC 9449): a key that tokens are bound to, and the nonces that servers give for it.
final class Possession: Sendable {
    /// The last nonce of each origin.
    private let nonces = Mutex<[String: String]>([:])

    /// Bytes of a nonce that is remembered.
    private static let longestNonce = 512

    /// The last nonce that the server of this address gave.
    func nonce(for url: EndpointURL) -> String? {
        nonces.withLock { $0[url.origin] }
    }

    /// The proof for one request (section 4.2); `accessToken` is the one that goes with it, if one does.
    func proof(
        _ request: ProviderRequest, _ key: PrivateKey, accessToken: Secret?, nonce: String?, now: Timestamp,
        identifier: String
    ) -> HTTPField {
        let address = request.url.text.prefix { $0 != "?" }
        var claims: [String: JSONValue] = [
            "htm": .string(request.method.rawValue), "htu": .string(String(address)), "jti": .string(identifier),
            "iat": .integer(now.seconds),
        ]
        if let accessToken {
            claims["ath"] = .string(Base64URL.encode(Array(SHA256.hash(data: accessToken.exposed))))
        }
        claims["nonce"] = nonce.map { .string($0) }
        let header: [String: JSONValue] = ["typ": .string("dpop+jwt"), "jwk": .object(key.publicKey)]
        return HTTPField(name: .proof, value: key.sign(claims, header: header, .es256))
    }

    /// Keeps the nonce of an answer. True when the answer asks for the request once more with it (sections 8 and 9).
    /// `sent`: the nonce that the request had.
    func learn(from response: ProviderResponse, of request: ProviderRequest, sent: String?) -> Bool {
        guard let nonce = response.value(of: "dpop-nonce"), nonce.utf8.count <= Self.longestNonce else { return false }
        nonces.withLock { $0[request.url.origin] = nonce }
        // Others may have learnt it meanwhile: what counts is whether this request had it.
        guard nonce != sent else { return false }
        switch response.status {
        case 400: return JSONValue(parsing: response.body, limit: 64 * 1024)?["error"]?.string == "use_dpop_nonce"
        case 401: return response.value(of: "www-authenticate")?.contains("use_dpop_nonce") ?? false
        default: return false
        }
    }
}

extension ProviderResponse {
    /// The value of the first field of this name (in lower case) in the answer's head.
    fileprivate func value(of name: String) -> String? {
        for line in head.split(separator: UInt8(ascii: "\n")) {
            let text = String(decoding: line, as: UTF8.self)
            guard let colon = text.firstIndex(of: ":"), text[..<colon].lowercased() == name else { continue }
            let value = text[text.index(after: colon)...].drop { $0 == " " }
            return String(value.prefix { $0 != "\r" && $0 != "\r\n" })
        }
        return nil
    }
}

extension HTTPField.Name {
    static let proof = HTTPField.Name("DPoP")!
}

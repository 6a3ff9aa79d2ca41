internal import Values

/// A signed token in the compact form (RFC 7515, section 7.1): taken apart, and not yet believed.
package struct CompactToken: Sendable {
    /// The `alg` of the header.
    package let algorithm: String
    /// The `kid` of the header.
    package let keyID: String?
    /// The `typ` of the header, lower case and without `application/` (RFC 7515, section 4.1.9).
    package let type: String?
    let signedBytes: [UInt8]
    let payload: [UInt8]
    let signature: [UInt8]

    /// Bytes of the longest token that is looked at.
    package static let limit = 64 * 1024

    /// `nil` unless it is three parts of strict base64url, and the header a JSON object with an `alg` and without
    /// extensions that must be understood (`crit`, RFC 7515, section 4.1.11).
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count <= Self.limit else { return nil }
        let dots = bytes.indices.lazy.filter { bytes[$0] == UInt8(ascii: ".") }.prefix(3)
        guard dots.count == 2, let first = dots.first, let second = dots.dropFirst().first else { return nil }
        guard let header = Base64URL.decode(bytes[..<first]).flatMap({ JSONValue(parsing: $0, limit: 8192) }),
            let payload = Base64URL.decode(bytes[(first + 1)..<second]),
            let signature = Base64URL.decode(bytes[(second + 1)...]), header["crit"] == nil,
            let algorithm = header["alg"]?.string
        else { return nil }
        if let keyID = header["kid"] {
            guard let keyID = keyID.string else { return nil }
            self.keyID = keyID
        } else {
            keyID = nil
        }
        if let typ = header["typ"], typ.string == nil { return nil }
        type = header["typ"]?.string.map { typ in
            let name = typ.lowercased()
            return name.hasPrefix("application/") ? String(name.dropFirst(12)) : name
        }
        self.algorithm = algorithm
        self.payload = payload
        self.signature = signature
        signedBytes = Array(bytes[..<second])
    }
}

extension CompactToken {
    /// The `iss` that it says. It tells whose keys to try, and nothing else: nobody has verified it.
    package var issuerAsSaid: String? {
        JSONValue(parsing: payload, limit: Self.limit)?["iss"]?.string
    }

    /// The claims of a token that was verified before and has been under seal since.
    package var claimsOnceVerified: [UInt8] { payload }
}

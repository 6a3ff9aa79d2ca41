internal import Values

/// The keys that a provider signs with (RFC 7517, section 5). Odd keys are left out one by one: a provider that adds
/// a key of a new kind does not lock everybody out.
package struct KeySet: Sendable {
    private let keys: [PublicKey]
    /// Why which keys were left out, for the log.
    package let skipped: [String]

    private static let limit = 256 * 1024
    private static let mostKeys = 100

    /// `nil` when this is no key set at all.
    package init?(json: [UInt8]) {
        guard let entries = JSONValue(parsing: json, limit: Self.limit)?["keys"]?.array else { return nil }
        var keys: [PublicKey] = []
        var skipped: [String] = []
        for entry in entries.prefix(Self.mostKeys) {
            do throws(PublicKey.Oddity) {
                keys.append(try PublicKey(entry))
            } catch {
                skipped.append(error.reason)
            }
        }
        self.keys = keys
        self.skipped = skipped
    }

    /// The payload of the token, when one of the keys signed it with an allowed algorithm.
    ///
    /// The key is the one of exactly the token's `kid`. A token without one is only believed when a single key fits
    /// its algorithm (OpenID Connect Core 1.0, section 10.1).
    package func verify(
        _ token: CompactToken, allowed: Set<SignatureAlgorithm>
    ) throws(TokenError) -> (payload: [UInt8], algorithm: SignatureAlgorithm) {
        guard let algorithm = allowed.first(where: { $0.rawValue.utf8.elementsEqual(token.algorithm.utf8) }) else {
            throw .algorithmRefused
        }
        let candidates = keys.filter { $0.fits(algorithm) && isNamed($0, token.keyID) }
        guard let key = candidates.first, token.keyID != nil || candidates.count == 1 else { throw .unknownKey }
        let matches = candidates.contains { $0.isValid(token.signature, for: token.signedBytes, algorithm) }
        guard key.fits(algorithm), matches else { throw .badSignature }
        return (token.payload, algorithm)
    }

    private func isNamed(_ key: PublicKey, _ id: String?) -> Bool {
        guard let id else { return true }
        return key.id.map { $0.utf8.elementsEqual(id.utf8) } ?? false
    }
}

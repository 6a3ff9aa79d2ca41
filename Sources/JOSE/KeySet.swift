internal import Values

/// The keys that a provider signs with (RFC 7517, section 5). Odd keys are left out one by one: a provider that adds
/// a key of a new kind does not lock everybody out.
package struct KeySet: Sendable {
    private let keys: [PublicKey]
    /// Why which keys were left out, for the log.
    package let skipped: [String]
    /// The names of those.
    private let skippedIDs: [String]

    private static let limit = 256 * 1024
    private static let mostKeys = 100

    /// `nil` when this is no key set at all.
    package init?(json: [UInt8]) {
        guard let entries = JSONValue(parsing: json, limit: Self.limit)?["keys"]?.array else { return nil }
        var keys: [PublicKey] = []
        var skipped: [String] = []
        var skippedIDs: [String] = []
        for entry in entries.prefix(Self.mostKeys) {
            do throws(PublicKey.Oddity) {
                keys.append(try PublicKey(entry))
            } catch {
                skipped.append(error.reason)
                if let id = entry["kid"]?.string { skippedIDs.append(id) }
            }
        }
        self.keys = keys
        self.skipped = skipped
        self.skippedIDs = skippedIDs
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
        let named = keys.filter { isNamed($0.id, token.keyID) }
        guard !named.isEmpty || skippedIDs.contains(where: { isNamed($0, token.keyID) }) else { throw .unknownKey }
        let candidates = named.filter { $0.fits(algorithm) }
        guard !candidates.isEmpty else { throw .algorithmRefused }
        guard token.keyID != nil || candidates.count == 1 else { throw .unknownKey }
        guard candidates.contains(where: { $0.isValid(token.signature, for: token.signedBytes, algorithm) }) else {
            throw .badSignature
        }
        return (token.payload, algorithm)
    }

    private func isNamed(_ keyID: String?, _ wanted: String?) -> Bool {
        guard let wanted else { return true }
        return keyID.map { $0.utf8.elementsEqual(wanted.utf8) } ?? false
    }
}

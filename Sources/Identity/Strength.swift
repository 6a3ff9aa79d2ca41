package import Values

/// How a person must have proved who they are, and how lately (OpenID Connect Core 1.0, sections 2 and 3.1.2.1;
/// RFC 9470).
package struct Strength: Sendable, Equatable {
    /// Authentication context classes (`acr`), any of them; empty is any.
    package var acrValues: [String]
    /// Seconds since they last did (`auth_time`); `nil` is however long.
    package var maxAge: Int64?

    package static let any = Strength()

    package init(acrValues: [String] = [], maxAge: Int64? = nil) {
        self.acrValues = acrValues
        self.maxAge = maxAge
    }

    /// Whether an ID token with these claims tells of such an authentication.
    package func isMet(by claims: Claims, at now: Timestamp) -> Bool {
        if !acrValues.isEmpty {
            guard let acr = claims.members["acr"]?.string,
                acrValues.contains(where: { $0.utf8.elementsEqual(acr.utf8) })
            else { return false }
        }
        guard let maxAge else { return true }
        guard let proved = claims.authenticated else { return false }
        let age = now.since(proved)
        return age >= -Self.leeway && now.adding(-Self.leeway).since(proved) <= maxAge
    }

    /// Seconds that our clock and the provider's may differ.
    private static let leeway: Int64 = 5

    /// Both at once: of two limits the shorter, of two lists the one that is there; where both are, what is in both. Two
    /// that have nothing in common cannot be met; `postern check` says so.
    package func and(_ other: Strength) -> Strength {
        let ages = [maxAge, other.maxAge].compactMap(\.self)
        let common = acrValues.filter { other.acrValues.contains($0) }
        let values =
            acrValues.isEmpty ? other.acrValues : other.acrValues.isEmpty || common.isEmpty ? acrValues : common
        return Strength(acrValues: values, maxAge: ages.min())
    }
}

extension Claims {
    /// `auth_time`, which some providers give with a fraction.
    package var authenticated: Timestamp? {
        switch members["auth_time"] {
        case .integer(let seconds) where (0...253_402_300_799).contains(seconds): Timestamp(seconds: seconds)
        case .number(let seconds) where (0...253_402_300_799).contains(seconds):
            Timestamp(seconds: Int64(seconds.rounded(.down)))
        default: nil
        }
    }
}

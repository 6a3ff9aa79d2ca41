internal import Identity
internal import Values

extension IdentityMapping {
    /// Whether these claims answer all that is asked of them, so that userinfo need not be asked.
    func isComplete(_ claims: Claims) -> Bool {
        claims[email] != nil && emailVerified.map { claims[$0] != nil } ?? true && claims[groups] != nil
            && username.first.map { claims[$0] != nil } ?? true
    }

    /// Who a plain OAuth2 service says it is: a text, or the digits of a whole number.
    func subject(of claims: Claims) throws(SignInFailure) -> String {
        let said: JSONValue? =
            if case .integer(let number) = claims[subject] {
                number > 0 ? .string(String(number)) : nil
            } else {
                claims[subject]
            }
        guard let text = said?.subject else {
            throw .identityRefused("\(subject) of the profile names nobody; claims.subject says which claim does")
        }
        return text
    }

    /// An ID token's claims, and those of userinfo that it lacks. Whether an address is verified is of the address
    /// that was said beside it: the two may name different ones.
    func merge(_ claims: Claims, _ userinfo: Claims) -> Claims {
        var members = claims.merging(userinfo).members
        guard let emailVerified else { return Claims(members) }
        let address = claims[email] ?? userinfo[email]
        members[emailVerified] =
            [claims, userinfo].lazy.filter { $0[email] == address }
            .compactMap { $0[emailVerified] }.first
        return Claims(members)
    }

    /// The identity that the claims describe.
    func identity(
        _ claims: Claims, provider: Provider, subject: String
    ) throws(SignInFailure) -> Identity {
        let isVerified = isVerified(claims, provider)
        // An address that anybody could have given names nobody, where something else does.
        let paths = isVerified || username.count == 1 ? username : username.filter { $0 != self.email }
        guard let name = paths.lazy.compactMap({ claims[$0]?.string }).first(where: { !$0.isEmpty }) else {
            throw .identityRefused("no claim names the user")
        }
        let email = try claims[email]?.string.map { text throws(SignInFailure) in try Self.line(text, "e-mail address")
        }
        let preferred = claims["preferred_username"]?.string
        return Identity(
            provider: provider.name, issuer: provider.issuer, subject: subject,
            username: try Self.line(name, "user name"),
            email: email.flatMap { $0.isEmpty ? nil : $0 }, isEmailVerified: isVerified,
            preferredUsername: preferred.flatMap { Self.isLine($0) && !$0.isEmpty ? $0 : nil },
            groups: Self.groups(claims[groups]), claims: claims)
    }

    private func isVerified(_ claims: Claims, _ provider: Provider) -> Bool {
        switch emailVerified.flatMap({ claims[$0] }) {
        case .bool(let truth): truth
        case .string("true"), .string("1"), .integer(1): provider.oddities.contains(.truthAsText)
        default: false
        }
    }

    /// A list of texts, or one text that is one group. Whatever else stands there is no group.
    private static func groups(_ claim: JSONValue?) -> [String] {
        switch claim {
        case .string(let group): group.isEmpty ? [] : [group]
        case .array(let groups): groups.compactMap(\.string).filter { !$0.isEmpty }
        default: []
        }
    }

    /// A name that would begin a second line somewhere names nobody; nor does one with a space at an end: web servers
    /// take it off, and what is left may be another's.
    private static func line(_ text: String, _ what: String) throws(SignInFailure) -> String {
        guard isLine(text) else {
            throw .identityRefused("the \(what) holds a control character or a space at an end, or is too long")
        }
        return text
    }

    private static func isLine(_ text: String) -> Bool {
        text.utf8.count <= 1024 && text.utf8.first != 0x20 && text.utf8.last != 0x20
            && !text.unicodeScalars.contains { scalar in
                scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || (0x2028...0x2029).contains(scalar.value)
            }
    }
}

internal import JOSE
internal import Values

/// The checks of a logout token's claims (OpenID Connect Back-Channel Logout 1.0, section 2.6). The signature was
/// checked before: only verified bytes come here.
package struct LogoutToken: Sendable, Equatable {
    package let subject: String?
    package let session: String?
    /// Its name (`jti`): no token counts twice.
    package let identifier: String

    private static let event = "http://schemas.openid.net/event/backchannel-logout"
    /// Seconds that a token without an end is good; some providers follow an older draft.
    private static let longestAge: Int64 = 120

    init(
        verified payload: [UInt8], issuer: String, clientID: String, now: Timestamp
    ) throws(SignInFailure) {
        guard let members = JSONValue(parsing: payload, limit: CompactToken.limit)?.object else {
            throw .invalidToken("the payload is not a JSON object")
        }
        guard members["iss"]?.string?.utf8.elementsEqual(issuer.utf8) == true else {
            throw .invalidToken("iss is not the issuer")
        }
        guard members["aud"]?.names(clientID) == true else { throw .invalidToken("aud does not name us") }
        guard members["events"]?[Self.event]?.object != nil else { throw .invalidToken("events is not a logout") }
        guard members["nonce"] == nil else { throw .invalidToken("it has a nonce, like an ID token") }
        try Self.checkTimes(members, now)
        guard let identifier = members["jti"]?.string, (1...512).contains(identifier.utf8.count) else {
            throw .invalidToken("jti is missing, no text or too long")
        }
        self.identifier = identifier
        subject = try Self.name("sub", members)
        session = try Self.name("sid", members)
        guard subject != nil || session != nil else { throw .invalidToken("it names neither sub nor sid") }
    }

    private static func checkTimes(_ members: [String: JSONValue], _ now: Timestamp) throws(SignInFailure) {
        guard let issued = members["iat"]?.moment else { throw .invalidToken("iat is missing, or no time") }
        try TokenTimes.check(["iat", "nbf"], areOverIn: members, now)
        let age = now.since(issued)
        guard members["exp"] != nil else {
            guard age <= longestAge else { throw .invalidToken("it has no exp, and is old") }
            return
        }
        guard TokenTimes.isAhead(members["exp"], now), age <= IDToken.longestAge else {
            throw .invalidToken("exp is no time, or past")
        }
    }

    private static func name(_ claim: String, _ members: [String: JSONValue]) throws(SignInFailure) -> String? {
        guard let value = members[claim] else { return nil }
        guard let text = value.string, (1...512).contains(text.utf8.count), !text.utf8.contains(0) else {
            throw .invalidToken("\(claim) is no text, empty or too long")
        }
        return text
    }
}

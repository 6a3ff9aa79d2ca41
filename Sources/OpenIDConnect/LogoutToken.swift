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
        guard let issued = members["iat"]?.moment, issued <= now.adding(IDToken.leeway) else {
            throw .invalidToken("iat is missing, no time, or in the future")
        }
        if let begins = members["nbf"] {
            guard let begins = begins.moment, begins <= now.adding(IDToken.leeway) else {
                throw .invalidToken("nbf is no time, or in the future")
            }
        }
        guard let end = members["exp"] else {
            guard now.since(issued) <= longestAge else { throw .invalidToken("it has no exp, and is old") }
            return
        }
        guard let expires = end.moment, expires.adding(IDToken.leeway) > now, now.since(issued) <= IDToken.longestAge
        else { throw .invalidToken("exp is no time, or past") }
    }

    private static func name(_ claim: String, _ members: [String: JSONValue]) throws(SignInFailure) -> String? {
        guard let value = members[claim] else { return nil }
        guard let text = value.string, (1...512).contains(text.utf8.count), !text.utf8.contains(0) else {
            throw .invalidToken("\(claim) is no text, empty or too long")
        }
        return text
    }
}

extension JSONValue {
    /// A NumericDate (RFC 7519, section 2); `nil` for truth values, texts and what no calendar holds.
    var moment: Timestamp? {
        switch self {
        case .integer(let seconds) where (0...253_402_300_799).contains(seconds): Timestamp(seconds: seconds)
        case .number(let seconds) where (0...253_402_300_799).contains(seconds):
            Timestamp(seconds: Int64(seconds.rounded(.down)))
        default: nil
        }
    }
}

internal import HTTPTypes
internal import Identity
internal import OpenIDConnect
internal import Policy
internal import Sessions
internal import Values
internal import Web

/// Whoever an access token speaks for, as an application is told.
final class TokenSession: Sendable {
    let session: Session
    let fields: FieldMemory

    init(_ session: Session, _ fields: IdentityFields) {
        self.session = session
        self.fields = FieldMemory(fields)
    }

    var identity: Identity { session.identity }
}

/// Programs that bring an access token (RFC 6750). A session that the request has comes before its token: applications
/// have tokens of their own.
extension Gate {
    /// The token of the request, where any provider's are taken.
    func accessToken(of request: Request) -> [UInt8]? {
        guard providers.takeAccessTokens, let value = request[.authorization], value.count <= Self.longestToken,
            value.prefix(7).isEqualIgnoringCase(to: "bearer ".utf8)
        else { return nil }
        let token = value.dropFirst(7).drop { $0 == 0x20 }
        // RFC 6750, section 2.1.
        guard !token.isEmpty, token.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: ",") }) else {
            return nil
        }
        return Array(token)
    }

    private static var longestToken: Int { 16 * 1024 }

    /// Who the token speaks for, from memory or by asking the provider on the errand lane.
    func withBearer(
        _ token: [UInt8], on host: ArraySlice<UInt8>, _ next: @escaping @Sendable (BearerFinding) -> Response
    ) -> Answer {
        let name = TokenCache.Name(token, on: host)
        if let known = tokens.outcome(of: name, at: clock.now()) { return .now(next(BearerFinding(known))) }
        return .later { [self, host = Array(host)] in
            let found = tokenErrands.doing { findOnce(token, name, on: host[...]) }
            return next(found ?? .unknown("too many tokens are asked about"))
        }
    }

    /// One finds out for all who bring the same token meanwhile.
    private func findOnce(_ token: [UInt8], _ name: TokenCache.Name, on host: ArraySlice<UInt8>) -> BearerFinding {
        let end = deadline()
        while clock.uptime() < end {
            if let known = tokens.outcome(of: name, at: clock.now()) { return BearerFinding(known) }
            switch tokens.takeOff(name) {
            case .mine:
                defer { tokens.land(name) }
                return find(token, name, on: host)
            case .somebodyElses: clock.pause(5)
            case .tooMany: return .unknown("too many tokens are asked about")
            }
        }
        return .unknown("no answer in time")
    }

    private func find(_ token: [UInt8], _ name: TokenCache.Name, on host: ArraySlice<UInt8>) -> BearerFinding {
        let text = String(decoding: token, as: UTF8.self)
        let now = clock.now()
        var refusal = TokenCache.Outcome.refused
        var trouble: String?
        for relyingParty in candidates(for: text, on: host) {
            do throws(SignInFailure) {
                let bearer = try relyingParty.bearer(of: text, deadline: deadline())
                let session = Session(
                    identity: bearer.identity, accessToken: Secret(token), refreshToken: nil, idToken: nil,
                    accessExpires: bearer.expires, created: now, expires: bearer.expires)
                let known = TokenSession(session, settings.identity.fields(for: session))
                tokens.keep(.good(known), of: name, until: bearer.isKnownUntil, at: now)
                return .known(known)
            } catch {
                log(.tokenRefused(relyingParty.provider.name, reason: "\(error)"))
                switch error {
                case .providerUnavailable(let reason): trouble = reason
                case .denied: refusal = .lacking
                default: break
                }
            }
        }
        // What could not be found out is not remembered.
        if let trouble { return .unknown(trouble) }
        tokens.keep(refusal, of: name, until: now.adding(Self.refusalLifetime), at: now)
        return BearerFinding(refusal)
    }

    /// Those to ask that count on the host. A token that names a provider is shown to no other, whether that one takes
    /// tokens here or not, and an assertion of our own to nobody.
    private func candidates(for text: String, on host: ArraySlice<UInt8>) -> [RelyingParty] {
        let issuer = RelyingParty.issuer(asSaidBy: text)
        let all = providers.takingTokens(on: host).filter { $0.mayKnow(tokenOf: issuer) }
        let isNamed = providers.relyingParties.contains { $0.isIssuer(issuer) }
        guard !isNamed, settings.identity.assertions?.isIssuer(issuer) != true else {
            return all.filter { $0.isIssuer(issuer) }
        }
        return all
    }

    /// Seconds that a refused token is not asked about again: it may become good, if clocks differ.
    private static var refusalLifetime: Int64 { 10 }
}

/// What a token stands for.
enum BearerFinding: Sendable {
    case known(TokenSession)
    case refused
    case lacking
    /// The provider does not answer.
    case unknown(String)

    init(_ outcome: TokenCache.Outcome) {
        self =
            switch outcome {
            case .good(let session): .known(session)
            case .refused: .refused
            case .lacking: .lacking
            }
    }
}

/// What a program is told that has to bring a token, or another one (RFC 6750, section 3; RFC 9470, section 3).
enum Challenge {
    case missing
    case invalid
    case tooWeak(Strength)

    var field: Field? {
        Field(.wwwAuthenticate, text.utf8)
    }

    private var text: String {
        switch self {
        case .missing: "Bearer"
        case .invalid: "Bearer error=\"invalid_token\""
        case .tooWeak(let strength):
            "Bearer error=\"insufficient_user_authentication\""
                + (strength.acrValues.isEmpty ? "" : ", acr_values=\"\(strength.acrValues.joined(separator: " "))\"")
                + (strength.maxAge.map { ", max_age=\"\($0)\"" } ?? "")
        }
    }
}

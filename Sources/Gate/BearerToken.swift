internal import HTTPTypes
internal import Identity
internal import OpenIDConnect
internal import Policy
internal import Sessions
internal import Values
internal import Web

/// Whoever an access token speaks for, as an application is told.
final class TokenSession: Sendable {
    let identity: Identity
    let fields: IdentityFields

    init(_ identity: Identity, _ fields: IdentityFields) {
        self.identity = identity
        self.fields = fields
    }
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
        switch tokens.outcome(of: token, at: clock.now()) {
        case .good(let session): .now(next(providers.takes(session.identity, on: host) ? .known(session) : .refused))
        case .refused: .now(next(.refused))
        case nil:
            .later { [host = Array(host)] in
                let finding = self.tokens.asking { self.find(token) } ?? .unknown("too many tokens are asked about")
                guard case .known(let session) = finding, !self.providers.takes(session.identity, on: host[...]) else {
                    return next(finding)
                }
                return next(.refused)
            }
        }
    }

    private func find(_ token: [UInt8]) -> BearerFinding {
        let text = String(decoding: token, as: UTF8.self)
        var trouble: String?
        for relyingParty in candidates(for: text) {
            do throws(SignInFailure) {
                return keep(try relyingParty.bearer(of: text, deadline: deadline()), of: token)
            } catch {
                if case .providerUnavailable(let reason) = error { trouble = reason }
                log(.tokenRefused(relyingParty.provider.name, reason: "\(error)"))
            }
        }
        // What could not be found out is not remembered.
        if let trouble { return .unknown(trouble) }
        let now = clock.now()
        tokens.keep(.refused, of: token, until: now.adding(Self.refusalLifetime), at: now)
        return .refused
    }

    /// Those to ask. A token that names one of them is shown to no other.
    private func candidates(for text: String) -> [RelyingParty] {
        let all = providers.relyingParties.filter { $0.mayKnow(accessToken: text) }
        let named = all.filter { $0.mayHaveIssued(text) }
        return named.isEmpty ? all : named
    }

    /// Seconds that a refused token is not asked about again: it may become good, if clocks differ.
    private static var refusalLifetime: Int64 { 10 }

    private func keep(_ bearer: Bearer, of token: [UInt8]) -> BearerFinding {
        let now = clock.now()
        let described = Session(
            identity: bearer.identity, accessToken: Secret(token), refreshToken: nil, idToken: nil,
            accessExpires: bearer.expires, created: now, expires: bearer.expires)
        let session = TokenSession(bearer.identity, settings.identity.fields(for: described))
        tokens.keep(.good(session), of: token, until: bearer.expires, at: now)
        return .known(session)
    }
}

/// What a token stands for.
enum BearerFinding: Sendable {
    case known(TokenSession)
    case refused
    /// The provider does not answer.
    case unknown(String)
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

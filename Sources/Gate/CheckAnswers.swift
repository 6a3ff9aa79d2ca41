internal import HTTPTypes
internal import Identity
internal import Policy
internal import Sessions
internal import Values
internal import Web

/// What the check answers.
extension Gate {
    func allow(
        _ identity: Identity, _ fields: FieldBlock, reuse: [Field], _ request: Request
    ) -> Response {
        // A browser that asks for the check itself is told no more than a status.
        if let uri = request[.requestURI], isOwnAddress(uri, request) { return Response(.ok) }
        guard fields.bytes.count <= room(for: request) else {
            log(.refused(request, user: identity.username, reason: tooLarge(fields.bytes.count)))
            diagnosis.note(tooLarge(fields.bytes.count), at: clock.now())
            return Response(.forbidden)
        }
        return Response(allowStatus(request), fields: reuse, identity: fields)
    }

    /// How long nginx may give the same answer without asking again, where the operator allows that. Not beyond the
    /// moment at which the session would be judged otherwise, and never with a token in it.
    func reuse(of session: LiveSession, _ request: Request) -> [Field] {
        guard settings.answerCache > 0, !request.isAuthorizer, !settings.identity.holdsToken, !policy.asksForTime
        else { return [] }
        let moments = [session.session.expires, session.session.accessExpires, session.session.recheck]
        let end = moments.compactMap(\.self).min() ?? .distantFuture
        // nginx counts whole seconds and the last one in full.
        let seconds = min(settings.answerCache, end.since(clock.now())) - 1
        guard seconds > 0 else { return [] }
        return [Field(.accelExpires, String(seconds).utf8)].compactMap(\.self)
    }

    /// 204 only where the web server's own parameter asks for it; an authorizer must say exactly 200.
    func allowStatus(_ request: Request) -> HTTPResponse.Status {
        guard !request.isAuthorizer, request.says("204", .allowStatus) else { return .ok }
        return .noContent
    }

    func cannotTell(_ reason: String) -> Response {
        log(.cannotTell(reason))
        return Response(.serviceUnavailable, fields: [Field(.retryAfter, "1")])
    }

    func misconfigured(_ what: String) -> Response {
        log(.misconfigured(what))
        diagnosis.note(what, at: clock.now())
        return Response(.internalServerError)
    }

    func tooLarge(_ size: Int) -> String {
        "identity headers of \(size) bytes do not fit: raise the web server's header buffer, then "
            + "POSTERN_HEADER_BYTES or limits.identity_bytes"
    }

    /// Bytes that the web server takes of us: what it says, less what is not identity; else what is configured.
    func room(for request: Request) -> Int {
        guard let said = request[.headerBytes] else { return settings.identity.limit }
        let isKibibytes = said.last.map(\.asciiLowercased) == UInt8(ascii: "k")
        guard let number = (isKibibytes ? said.dropLast() : said).decimal, number <= 1024 * 1024 else {
            return settings.identity.limit
        }
        return max(0, Int(number) * (isKibibytes ? 1024 : 1) - 512)
    }
}

extension HTTPField.Name {
    /// nginx's own word for how long it may keep an answer; it is not handed on.
    static let accelExpires = HTTPField.Name("X-Accel-Expires")!
}

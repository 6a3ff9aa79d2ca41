internal import JOSE
internal import OpenIDConnect
internal import Sessions
internal import Values
internal import Web

/// Sign-ins that are under way, each kept in a cookie of its own in the browser that began it: sealed, so that
/// nobody reads or makes one, and named after its state, so that many tabs sign in side by side.
struct PendingSignIns: Sendable {
    private let keys: KeyRing
    private let cookies: CookieSettings
    private let lifetime: Int64

    /// What a browser may carry of these; nginx takes 8 KiB of a header line.
    private static let mostCookies = 24
    private static let mostBytes = 6000
    /// In one answer: web servers take a head of 8 kB and more; what is left goes with the next.
    private static let mostRemoved = 60

    init(keys: KeyRing, settings: GateSettings) {
        self.keys = keys
        cookies = settings.cookies
        lifetime = settings.signInLifetime
    }

    /// The cookie for a sign-in that begins now, and the removal of the oldest where there are too many.
    /// `isPosted`: it comes back in a form that another site sends, which browsers let only SameSite=None go with.
    func cookies(for pending: PendingSignIn, isPosted: Bool = false, in request: Request) -> [SetCookie] {
        let sealed = keys.seal(encode(pending), purpose: .state, authenticating: Array(pending.state.utf8))
        let own = SetCookie(
            name: name(of: pending.state), value: Base64URL.encode(sealed), scope: cookies.stateScope,
            maxAge: lifetime)
        let cookie = isPosted ? own.forAllSites : own
        return [cookie] + surplus(in: request, besides: cookie.value.utf8.count)
    }

    /// The sign-in that this browser began with this state, if it did, and not too long ago.
    func open(state: [UInt8], in request: Request, now: Timestamp) -> PendingSignIn? {
        guard let text = String(validating: state, as: UTF8.self), state.count <= 128, let header = request[.cookie]
        else { return nil }
        let values = CookieString(header).values(named: Array(name(of: text).utf8))
        for value in values.prefix(2) {
            guard let sealed = Base64URL.decode(value),
                let opened = keys.open(sealed, purpose: .state, authenticating: state),
                let pending = decode(opened, state: text)
            else { continue }
            let age = now.since(pending.created)
            return (-Self.skew...lifetime).contains(age) ? pending : nil
        }
        return nil
    }

    /// Removes the cookie of this state.
    func removal(of state: String) -> SetCookie {
        .expiring(name: name(of: state), scope: cookies.stateScope)
    }

    /// Seconds that the wall clock may step back meanwhile.
    private static let skew: Int64 = 60

    /// 16 letters of the state are enough to tell cookies apart; the seal is bound to all of it.
    private func name(of state: String) -> String {
        cookies.statePrefix + String(decoding: state.utf8.prefix(16), as: UTF8.self)
    }

    /// Browsers send older cookies first (RFC 6265, section 5.4), so the first ones go.
    private func surplus(in request: Request, besides added: Int) -> [SetCookie] {
        guard let header = request[.cookie].map(CookieString.init) else { return [] }
        var kept = header.names(prefixed: Array(cookies.statePrefix.utf8)).map { name in
            (name: name, size: header.values(named: Array(name)).reduce(name.count) { $0 + $1.count })
        }
        var removed: [SetCookie] = []
        while removed.count < Self.mostRemoved, !kept.isEmpty,
            kept.count >= Self.mostCookies || kept.reduce(added, { $0 + $1.size }) > Self.mostBytes
        {
            guard let name = String(validating: kept.removeFirst().name, as: UTF8.self) else { continue }
            removed.append(.expiring(name: name, scope: cookies.stateScope))
        }
        return removed
    }
}

/// The form inside the seal: times and sizes in network order, then the texts. The state itself is in the cookie's
/// name and authenticates the seal.
extension PendingSignIns {
    fileprivate func encode(_ pending: PendingSignIn) -> [UInt8] {
        var bytes: [UInt8] = []
        let created = UInt64(bitPattern: pending.created.seconds)
        bytes += stride(from: 56, through: 0, by: -8).map { UInt8(truncatingIfNeeded: created >> $0) }
        let key = pending.proofKey?.scalar?.exposed ?? []
        for part in [
            compact(pending.nonce.utf8), compact(pending.codeVerifier.exposed), Array(pending.provider.utf8), key,
            pending.formerTicket,
        ] {
            bytes.append(UInt8(clamping: part.count))
            bytes += part.prefix(Int(UInt8.max))
        }
        return bytes + pending.returnURL.utf8
    }

    fileprivate func decode(_ bytes: [UInt8], state: String) -> PendingSignIn? {
        var rest = bytes[...]
        guard rest.count >= 8 else { return nil }
        let created = rest.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        rest = rest.dropFirst(8)
        var parts: [ArraySlice<UInt8>] = []
        for _ in 0..<5 {
            guard let count = rest.popFirst(), rest.count >= Int(count) else { return nil }
            parts.append(rest.prefix(Int(count)))
            rest = rest.dropFirst(Int(count))
        }
        var pending = PendingSignIn(
            state: state, nonce: Base64URL.encode(parts[0]), codeVerifier: Secret(Base64URL.encoded(parts[1])),
            provider: String(decoding: parts[2], as: UTF8.self), returnURL: String(decoding: rest, as: UTF8.self),
            created: Timestamp(seconds: Int64(bitPattern: created)),
            proofKey: parts[3].isEmpty ? nil : PrivateKey(scalar: Secret(Array(parts[3]))))
        pending.formerTicket = Array(parts[4])
        return pending
    }

    /// Nonce and verifier are base64url; their bytes take a quarter less room in the cookie.
    private func compact(_ text: some Collection<UInt8>) -> [UInt8] {
        Base64URL.decode(text) ?? []
    }
}

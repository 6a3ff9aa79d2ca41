internal import Crypto
internal import Values
internal import Web

/// The loop breaker: how often in a row this browser came to sign in for the same thing right after it had signed in
/// for it. Nothing hangs on it but the choice between a redirect and a page that says what is wrong, so its cookie
/// needs no seal.
struct Attempts {
    /// Sign-ins that began too soon after one had finished, this one not counted.
    private let count: Int64
    private let finished: Timestamp
    /// What the sign-in is for, as the browser asked for it.
    private let purpose: String
    private let now: Timestamp
    private let cookies: CookieSettings

    /// Seconds after a finished sign-in within which another one is suspicious.
    private static let window: Int64 = 10
    /// The next one in a row shows the page.
    private static let most: Int64 = 2
    private static let never = Timestamp(seconds: 0)

    init(in request: Request, cookies: CookieSettings, now: Timestamp) {
        self.cookies = cookies
        self.now = now
        let name = Array(cookies.attemptsName.utf8)
        let value = request[.cookie].flatMap { CookieString($0).values(named: name).first } ?? []
        let parts = value.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 3, let count = parts[0].decimal, let finished = parts[1].decimal,
            Base64URL.decode(parts[2])?.count == Self.purposeLength
        else {
            self.count = 0
            self.finished = Self.never
            purpose = Self.purpose(of: [])
            return
        }
        self.count = min(count, Self.most)
        self.finished = Timestamp(seconds: finished)
        purpose = String(decoding: parts[2], as: UTF8.self)
    }

    /// Whether another redirect would only go round again.
    func isLoop(for wanted: ArraySlice<UInt8>) -> Bool {
        isRepeated(wanted) && count >= Self.most
    }

    /// For a sign-in that begins: one more of the same, the same from another tab or call of the page, or a new beginning.
    func begun(for wanted: ArraySlice<UInt8>) -> SetCookie {
        let purpose = Self.purpose(of: wanted)
        let isUnderWay = self.purpose == purpose && finished == Self.never
        return cookie(isRepeated(wanted) ? count + 1 : isUnderWay ? count : 0, Self.never, purpose)
    }

    /// For a sign-in that has finished.
    var completed: SetCookie { cookie(count, now, purpose) }

    /// For the page that was shown: the visitor may try again.
    var removal: SetCookie { .expiring(name: cookies.attemptsName, scope: cookies.stateScope) }

    private func isRepeated(_ wanted: ArraySlice<UInt8>) -> Bool {
        (0...Self.window).contains(now.since(finished)) && purpose == Self.purpose(of: wanted)
    }

    private static let purposeLength = 6

    private static func purpose(of wanted: ArraySlice<UInt8>) -> String {
        Base64URL.encode(Array(SHA256.hash(data: Array(wanted)).prefix(purposeLength)))
    }

    private func cookie(_ count: Int64, _ finished: Timestamp, _ purpose: String) -> SetCookie {
        SetCookie(
            name: cookies.attemptsName, value: "\(count).\(finished.seconds).\(purpose)", scope: cookies.stateScope,
            maxAge: 60)
    }
}

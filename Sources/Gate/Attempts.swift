internal import Values
internal import Web

/// The loop breaker: how often in a row this browser came to sign in right after it had signed in. Nothing hangs on
/// it but the choice between a redirect and a page that says what is wrong, so its cookie needs no seal.
struct Attempts {
    /// Sign-ins that began too soon after one had finished, this one not counted.
    private let count: Int64
    private let finished: Timestamp?
    private let now: Timestamp
    private let cookies: CookieSettings

    /// Seconds after a finished sign-in within which another one is suspicious.
    private static let window: Int64 = 10
    /// The next one in a row shows the page.
    private static let most: Int64 = 2

    init(in request: Request, cookies: CookieSettings, now: Timestamp) {
        self.cookies = cookies
        self.now = now
        let name = Array(cookies.attemptsName.utf8)
        let value = request[.cookie].flatMap { CookieString($0).values(named: name).first } ?? []
        let parts = value.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 2, let count = parts[0].decimal, let finished = parts[1].decimal else {
            self.count = 0
            self.finished = nil
            return
        }
        self.count = min(count, Self.most)
        self.finished = Timestamp(seconds: finished)
    }

    private var isTooSoon: Bool {
        finished.map { (0...Self.window).contains(now.since($0)) } ?? false
    }

    /// Whether another redirect would only go round again.
    var isLoop: Bool { isTooSoon && count >= Self.most }

    /// For a sign-in that begins: one more, or a new beginning.
    var begun: [SetCookie] {
        guard let finished else { return [] }
        return isTooSoon ? [cookie(count + 1, finished)] : [removal]
    }

    /// For a sign-in that has finished.
    var completed: SetCookie { cookie(count, now) }

    /// For the page that was shown: the visitor may try again.
    var removal: SetCookie { .expiring(name: cookies.attemptsName, scope: cookies.stateScope) }

    private func cookie(_ count: Int64, _ finished: Timestamp) -> SetCookie {
        SetCookie(
            name: cookies.attemptsName, value: "\(count).\(finished.seconds)", scope: cookies.stateScope, maxAge: 60)
    }
}

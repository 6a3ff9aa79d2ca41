import Testing
import Values
import Web

@testable import Gate

@Suite("Attempts")
struct AttemptsTests {
    private let cookies = CookieSettings(name: "__Host-postern", scope: SetCookie.Scope())
    private let page = Array("/report?x=1".utf8)[...]

    private func attempts(_ value: String?, at seconds: Int64) -> Attempts {
        let request = makeRequest(cookie: value.map { "\(cookies.attemptsName)=\($0)" })
        return Attempts(in: request, cookies: cookies, now: Timestamp(seconds: seconds))
    }

    /// The cookie after so many rounds of signing in for these pages, two seconds each, from second 100 on.
    private func rounds(_ count: Int64, for pages: ArraySlice<UInt8>...) -> String {
        var value: String?
        for round in 0..<count {
            let wanted = pages[Int(round) % pages.count]
            let begun = attempts(value, at: 100 + round * 2)
            #expect(!begun.isLoop(for: wanted))
            value = begun.begun(for: wanted).value
            value = attempts(value, at: 101 + round * 2).completed.value
        }
        return value ?? ""
    }

    @Test("Going round for the same thing is a loop the fourth time, and begins anew once the page was shown")
    func loop() {
        let value = rounds(3, for: page)
        #expect(attempts(value, at: 106).isLoop(for: page))
        #expect(attempts(value, at: 106).removal.maxAge == 0)
    }

    @Test("Signing in for one thing after another is none")
    func different() {
        #expect(!attempts(rounds(8, for: page, Array("/other".utf8)[...]), at: 117).isLoop(for: page))
    }

    @Test("Many tabs that finish at once are none")
    func tabs() {
        var value: String? = attempts(nil, at: 99).begun(for: page).value
        for _ in 0..<20 { value = attempts(value, at: 100).completed.value }
        #expect(!attempts(value, at: 101).isLoop(for: page))
    }

    @Test("Tabs that all begin once more count once, and make the next round no loop")
    func again() {
        var value: String? = rounds(1, for: page)
        for _ in 0..<20 { value = attempts(value, at: 102).begun(for: page).value }
        for _ in 0..<20 { value = attempts(value, at: 103).completed.value }
        #expect(!attempts(value, at: 104).isLoop(for: page))
        value = attempts(value, at: 104).begun(for: page).value
        value = attempts(value, at: 105).completed.value
        #expect(attempts(value, at: 106).isLoop(for: page), "but a loop of them is one")
    }

    @Test("Signing in again after a while starts the count anew")
    func later() {
        let value = rounds(3, for: page)
        #expect(!attempts(value, at: 116).isLoop(for: page))
        #expect(attempts(value, at: 116).begun(for: page).value.hasPrefix("0.0."))
    }

    @Test(
        "A value that is not ours counts nothing",
        arguments: ["", "9", "a.b.c", "-1.5.AAAAAAAA", "9.9.9.9", "99999999999999999999.1.AAAAAAAA", "9.100.AAAA"])
    func hostile(value: String) {
        #expect(!attempts(value, at: 101).isLoop(for: page))
    }

    @Test("A clock that stepped back makes no loop")
    func clock() {
        #expect(!attempts(rounds(3, for: page), at: 10).isLoop(for: page))
    }
}

import Testing
import Values
import Web

@testable import Gate

@Suite("Attempts")
struct AttemptsTests {
    private let cookies = CookieSettings(name: "__Host-postern", scope: SetCookie.Scope())

    private func attempts(_ value: String?, at seconds: Int64) -> Attempts {
        let request = makeRequest(cookie: value.map { "\(cookies.attemptsName)=\($0)" })
        return Attempts(in: request, cookies: cookies, now: Timestamp(seconds: seconds))
    }

    @Test("Going round three times within seconds is a loop, and begins anew once the page was shown")
    func loop() {
        var value: String?
        for round in 0..<3 {
            let begun = attempts(value, at: Int64(round) * 2)
            #expect(!begun.isLoop)
            value = begun.begun.first?.value ?? value
            value = attempts(value, at: Int64(round) * 2 + 1).completed.value
        }
        let last = attempts(value, at: 6)
        #expect(last.isLoop)
        #expect(last.removal.maxAge == 0)
    }

    @Test("Many tabs that finish at once are no loop")
    func tabs() {
        var value: String?
        for _ in 0..<20 { value = attempts(value, at: 100).completed.value }
        #expect(!attempts(value, at: 101).isLoop)
    }

    @Test("Signing in again after a while starts the count anew")
    func later() {
        #expect(!attempts("2.100", at: 111).isLoop)
        #expect(attempts("2.100", at: 111).begun.first?.maxAge == 0)
        #expect(attempts("2.100", at: 110).isLoop)
    }

    @Test(
        "A value that is not ours counts nothing",
        arguments: ["", "9", "a.b", "-1.5", "9.9.9", "99999999999999999999.1"])
    func hostile(value: String) {
        #expect(!attempts(value, at: 1).isLoop)
    }

    @Test("A clock that stepped back makes no loop")
    func clock() {
        #expect(!attempts("2.1000", at: 10).isLoop)
    }
}

import Testing

@testable import Gate

@Suite("Language")
struct LanguageTests {
    @Test(
        "The best of the languages that we have wins, English where none does",
        arguments: [
            ("", "en"), ("ko", "ko"), ("ko-KR,ko;q=0.9,en;q=0.8", "ko"), ("en-GB,en;q=0.9,ko;q=0.8", "en"),
            ("de,ko;q=0.3,en;q=0.31", "en"), ("de,fr;q=0.9", "en"), ("KO-kr", "ko"), ("ko;q=0,en;q=0.1", "en"),
            ("ko;q=0", "en"), ("ko;q=zzz", "en"), ("kok", "en"), (",,;;=,ko;q=1.000", "ko"), ("ko;q=0.001", "ko"),
        ])
    func choice(header: String, expected: String) {
        #expect(Language(of: makeRequest(extra: [("HTTP_ACCEPT_LANGUAGE", header)])).rawValue == expected)
    }
}

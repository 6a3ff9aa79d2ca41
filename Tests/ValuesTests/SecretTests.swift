import Testing
import Values

struct SecretTests {
    private struct Holder {
        let secret: Secret
    }

    @Test("A secret shows in no description, dump or interpolation, nor does what holds it")
    func redacted() {
        let secret = Secret("hunter2")
        var dumped = ""
        dump(Holder(secret: secret), to: &dumped)
        for text in [
            "\(secret)", String(reflecting: secret), "\(Holder(secret: secret))", "\([secret])", dumped,
            "\(Optional(secret) as Any)",
        ] {
            #expect(!text.contains("hunter") && !text.contains("104, 117"), "\(text)")
        }
        #expect("\(secret)" == "redacted")
        #expect(secret.exposed == Array("hunter2".utf8))
    }

    @Test("Equal in constant time means equal")
    func equality() {
        #expect(equalInConstantTime([1, 2, 3], [1, 2, 3]))
        #expect(!equalInConstantTime([1, 2, 3], [1, 2, 4]))
        #expect(!equalInConstantTime([1, 2, 3], [0, 2, 3]))
        #expect(!equalInConstantTime([1, 2, 3], [1, 2]))
        #expect(equalInConstantTime([], []))
    }
}

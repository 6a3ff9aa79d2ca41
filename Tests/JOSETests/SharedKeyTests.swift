import Testing
import Values

@testable import JOSE

@Suite("A secret that both sides know signs")
struct SharedKeyTests {
    private let key = SharedKey(Secret("s3cret&="))

    @Test("A token of HS256 is the one that another implementation makes")
    func known() {
        let token = key.sign(["n": .integer(1), "iss": .string("a")], header: ["typ": .string("JWT")])
        #expect(
            token
                == "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJhIiwibiI6MX0."
                + "u-dI6xIHegleBUjgF6uTgshU1u4D7R5gVxQ7PE9om84")
    }

    @Test("JOSE-01: the header says how it was signed, whatever else it was to say")
    func algorithm() throws {
        let token = try #require(CompactToken(key.sign([:], header: ["alg": .string("none")])))
        #expect(token.algorithm == "HS256")
    }

    @Test("JOSE-02: what it signed is never taken for a provider's")
    func neverVerified() throws {
        let token = try #require(CompactToken(key.sign(["sub": .string("alice")])))
        let keys = try #require(try keySet(SigningKey.made(for: .rs256).published()))
        #expect(throws: TokenError.algorithmRefused) {
            try keys.verify(token, allowed: Set(SignatureAlgorithm.allCases))
        }
    }
}

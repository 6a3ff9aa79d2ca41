import Crypto
import Identity
import JOSE
import TestSupport
import Testing
import Values

@testable import OpenIDConnect

@Suite("The claims of an ID token are checked one by one")
struct IDTokenTests {
    private let now = Timestamp(seconds: ManualClock.start)

    @Test("A good token is taken, its subject and claims with it")
    func good() throws {
        let token = try token()
        #expect(token.subject == "s-1")
        #expect(token.claims["email"] == .string("alice@example.com"))
    }

    @Test("JOSE: a subject is 1 to 255 printable ASCII characters")
    func subject() {
        for value: JSONValue? in [nil, .null, .string(""), .integer(1), .string("a\nb"), .string("é"), long(256)] {
            #expect(throws: SignInFailure.self, "\(String(describing: value))") { try token(["sub": value]) }
        }
        #expect(throws: Never.self) { try token(["sub": long(255)]) }
    }

    @Test("JOSE: another issuer is refused, by one byte even")
    func issuer() {
        for value: JSONValue? in [nil, .string("https://op.test/realm/"), .string("https://evil.test"), .array([])] {
            #expect(throws: SignInFailure.invalidToken("iss is not the issuer")) { try token(["iss": value]) }
        }
    }

    @Test("JOSE: the audience is us, alone or with an azp that says so")
    func audience() {
        let (us, them) = (JSONValue.string("postern id"), JSONValue.string("other"))
        let good: [[String: JSONValue?]] = [
            ["aud": us], ["aud": .array([us])], ["aud": .array([us, them]), "azp": us], ["aud": us, "azp": us],
        ]
        let bad: [[String: JSONValue?]] = [
            ["aud": absent], ["aud": them], ["aud": .array([])], ["aud": .array([them])],
            ["aud": .array([us, them])],
            ["aud": .array([us, them]), "azp": them], ["aud": us, "azp": them], ["aud": us, "azp": .null],
            ["aud": .string("POSTERN ID")], ["aud": .object(["postern id": us])],
        ]
        for claims in good { #expect(throws: Never.self, "\(claims)") { try token(claims) } }
        for claims in bad { #expect(throws: SignInFailure.self, "\(claims)") { try token(claims) } }
    }

    @Test("JOSE: times are numbers, with a minute's leeway, and a token is a day old at most")
    func times() {
        let at = { (offset: Int64) in JSONValue.integer(now.seconds + offset) }
        let good: [[String: JSONValue?]] = [
            ["exp": at(-59)], ["iat": at(60)], ["iat": at(-86_400)], ["nbf": at(60)],
            ["exp": .number(Double(now.seconds) + 0.5)], ["exp": .integer(253_402_300_799)],
        ]
        let bad: [[String: JSONValue?]] = [
            ["exp": absent], ["exp": at(-60)], ["exp": .string("\(now.seconds + 300)")], ["exp": .bool(true)],
            ["exp": .number(1e300)], ["exp": .integer(.max)], ["exp": .integer(-1)], ["iat": absent],
            ["iat": at(61)], ["iat": at(-86_401)], ["iat": .null], ["nbf": at(61)], ["nbf": .string("soon")],
        ]
        for claims in good { #expect(throws: Never.self, "\(claims)") { try token(claims) } }
        for claims in bad { #expect(throws: SignInFailure.self, "\(claims)") { try token(claims) } }
    }

    @Test("JOSE: the nonce is the one that was sent; at a refresh none is asked for")
    func nonce() {
        for value: JSONValue? in [
            nil, .string(""), .string("n-2"), .string("n-1 "), .integer(1), .array([.string("n-1")]),
        ] {
            #expect(throws: SignInFailure.invalidToken("nonce is not the one we sent")) { try token(["nonce": value]) }
        }
        #expect(throws: Never.self) { try token(["nonce": absent], nonce: nil) }
    }

    @Test(
        "JOSE: at_hash may be missing, and must fit the access token if it is there",
        arguments: [
            SignatureAlgorithm.es256, .rs384, .edDSA,
        ])
    func accessTokenHash(algorithm: SignatureAlgorithm) {
        let bytes = Array("access".utf8)
        let hash: [UInt8] =
            switch algorithm.digest {
            case .sha256: Array(SHA256.hash(data: bytes))
            case .sha384: Array(SHA384.hash(data: bytes))
            case .sha512: Array(SHA512.hash(data: bytes))
            }
        let half = JSONValue.string(Base64URL.encode(hash.prefix(hash.count / 2)))
        #expect(throws: Never.self) { try token(["at_hash": half], algorithm: algorithm) }
        for wrong in [JSONValue.string(Base64URL.encode(hash)), .string(""), .null, .integer(0)] {
            #expect(throws: SignInFailure.self) { try token(["at_hash": wrong], algorithm: algorithm) }
        }
    }

    @Test("A payload that is no object is refused", arguments: ["[]", "null", "\"x\"", "", "{"])
    func payload(text: String) {
        #expect(throws: SignInFailure.self) { try IDToken(verified: Array(text.utf8), .es256, expectation("n-1")) }
    }

    @discardableResult
    private func token(
        _ more: [String: JSONValue?] = [:], nonce: String? = "n-1", algorithm: SignatureAlgorithm = .es256
    ) throws -> IDToken {
        let payload = Array(JSONValue.object(goodClaims(now, more)).text.utf8)
        return try IDToken(verified: payload, algorithm, expectation(nonce))
    }

    private func expectation(_ nonce: String?) -> IDToken.Expectation {
        IDToken.Expectation(
            issuer: ScriptedProvider.issuer, clientID: "postern id", nonce: nonce, accessToken: Secret("access"),
            now: now)
    }

    private func long(_ count: Int) -> JSONValue {
        .string(String(repeating: "s", count: count))
    }
}

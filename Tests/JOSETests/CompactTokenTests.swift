import Testing
import Values

@testable import JOSE

@Suite("A compact token is taken apart strictly")
struct CompactTokenTests {
    @Test("Its header, payload, signature and the bytes that were signed")
    func parts() throws {
        let (header, payload) = (#"{"alg":"ES256","kid":"k1"}"#, #"{"sub":"alice"}"#)
        let text = "\(Base64URL.encode(header.utf8)).\(Base64URL.encode(payload.utf8)).AQID"
        let token = try #require(CompactToken(text))
        #expect(token.algorithm == "ES256")
        #expect(token.keyID == "k1")
        #expect(token.payload == Array(payload.utf8))
        #expect(token.claimsOnceVerified == Array(payload.utf8))
        #expect(token.signature == [1, 2, 3])
        #expect(token.signedBytes == Array(text.utf8.dropLast(5)))
    }

    @Test("A kid may be missing")
    func noKeyID() throws {
        #expect(try #require(CompactToken(token(#"{"alg":"ES256"}"#))).keyID == nil)
    }

    @Test(
        "JOSE: a header that is no object, lacks alg, has a member twice, or demands what we do not know is refused",
        arguments: [
            #"{}"#, #"[]"#, #""ES256""#, #"{"alg":1}"#, #"{"alg":null}"#, #"{"alg":["ES256"]}"#,
            #"{"alg":"ES256","kid":7}"#, #"{"alg":"ES256","kid":null}"#,
            #"{"alg":"ES256","crit":["exp"]}"#, #"{"alg":"ES256","crit":[]}"#, #"{"alg":"ES256"} x"#, "",
        ])
    func badHeader(header: String) {
        #expect(CompactToken(token(header)) == nil)
    }

    @Test(
        "JOSE: what is not three parts of strict base64url is refused",
        arguments: [
            "", ".", "..", "...", "eyJhbGciOiJFUzI1NiJ9.e30", "eyJhbGciOiJFUzI1NiJ9.e30.AQID.AQID",
            "eyJhbGciOiJFUzI1NiJ9.e30.AQID.", "eyJhbGciOiJFUzI1NiJ9.e30=.AQID", "eyJhbGciOiJFUzI1NiJ9.e3+0.AQID",
            "eyJhbGciOiJFUzI1NiJ9.e30.AQID\n", " eyJhbGciOiJFUzI1NiJ9.e30.AQID", "eyJhbGciOiJFUzI1NiJ9.e31.AQID",
            #"{"payload":"e30","signatures":[]}"#,
        ])
    func badForm(text: String) {
        #expect(CompactToken(text) == nil)
    }

    @Test("A token over the limit is not looked at")
    func tooLong() {
        let head = token(#"{"alg":"ES256"}"#).dropLast(4)
        let fits = head + String(repeating: "A", count: (CompactToken.limit - head.utf8.count) / 4 * 4)
        #expect(CompactToken(String(fits)) != nil)
        #expect(CompactToken(String(fits + "AAAA" + "AAAA")) == nil)
    }

    private func token(_ header: String) -> String {
        "\(Base64URL.encode(header.utf8)).e30.AQID"
    }
}

import Crypto
import JOSE
import Sessions
import TestSupport
import Testing
import Values

@testable import Gate

@Suite("The keys that assertions are signed with")
struct AssertionKeysTests {
    private let start = Timestamp(seconds: ManualClock.start)
    private static let delay: Int64 = 3600
    private static let lifetime: Int64 = 120
    /// Seconds that a key stays after it signed last.
    private static let stay: Int64 = 120 + 300

    @Test("The key of a ring of one signs at once, and is published at once", arguments: [0, 3600] as [Int64])
    func first(delay: Int64) {
        let keys = keys(KeyRing([key(1)]), delay: delay)
        #expect(keys.published(at: start).count == 1)
        #expect(keys.published(at: start).first?["kid"] == .string(keys.signing(at: start).name))
        #expect(keys.signing(at: start.adding(10 * 86_400)).name == keys.signing(at: start).name)
        #expect(keys.published(at: start.adding(10 * 86_400)).count == 1)
    }

    @Test("A new key is published at once, and signs exactly when the delay is over")
    func newKey() {
        let (old, new) = (name(1), name(2))
        let keys = keys(KeyRing([key(2, 1000), key(1)]))
        #expect(published(keys, 1000) == [new, old])
        #expect(signing(keys, 1000) == old && signing(keys, 1000 + Self.delay - 1) == old)
        #expect(signing(keys, 1000 + Self.delay) == new && signing(keys, 100_000) == new)
    }

    @Test("Without a delay a new key signs in the second that it is made in")
    func noDelay() {
        let keys = keys(KeyRing([key(2, 1000), key(1)]), delay: 0)
        #expect(signing(keys, 1000) == name(2) && published(keys, 1000) == [name(2), name(1)])
        #expect(published(keys, 1000 + Self.stay - 1).count == 2 && published(keys, 1000 + Self.stay) == [name(2)])
    }

    @Test("The key before stays published until nothing that it signed is good any more, for a clock 300 s behind")
    func oldKey() {
        let keys = keys(KeyRing([key(2, 1000), key(1)]))
        let last = 1000 + Self.delay
        #expect(published(keys, last + Self.stay - 1) == [name(2), name(1)])
        #expect(published(keys, last + Self.stay) == [name(2)])
        #expect(published(keys, last + 1_000_000) == [name(2)])
    }

    @Test("After several rotations within the delay each key signs in its turn, and each is published before and after")
    func severalRotations() {
        let keys = keys(KeyRing([key(4, 1200), key(3, 1100), key(2, 1000), key(1)]))
        let turns = [(Self.delay - 1, 1), (Self.delay, 2), (Self.delay + 99, 2), (Self.delay + 100, 3)]
        for (seconds, number) in turns + [(Self.delay + 199, 3), (Self.delay + 200, 4)] {
            #expect(signing(keys, 1000 + seconds) == name(UInt8(number)), "\(seconds)")
            #expect(published(keys, 1000 + seconds) == [4, 3, 2, 1].map(name), "\(seconds)")
        }
        let gone = 1000 + Self.delay + Self.stay
        #expect(published(keys, gone - 1).count == 4)
        #expect(published(keys, gone) == [4, 3, 2].map(name))
        #expect(published(keys, gone + 100) == [4, 3].map(name))
        #expect(published(keys, gone + 199) == [4, 3].map(name) && published(keys, gone + 200) == [name(4)])
    }

    @Test("Where none has been published long enough the oldest signs; a clock that stepped back changes nothing else")
    func noneOldEnough() {
        let keys = keys(KeyRing([key(3, 20), key(2, 10), key(1)]))
        #expect(signing(keys, 30) == name(1) && published(keys, 30) == [3, 2, 1].map(name))
        #expect(signing(keys, -100_000) == name(1) && published(keys, -100_000) == [3, 2, 1].map(name))
    }

    @Test("The same ring gives the same keys in every process", arguments: [SignatureAlgorithm.es256, .edDSA])
    func processes(algorithm: SignatureAlgorithm) {
        let (one, other) = (
            keys(KeyRing([key(2, 9), key(1)]), algorithm), keys(KeyRing([key(2, 9), key(1)]), algorithm)
        )
        #expect(one.published(at: start.adding(9)) == other.published(at: start.adding(9)))
        #expect(one.published(at: start.adding(9)).count == 2)
        #expect(one.signing(at: start).name == other.signing(at: start).name)
    }

    @Test("Every key of a ring, and every algorithm, has a key of its own")
    func different() {
        let names = [SignatureAlgorithm.es256, .edDSA].flatMap { algorithm in
            [1, 2, 3].map { name($0, algorithm) }
        }
        #expect(Set(names).count == 6)
    }

    @Test("A ring that was replaced is noticed")
    func replaced() {
        let ring = KeyRing([key(1)])
        let keys = keys(ring)
        #expect(published(keys, 0) == [name(1)])
        ring.replace([key(2, 50), key(1)])
        #expect(published(keys, 50) == [name(2), name(1)] && signing(keys, 50) == name(1))
        ring.replace([key(3)])
        #expect(published(keys, 60) == [name(3)] && signing(keys, 60) == name(3))
    }

    @Test(
        "LEAK-01: a published key has these members, the thumbprint for its name, and nothing of the private half",
        arguments: [SignatureAlgorithm.es256, .edDSA])
    func members(algorithm: SignatureAlgorithm) throws {
        let ring = KeyRing([key(1)])
        let published = try #require(keys(ring, algorithm).published(at: start).first?.object)
        let isCurve = algorithm == .es256
        #expect(Set(published.keys) == Set(["kid", "alg", "use", "kty", "crv", "x"] + (isCurve ? ["y"] : [])))
        #expect(published["kty"] == .string(isCurve ? "EC" : "OKP"))
        #expect(published["crv"] == .string(isCurve ? "P-256" : "Ed25519"))
        #expect(published["alg"] == .string(isCurve ? "ES256" : "EdDSA") && published["use"] == .string("sig"))
        let (x, y) = (published["x"]?.string ?? "", published["y"]?.string ?? "")
        // RFC 7638, section 3.2; RFC 8037, section 2.
        let canonical =
            isCurve
            ? #"{"crv":"P-256","kty":"EC","x":"\#(x)","y":"\#(y)"}"# : #"{"crv":"Ed25519","kty":"OKP","x":"\#(x)"}"#
        #expect(published["kid"] == .string(Base64URL.encode(Array(SHA256.hash(data: Array(canonical.utf8))))))
        let private256 = try #require(ring.secrets(.assertion, algorithm.rawValue).secrets.first?.secret.exposed)
        #expect(!JSONValue.object(published).text.contains(Base64URL.encode(private256)))
    }

    private func key(_ number: UInt8, _ seconds: Int64 = 0) -> RingKey {
        RingKey(created: start.adding(seconds), secret: Secret([UInt8](repeating: number, count: 32)))
    }

    private func keys(
        _ ring: KeyRing, _ algorithm: SignatureAlgorithm = .es256, delay: Int64 = Self.delay
    ) -> AssertionKeys {
        AssertionKeys(ring, algorithm: algorithm, delay: delay, lifetime: Self.lifetime)
    }

    /// The name of the only key of a ring.
    private func name(_ number: UInt8, _ algorithm: SignatureAlgorithm) -> String {
        keys(KeyRing([key(number)]), algorithm).signing(at: start).name
    }

    private func name(_ number: UInt8) -> String { name(number, .es256) }

    private func signing(_ keys: AssertionKeys, _ seconds: Int64) -> String {
        keys.signing(at: start.adding(seconds)).name
    }

    private func published(_ keys: AssertionKeys, _ seconds: Int64) -> [String] {
        keys.published(at: start.adding(seconds)).compactMap { $0["kid"]?.string }
    }
}

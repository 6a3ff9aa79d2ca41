import Testing
import Values

@testable import Sessions

@Suite("The key ring seals with its newest key and opens with all")
struct KeyRingTests {
    private let ring = KeyRing([ringKey(1)])
    private let text = Array("a session".utf8)

    @Test("What was sealed opens again, and no two seals are alike")
    func roundTrip() {
        let sealed = ring.seal(text, purpose: .record, authenticating: [1], with: [2])
        #expect(ring.open(sealed, purpose: .record, authenticating: [1], with: [2]) == text)
        #expect(sealed != ring.seal(text, purpose: .record, authenticating: [1], with: [2]))
    }

    @Test("SES: nothing opens with another purpose, secret, context or key, nor when a byte was changed")
    func refused() {
        let sealed = ring.seal(text, purpose: .record, authenticating: [1], with: [2])
        for purpose in Purpose.allCases where purpose != .record {
            #expect(ring.open(sealed, purpose: purpose, authenticating: [1], with: [2]) == nil)
        }
        #expect(ring.open(sealed, purpose: .record, authenticating: [1]) == nil)
        #expect(ring.open(sealed, purpose: .record, authenticating: [1], with: [3]) == nil)
        #expect(ring.open(sealed, purpose: .record, authenticating: [], with: [2]) == nil)
        #expect(KeyRing([ringKey(2)]).open(sealed, purpose: .record, authenticating: [1], with: [2]) == nil)
        for index in sealed.indices {
            var bent = sealed
            bent[index] ^= 1
            #expect(ring.open(bent, purpose: .record, authenticating: [1], with: [2]) == nil, "byte \(index)")
            #expect(ring.open(Array(sealed.prefix(index)), purpose: .record, authenticating: [1], with: [2]) == nil)
        }
    }

    @Test("SES: a rotated ring opens what the old key sealed, and seals with the new one")
    func rotation() {
        let sealed = ring.seal(text, purpose: .state, authenticating: [])
        let rotated = KeyRing([ringKey(2), ringKey(1)])
        #expect(rotated.open(sealed, purpose: .state, authenticating: []) == text)
        #expect(
            ring.open(rotated.seal(text, purpose: .state, authenticating: []), purpose: .state, authenticating: [])
                == nil)
        ring.replace([ringKey(2), ringKey(1)])
        #expect(
            ring.open(rotated.seal(text, purpose: .state, authenticating: []), purpose: .state, authenticating: [])
                == text)
    }

    @Test("A code is ours for these bytes and this purpose only, whole or cut to sixteen bytes")
    func authenticator() {
        let code = ring.authenticator(of: text, purpose: .ticket)
        #expect(ring.isAuthentic(code, for: text, purpose: .ticket))
        #expect(ring.isAuthentic(code.prefix(16), for: text, purpose: .ticket))
        #expect(KeyRing([ringKey(2), ringKey(1)]).isAuthentic(code, for: text, purpose: .ticket))
        #expect(!ring.isAuthentic(code.prefix(15), for: text, purpose: .ticket))
        #expect(!ring.isAuthentic([UInt8](), for: text, purpose: .ticket))
        #expect(!ring.isAuthentic(code + [0], for: text, purpose: .ticket))
        #expect(!ring.isAuthentic(code, for: text, purpose: .signOut))
        #expect(!ring.isAuthentic(code, for: text + [0], purpose: .ticket))
        #expect(!KeyRing([ringKey(2)]).isAuthentic(code, for: text, purpose: .ticket))
    }

    @Test("SES: every key has 32 secret bytes for each purpose and label, newest first, and all are different")
    func secrets() {
        let rotated = KeyRing([ringKey(2, created: 9), ringKey(1)])
        let all = Purpose.allCases.flatMap { purpose in
            ["ES256", "EdDSA", "", "es256"].flatMap { rotated.secrets(purpose, $0).secrets }
        }
        #expect(all.count == 2 * 4 * Purpose.allCases.count && all.allSatisfy { $0.secret.exposed.count == 32 })
        #expect(Set(all.map(\.secret.exposed)).count == all.count)
        #expect(!all.contains { [ringKey(1), ringKey(2)].map(\.secret.exposed).contains($0.secret.exposed) })
        #expect(rotated.secrets(.assertion, "ES256").secrets.map(\.created.seconds) == [9, 0])
        let again = KeyRing([ringKey(1)]).secrets(.assertion, "ES256").secrets
        #expect(again.map(\.secret.exposed) == [rotated.secrets(.assertion, "ES256").secrets[1].secret.exposed])
    }

    @Test("Whoever keeps secrets is told by a number that the keys were replaced")
    func generation() {
        let first = ring.secrets(.assertion, "x").generation
        #expect(ring.secrets(.record, "y").generation == first)
        ring.replace([ringKey(2), ringKey(1)])
        let second = ring.secrets(.assertion, "x")
        #expect(second.generation != first && second.secrets.count == 2)
        ring.replace([ringKey(1)])
        let third = ring.secrets(.assertion, "x").generation
        #expect(third != second.generation && third != first, "also when the keys are those of before")
    }
}

@Suite("The key file has a line for each key")
struct KeyFileTests {
    @Test("What is written is read again")
    func roundTrip() throws {
        let keys = [ringKey(2, created: 9), ringKey(1)]
        let read = try KeyFile.parse(Array(KeyFile.text(of: keys).utf8))
        #expect(read.map(\.secret.exposed) == keys.map(\.secret.exposed))
        #expect(read.map(\.created) == keys.map(\.created))
    }

    @Test(
        "A line that is no key is named; an empty file is none",
        arguments: [
            ("v2 0 AAAA\n", 1), ("v1 0 AAAA\n", 1), ("v1 x \(String(repeating: "A", count: 43))\n", 1),
            ("v1 0 \(String(repeating: "A", count: 43))\nrubbish\n", 2), ("v1 0\n", 1),
        ])
    func malformed(text: String, line: Int) {
        #expect(throws: KeyFile.Failure.malformed(line: line)) { try KeyFile.parse(Array(text.utf8)) }
        #expect(throws: KeyFile.Failure.empty) { try KeyFile.parse([]) }
    }

    @Test("A rotation puts a new key in front and drops those that no session can need any more")
    func rotation() {
        let hour: Int64 = 3600
        let keys = [ringKey(3, created: 100 * hour), ringKey(2, created: 50 * hour), ringKey(1, created: 0)]
        let rotated = KeyFile.rotated(
            keys, now: Timestamp(seconds: 110 * hour), lifetime: 12 * hour, entropy: .system)
        // Key 3 is ten hours old: what key 2 sealed before may live. What key 1 sealed is long over.
        #expect(rotated.map(\.created.seconds) == [110 * hour, 100 * hour, 50 * hour])
        #expect(rotated[0].secret.exposed.count == 32 && rotated[0].secret.exposed != ringKey(3).secret.exposed)
    }
}

import Identity
import TestSupport
import Testing
import Values

@testable import Sessions

@Suite("A session in bytes")
struct SessionTests {
    private let now = Timestamp(seconds: ManualClock.start)

    @Test("It reads as it was written, with everything optional and without")
    func roundTrip() throws {
        var full = session(now)
        full.seen = now.adding(5)
        full.obtained = now.adding(3)
        let bare = Session(
            identity: Identity(provider: "", issuer: "", subject: "", username: ""), accessToken: Secret(""),
            refreshToken: nil, idToken: nil, accessExpires: nil, created: now, expires: .distantFuture)
        for session in [full, bare] {
            let read = try #require(Session(encoded: session.encoded))
            #expect(read == session)
            #expect(read.identity == session.identity)
            #expect(read.refreshToken?.exposed == session.refreshToken?.exposed)
            #expect(read.accessExpires == session.accessExpires && read.expires == session.expires)
            #expect(read.seen == session.seen && read.obtained == session.obtained)
        }
    }

    @Test("A part of it, more than it, and another version are no session")
    func malformed() {
        let bytes = session(now).encoded
        for count in bytes.indices { #expect(Session(encoded: Array(bytes.prefix(count))) == nil, "\(count) bytes") }
        #expect(Session(encoded: bytes + [0]) == nil)
        #expect(Session(encoded: [3] + bytes.dropFirst()) == nil)
    }

    @Test("Bytes of any kind end neither the process nor its patience")
    func fuzz() {
        let bytes = session(now).encoded
        for seed in 0..<2000 {
            var bent = bytes
            let place = seed * 7919 % bent.count
            for index in place..<min(bent.count, place + 1 + seed % 9) {
                bent[index] = UInt8(truncatingIfNeeded: seed &* 31 &+ index)
            }
            _ = Session(encoded: bent)
        }
        let endless = Array(bytes.prefix(1 + 4 * 8)) + [UInt8](repeating: 0xFF, count: 64)
        #expect(Session(encoded: endless) == nil)
    }

    @Test("Tokens are due before their end, but not before half of their time is over")
    func refreshDue() {
        #expect(SessionMoments(of: session(now, accessSeconds: 300)).refreshDue(before: 60) == now.adding(240))
        #expect(SessionMoments(of: session(now, accessSeconds: 20)).refreshDue(before: 60) == now.adding(10))
        #expect(SessionMoments(of: session(now, accessSeconds: nil)).refreshDue(before: 60) == .distantFuture)
    }
}

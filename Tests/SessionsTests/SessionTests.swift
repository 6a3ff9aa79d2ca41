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
        full.recheck = now.adding(3600)
        full.proofKey = Secret([UInt8](repeating: 7, count: 32))
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
            #expect(read.recheck == session.recheck && read.proofKey?.exposed == session.proofKey?.exposed)
        }
    }

    @Test("What version 1 wrote, which ended with the claims, is still read")
    func versionOne() throws {
        let bytes = session(now).encoded
        #expect(bytes.first == 1, "what has nothing more to say can be read by a Postern of before")
        let read = try #require(Session(encoded: bytes))
        #expect(read == session(now) && read.recheck == nil && read.proofKey == nil)
        #expect(Session(encoded: [2] + bytes.dropFirst() + [0, 0]) != nil)
        #expect(Session(encoded: bytes + [0, 0]) == nil, "it has nothing behind them")
        #expect(Session(encoded: [0] + bytes.dropFirst()) == nil)
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

    @Test("A session that has nothing to refresh is due when its person is asked about again, and no later than tokens")
    func recheckDue() {
        var bare = session(now, accessSeconds: 300, refreshToken: nil)
        #expect(SessionMoments(of: bare).refreshableUntil == nil)
        bare.recheck = now.adding(3600)
        #expect(SessionMoments(of: bare).refreshableUntil == now.adding(3600))
        #expect(SessionMoments(of: bare).refreshDue(before: 60) == now.adding(3540))
        var both = session(now, accessSeconds: 300)
        both.recheck = now.adding(3600)
        #expect(SessionMoments(of: both).refreshableUntil == now.adding(300))
        both.recheck = now.adding(100)
        #expect(SessionMoments(of: both).refreshableUntil == now.adding(100))
    }
}

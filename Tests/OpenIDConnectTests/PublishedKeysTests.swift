import Glibc
import JOSE
import TestSupport
import Testing
import Values
import Web

@testable import OpenIDConnect

@Suite("The provider's keys are fetched when a token names a new one, and not for every made-up name")
struct PublishedKeysTests {
    private let clock = ManualClock()
    private let provider = ScriptedProvider()

    @Test("Keys are kept ten minutes")
    func lifetime() throws {
        let keys = PublishedKeys(clock: clock.clock)
        keys.prepare(fetch: fetch)
        try verify(keys)
        clock.advance(milliseconds: PublishedKeys.lifetime - 1)
        try verify(keys)
        #expect(fetches == 1)
        clock.advance(milliseconds: 1)
        try verify(keys)
        #expect(fetches == 2)
    }

    @Test("JOSE: a new key is believed at once, a withdrawn one no longer than ten minutes")
    func rotation() throws {
        let keys = PublishedKeys(clock: clock.clock)
        let old = try token()
        keys.prepare(fetch: fetch)
        clock.advance(seconds: 1)
        provider.changeKey(to: "k2")
        provider.publishKeys()
        try verify(keys)
        #expect(fetches == 2)
        #expect(throws: SignInFailure.self) { try verify(keys, old) }
    }

    @Test("DISC: made-up names cause two fetches in ten seconds at most")
    func vain() throws {
        let keys = PublishedKeys(clock: clock.clock)
        keys.prepare(fetch: fetch)
        provider.changeKey(to: "made-up")
        let forged = try token()
        for _ in 0..<50 {
            clock.advance(milliseconds: 100)
            #expect(throws: SignInFailure.invalidToken("no key of the provider has this kid")) {
                try verify(keys, forged)
            }
        }
        #expect(fetches == 3, "the first was no fetch in vain")
        clock.advance(seconds: 11)
        #expect(throws: SignInFailure.self) { try verify(keys, forged) }
        #expect(fetches == 4)
    }

    @Test("DISC: nor do many who come at once cause more than two")
    func vainAtOnce() async throws {
        let keys = PublishedKeys(clock: clock.clock)
        keys.prepare(fetch: fetch)
        provider.changeKey(to: "made-up")
        let forged = try token()
        await withTaskGroup { group in
            for _ in 0..<16 {
                group.addTask {
                    #expect(throws: SignInFailure.invalidToken("no key of the provider has this kid")) {
                        try verify(keys, forged)
                    }
                }
            }
        }
        #expect(fetches == 3, "the first was no fetch in vain")
    }

    @Test("A fetch that finds the key is none in vain")
    func notInVain() throws {
        let keys = PublishedKeys(clock: clock.clock)
        keys.prepare(fetch: fetch)
        for number in 2...6 {
            clock.advance(seconds: 1)
            provider.changeKey(to: "k\(number)")
            provider.publishKeys()
            try verify(keys)
        }
        #expect(fetches == 6)
    }

    @Test("Where the keys cannot be had, the provider is unavailable, and nothing is believed")
    func unavailable() throws {
        let keys = PublishedKeys(clock: clock.clock)
        let good = try token()
        provider.answer("/keys", .failure(.timedOut))
        #expect(throws: SignInFailure.providerUnavailable("no answer in time")) { try verify(keys, good) }
        provider.publishKeys()
        clock.advance(seconds: 1)
        try verify(keys, good)
        provider.answer("/keys", .failure(.timedOut))
        clock.advance(milliseconds: PublishedKeys.lifetime)
        #expect(throws: SignInFailure.providerUnavailable("no answer in time")) { try verify(keys, good) }
    }

    @Test("An answer that is no key set is refused")
    func noKeySet() {
        for (status, body) in [(200, "{}"), (200, "<html>"), (404, #"{"keys":[]}"#), (302, "")] {
            #expect(throws: DiscoveryFailure.self) {
                try KeyRequest.process(ProviderResponse(status: status, body: Array(body.utf8)))
            }
        }
    }

    private var fetches: Int { provider.requests("/keys").count }

    private func token() throws -> CompactToken {
        try #require(CompactToken(provider.sign(["sub": .string("s-1")])))
    }

    private func verify(_ keys: PublishedKeys, _ token: CompactToken? = nil) throws {
        _ = try keys.verify(token ?? self.token(), allowed: [.es256], fetch: fetch)
    }

    private func fetch() -> Result<KeySet, DiscoveryFailure> {
        Result { () throws(DiscoveryFailure) in
            usleep(1000)
            guard let url = EndpointURL(ScriptedProvider.issuer + "/keys") else { throw .invalid("no address") }
            let request = KeyRequest.request(to: url, OpenIDConnectTests.provider(), deadline: 1)
            let response: ProviderResponse
            do throws(ProviderFailure) {
                response = try provider.send(request)
            } catch {
                throw .unavailable("\(error)")
            }
            return try KeyRequest.process(response)
        }
    }
}

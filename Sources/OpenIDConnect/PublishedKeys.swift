internal import HTTPTypes
internal import JOSE
internal import Synchronization
internal import Values
internal import Web

/// The provider's keys: kept ten minutes, and fetched again at once when a token names one that is not among them. A
/// made-up name causes a fetch in vain, and of those there are two in ten seconds at most.
final class PublishedKeys: Sendable {
    private let keys: Fetched<KeySet>
    /// When the fetches in vain of this window were, in milliseconds of uptime.
    private let vain = Mutex<[Int64]>([])
    private let clock: Clock

    /// Milliseconds that keys are kept: a key that the provider withdraws is believed no longer.
    static let lifetime: Int64 = 10 * 60 * 1000
    private static let mostVain = 2
    /// Milliseconds.
    private static let window: Int64 = 10_500

    init(clock: Clock) {
        self.clock = clock
        keys = Fetched(clock: clock, lifetime: Self.lifetime, mayBeStale: false)
    }

    /// The verified payload.
    func verify(
        _ token: CompactToken, allowed: Set<SignatureAlgorithm>, fetch: () -> Result<KeySet, DiscoveryFailure>
    ) throws(SignInFailure) -> (payload: [UInt8], algorithm: SignatureAlgorithm) {
        let mark = clock.uptime()
        var isFetched = false
        // Counts as one in vain until its keys prove good: who asks meanwhile must not have one more.
        func counted() -> Result<KeySet, DiscoveryFailure> {
            isFetched = true
            noteVain()
            return fetch()
        }
        let kept = try keys.value(fetch: counted).orUnavailable()
        var outcome = Self.verify(token, with: kept, allowed)
        if case .failure(.unknownKey) = outcome, !isFetched {
            let renewed = keys.renewed(since: mark) { mayFetchInVain() ? counted() : nil }
            outcome = Self.verify(token, with: try renewed.orUnavailable(), allowed)
        }
        switch outcome {
        case .success(let verified):
            if isFetched { forgetVain() }
            return verified
        case .failure(let error):
            if isFetched, error != .unknownKey { forgetVain() }
            throw Self.refusal(error)
        }
    }

    /// Fetches ahead of need.
    func prepare(fetch: () -> Result<KeySet, DiscoveryFailure>) {
        _ = keys.value(fetch: fetch)
    }

    private func mayFetchInVain() -> Bool {
        let now = clock.uptime()
        return vain.withLock { $0.filter { now - $0 < Self.window }.count < Self.mostVain }
    }

    private func noteVain() {
        let now = clock.uptime()
        vain.withLock { $0 = $0.filter { now - $0 < Self.window } + [now] }
    }

    private func forgetVain() {
        vain.withLock { _ = $0.popLast() }
    }

    private static func refusal(_ error: TokenError) -> SignInFailure {
        switch error {
        case .algorithmRefused: .invalidToken("its alg is not one that the provider and its key use")
        case .unknownKey: .invalidToken("no key of the provider has this kid")
        case .badSignature: .invalidToken("its signature is not by the key that it names")
        }
    }

    private static func verify(
        _ token: CompactToken, with keys: KeySet, _ allowed: Set<SignatureAlgorithm>
    ) -> Result<(payload: [UInt8], algorithm: SignatureAlgorithm), TokenError> {
        Result { () throws(TokenError) in try keys.verify(token, allowed: allowed) }
    }
}

extension Result where Failure == DiscoveryFailure {
    /// The value, or the failure as a sign-in has it.
    func orUnavailable() throws(SignInFailure) -> Success {
        switch self {
        case .success(let value): return value
        case .failure(.unavailable(let reason)), .failure(.invalid(let reason)): throw .providerUnavailable(reason)
        }
    }
}

/// The two halves of fetching keys (RFC 7517, section 5).
enum KeyRequest {
    static func request(to endpoint: EndpointURL, _ provider: Provider, deadline: Int64) -> ProviderRequest {
        let accept = HTTPField(name: .accept, value: "application/jwk-set+json, application/json")
        return ProviderRequest(.get, endpoint, fields: [accept], caFile: provider.caFile, deadline: deadline)
    }

    static func process(_ response: ProviderResponse) throws(DiscoveryFailure) -> KeySet {
        guard response.status == 200 else { throw .unavailable("jwks_uri answered \(response.status)") }
        guard let keys = KeySet(json: response.body) else { throw .invalid("jwks_uri is no key set") }
        return keys
    }
}

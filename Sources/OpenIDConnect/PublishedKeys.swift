internal import HTTPTypes
internal import JOSE
internal import Synchronization
internal import Values
internal import Web

/// The provider's keys: kept ten minutes, fetched again at once when a token names one that is not among them. What
/// finds nothing new uses up a small allowance, so that made-up names never become a stream of requests.
final class PublishedKeys: Sendable {
    private let keys: Fetched<KeySet>
    private let allowance: Mutex<Allowance>
    private let clock: Clock

    private struct Allowance {
        var left = 2
        var refilled: Int64
    }

    /// Milliseconds that keys are kept: a key that the provider withdraws is believed no longer.
    static let lifetime: Int64 = 10 * 60 * 1000
    /// Milliseconds until one more vain fetch is allowed.
    private static let refill: Int64 = 30 * 1000

    init(clock: Clock) {
        self.clock = clock
        keys = Fetched(clock: clock, lifetime: Self.lifetime, mayBeStale: false)
        allowance = Mutex(Allowance(refilled: clock.uptime()))
    }

    /// The verified payload.
    func verify(
        _ token: CompactToken, allowed: Set<SignatureAlgorithm>, fetch: () -> Result<KeySet, DiscoveryFailure>
    ) throws(SignInFailure) -> (payload: [UInt8], algorithm: SignatureAlgorithm) {
        let mark = clock.uptime()
        var hasFetched = false
        let first = try keys.value {
            hasFetched = true
            return fetch()
        }.orUnavailable()
        do throws(TokenError) {
            return try first.verify(token, allowed: allowed)
        } catch .unknownKey {
            if hasFetched { _ = spend() }
            guard !hasFetched, spend() else { throw .invalidToken("no key of the provider has this kid") }
        } catch {
            throw .invalidToken("\(error)")
        }
        let second = try keys.renewed(since: mark, fetch: fetch).orUnavailable()
        do throws(TokenError) {
            let verified = try second.verify(token, allowed: allowed)
            refund()
            return verified
        } catch {
            throw .invalidToken("\(error)")
        }
    }

    /// Fetches ahead of need.
    func prepare(fetch: () -> Result<KeySet, DiscoveryFailure>) {
        _ = keys.value(fetch: fetch)
    }

    private func spend() -> Bool {
        let now = clock.uptime()
        return allowance.withLock { allowance in
            if now - allowance.refilled >= Self.refill {
                allowance.left = min(2, allowance.left + 1)
                allowance.refilled = now
            }
            guard allowance.left > 0 else { return false }
            allowance.left -= 1
            return true
        }
    }

    private func refund() {
        allowance.withLock { $0.left = min(2, $0.left + 1) }
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

internal import Synchronization
internal import Values

/// Something that a provider publishes: fetched once for all who wait, kept for a while, and asked for again with a
/// pause, however many want it.
final class Fetched<Value: Sendable>: Sendable {
    private struct State {
        var value: Value?
        /// Milliseconds of uptime.
        var fetched: Int64 = 0
        var failed: Int64?
        var failure: DiscoveryFailure?
    }

    private let state = Mutex(State())
    private let flight = Mutex(())
    private let clock: Clock
    /// Milliseconds that a value is kept.
    private let lifetime: Int64
    /// Whether a value that is past its lifetime is better than none.
    private let mayBeStale: Bool
    /// Milliseconds between an attempt that failed and the next.
    private static var pause: Int64 { 1000 }

    init(clock: Clock, lifetime: Int64, mayBeStale: Bool) {
        self.clock = clock
        self.lifetime = lifetime
        self.mayBeStale = mayBeStale
    }

    /// The value that is kept, if any.
    var kept: Value? { state.withLock { $0.value } }

    /// The value, fetched if there is none or it is too old.
    func value(
        fetch: () -> Result<Value, DiscoveryFailure>
    ) -> Result<Value, DiscoveryFailure> {
        if let value = fresh() { return .success(value) }
        return flight.withLock { _ in
            if let value = fresh() { return .success(value) }
            if let failure = recentFailure() { return stale(instead: failure) }
            return keep(fetch())
        }
    }

    /// Fetches again, unless somebody did since `mark` (milliseconds of uptime). When `fetch` gives nothing, it is too
    /// soon, and what is kept stays.
    func renewed(
        since mark: Int64, fetch: () -> Result<Value, DiscoveryFailure>?
    ) -> Result<Value, DiscoveryFailure> {
        flight.withLock { _ in
            if let value = state.withLock({ $0.fetched > mark ? $0.value : nil }) { return .success(value) }
            if let result = fetch() { return keep(result) }
            return kept.map { .success($0) } ?? .failure(.unavailable("it was asked too often"))
        }
    }

    private func fresh() -> Value? {
        let now = clock.uptime()
        return state.withLock { $0.value != nil && now - $0.fetched < lifetime ? $0.value : nil }
    }

    private func recentFailure() -> DiscoveryFailure? {
        let now = clock.uptime()
        return state.withLock { state in
            guard let failed = state.failed, now - failed < Self.pause else { return nil }
            return state.failure
        }
    }

    private func stale(instead failure: DiscoveryFailure) -> Result<Value, DiscoveryFailure> {
        guard mayBeStale, let value = kept else { return .failure(failure) }
        return .success(value)
    }

    private func keep(_ result: Result<Value, DiscoveryFailure>) -> Result<Value, DiscoveryFailure> {
        let now = clock.uptime()
        switch result {
        case .success(let value):
            state.withLock { $0 = State(value: value, fetched: now) }
            return result
        case .failure(let failure):
            state.withLock {
                $0.failed = now
                $0.failure = failure
            }
            return stale(instead: failure)
        }
    }
}

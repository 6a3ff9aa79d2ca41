internal import Values
internal import Web

/// One request on its way between the thread that waits and the engine.
final class Call: Sendable {
    typealias Outcome = Result<ProviderResponse, ProviderFailure>

    let request: ProviderRequest
    /// Milliseconds of the system's uptime clock.
    private let deadline: Int64
    private let outcome = Completion<Outcome>()

    /// `patience` is in milliseconds from now; more than an hour counts as an hour.
    init(_ request: ProviderRequest, patience: Int64) {
        self.request = request
        deadline = Clock.system.uptime() + min(patience, 3_600_000)
    }

    /// Milliseconds until the deadline; 0 when it is over.
    var rest: Int64 { max(0, deadline - Clock.system.uptime()) }

    /// Ends the call. Only the first outcome counts.
    func finish(_ outcome: Outcome) {
        self.outcome.bring(outcome)
    }

    /// Waits for the outcome. The engine ends every call at its deadline; should it be stuck, we leave a little later.
    func wait() -> Outcome {
        outcome.wait(until: deadline + 250) ?? .failure(.timedOut)
    }
}

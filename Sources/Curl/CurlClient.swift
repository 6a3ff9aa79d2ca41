internal import CCurl
package import Values
package import Web

/// Requests to providers, sent by libcurl: one thread carries them all, whoever asks waits.
///
/// What is guarded here and nowhere else: TLS 1.2 or newer with a verified certificate, the scheme of the request and
/// no other, no redirects, no proxy, no cookies, no link-local address whatever the name resolves to, and an end at
/// the deadline and at the limit of size.
package final class CurlClient: ProviderClient {
    private let clock: Clock
    private let engine: Engine

    /// Makes libcurl ready. Once, before the process has a second thread; `init` does it when nobody has.
    package static func prepareProcess() {
        precondition(isReady, "libcurl does not start")
    }

    private static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    /// Starts the thread. `clock` judges the deadlines of requests.
    package init(clock: Clock) {
        Self.prepareProcess()
        self.clock = clock
        engine = Engine()
        engine.start()
    }

    deinit {
        engine.stop()
    }

    package func send(_ request: ProviderRequest) throws(ProviderFailure) -> ProviderResponse {
        let patience = request.deadline.subtractingReportingOverflow(clock.uptime())
        guard !patience.overflow, patience.partialValue > 0 else { throw .timedOut }
        let call = Call(request, patience: patience.partialValue)
        engine.submit(call)
        return try call.wait().get()
    }
}

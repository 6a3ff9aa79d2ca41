/// What the edge lets in and how much it does at once.
package struct Limits: Sendable {
    /// Threads of the check lane; by default one for two processors.
    package var checkThreads: Int
    /// The most threads of the errand lane. They are made when they are needed.
    package var errandThreads: Int
    /// Errands that may wait for a thread; one more is refused.
    package var errandQueue: Int
    /// Bytes of one request: its parameters, and its parameters and body together.
    package var requestBytes: Int
    /// Whether listeners and peers outside the loopback interface are allowed: FastCGI has no protection of its own.
    package var insecureRemotePeers: Bool

    package init(
        checkThreads: Int? = nil, errandThreads: Int = 64, errandQueue: Int = 256, requestBytes: Int = 64 * 1024,
        insecureRemotePeers: Bool = false
    ) {
        // A thread answers some ten thousand checks a second. More threads than that needs only take turns with the web
        // server that asks.
        self.checkThreads = max(1, checkThreads ?? min(8, processorCount() / 2))
        self.errandThreads = max(1, errandThreads)
        self.errandQueue = max(0, errandQueue)
        self.requestBytes = min(max(4096, requestBytes), 1024 * 1024)
        self.insecureRemotePeers = insecureRemotePeers
    }
}

/// How long a peer may take, in milliseconds.
struct Patience: Sendable {
    /// For the first byte of a new connection.
    var silence: Int64 = 3000
    /// From a request's first byte to its last.
    var request: Int64 = 3000
    /// Between two requests on a kept connection.
    var idle: Int64 = 300_000
    /// For silence and idleness while descriptors are short.
    var pressed: Int64 = 1000
    /// From the wish to stop to the end.
    var stop: Int64 = 4500
}

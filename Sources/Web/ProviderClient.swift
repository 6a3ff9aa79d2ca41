package import HTTPTypes

/// The port for outgoing requests: one exchange with a provider.
package protocol ProviderClient: Sendable {
    /// Sends and waits, until the deadline at most. Redirects are never followed; the address, the scheme, the size
    /// of the answer and the certificate are checked as `ProviderRequest` says.
    func send(_ request: ProviderRequest) throws(ProviderFailure) -> ProviderResponse
}

/// What is sent to a provider.
package struct ProviderRequest: Sendable {
    package var method: HTTPRequest.Method
    package var url: EndpointURL
    package var fields: [HTTPField]
    package var body: [UInt8]
    /// A PEM file of the certification authorities to trust instead of the system's.
    package var caFile: String?
    /// Shown when the provider asks for one.
    package var clientCertificate: ClientCertificate?
    /// `ADDRESS:PORT` to connect to, whatever the URL says.
    package var connection: String?
    /// The moment of `Clock.uptime`, in milliseconds, at which we stop waiting.
    package var deadline: Int64
    /// Bytes of an answer's body; a longer one is refused.
    package var limit: Int

    package init(
        _ method: HTTPRequest.Method, _ url: EndpointURL, fields: [HTTPField] = [], body: [UInt8] = [],
        caFile: String? = nil, clientCertificate: ClientCertificate? = nil, connection: String? = nil, deadline: Int64,
        limit: Int = 256 * 1024
    ) {
        self.method = method
        self.url = url
        self.fields = fields
        self.body = body
        self.caFile = caFile
        self.clientCertificate = clientCertificate
        self.connection = connection
        self.deadline = deadline
        self.limit = limit
    }
}

/// A certificate of ours and its key, each a PEM file.
package struct ClientCertificate: Sendable, Equatable {
    package let file: String
    package let keyFile: String

    package init(file: String, keyFile: String) {
        self.file = file
        self.keyFile = keyFile
    }
}

/// What a provider answered.
package struct ProviderResponse: Sendable {
    package let status: Int
    /// The value of `Content-Type`.
    package let contentType: String
    package let body: [UInt8]
    /// The lines of the answer's head, as they came.
    package let head: [UInt8]

    package init(status: Int, contentType: String = "", head: [UInt8] = [], body: [UInt8]) {
        self.status = status
        self.contentType = contentType
        self.head = head
        self.body = body
    }
}

/// Why there is no answer of a provider. The text is for the log.
package enum ProviderFailure: Error, Sendable, Equatable, CustomStringConvertible {
    case timedOut
    case unreachable(String)
    case untrusted(String)
    case refusedAddress(String)
    case tooLarge

    package var description: String {
        switch self {
        case .timedOut: "no answer in time"
        case .unreachable(let reason): reason
        case .untrusted(let reason): "not trusted: \(reason)"
        case .refusedAddress(let reason): "an address that is never asked: \(reason)"
        case .tooLarge: "an answer that is too large"
        }
    }
}

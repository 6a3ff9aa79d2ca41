package import HTTPTypes
internal import Values

/// One header field of an answer. A value that could begin a second line does not exist.
package struct Field: Sendable, Equatable {
    package let name: HTTPField.Name
    package let value: [UInt8]

    /// `nil` when the value holds a control character (CR, LF and NUL among them).
    package init?(_ name: HTTPField.Name, _ value: some Sequence<UInt8>) {
        let value = Array(value)
        guard !value.contains(where: \.isASCIIControl) else { return nil }
        self.name = name
        self.value = value
    }

    /// A field of our own words. A control character among them is a mistake of ours.
    package init(_ name: HTTPField.Name, _ value: StaticString) {
        guard let field = Field(name, value.description.utf8) else { preconditionFailure("\(name): \(value)") }
        self = field
    }
}

/// What we answer. The writer of the edge adds `Cache-Control: no-store` to each.
package struct Response: Sendable {
    package var status: HTTPResponse.Status
    package var fields: [Field]
    /// More fields, which tell the application who it is.
    package var identity: FieldBlock?
    /// Cookies to set. The answer of a check carries one at most: nginx hands only the first on.
    package var cookies: [SetCookie]
    package var body: [UInt8]

    package init(
        _ status: HTTPResponse.Status, fields: [Field] = [], identity: FieldBlock? = nil, cookies: [SetCookie] = [],
        body: [UInt8] = []
    ) {
        self.status = status
        self.fields = fields
        self.identity = identity
        self.cookies = cookies
        self.body = body
    }
}

/// What becomes of a request. The port between an edge and the gate.
package protocol Responder: Sendable {
    /// Never waits: what may wait comes back as `later`.
    func answer(_ request: Request) -> Answer
}

/// An answer, or how to get it.
package enum Answer: Sendable {
    case now(Response)
    /// May wait for a provider or a store. It is run on the errand lane; when that is full the answer is 503.
    case later(@Sendable () -> Response)

    /// What `next` makes of the response, as soon as there is one.
    package func then(_ next: @escaping @Sendable (Response) -> Answer) -> Answer {
        switch self {
        case .now(let response): next(response)
        case .later(let work): .later { next(work()).waited }
        }
    }

    /// The response, waited for on the errand lane.
    private var waited: Response {
        switch self {
        case .now(let response): response
        case .later(let work): work()
        }
    }
}

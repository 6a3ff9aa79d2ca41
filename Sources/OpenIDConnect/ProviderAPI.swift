internal import HTTPTypes
internal import Values
internal import Web

/// A provider's own interface, asked with the visitor's access token for what no standard tells.
struct ProviderAPI {
    let provider: Provider
    let grant: Grant
    let deadline: Int64
    let send: (ProviderRequest) throws(SignInFailure) -> ProviderResponse

    /// One page of an answer.
    struct Page {
        let value: JSONValue
        /// Whether the head names a next one (RFC 8288).
        let hasNext: Bool
    }

    /// Pages of one list, at most.
    static let mostPages = 100

    /// The JSON that `api` followed by this path answers.
    func get(
        _ path: String, _ query: [(String, String)] = [], fields: [HTTPField] = []
    ) throws(SignInFailure) -> Page {
        let base = provider.api?.text ?? provider.issuer
        guard let url = provider.endpoint((base + path).appending(query: query)) else {
            throw .invalidResponse("\(path) makes no address")
        }
        return try get(url, fields: fields)
    }

    func get(_ url: EndpointURL, fields: [HTTPField] = []) throws(SignInFailure) -> Page {
        var request = UserInfo.request(to: url, grant, provider, deadline: deadline)
        request.fields = request.fields.filter { old in !fields.contains { $0.name == old.name } } + fields
        request.limit = 2 * 1024 * 1024
        let response = try send(request)
        let path = url.pathAndQuery.prefix { $0 != "?" }
        switch response.status {
        case 200: break
        case 401: throw .tokenRefused("\(path) answered 401")
        case 403 where !Self.isRateLimited(response), 404: throw .tokenRefused("\(path) answered \(response.status)")
        case 400 where Facebook.saysTokenIsOver(response): throw .tokenRefused("\(path) says that it is over")
        default: throw .providerUnavailable("\(path) answered \(response.status)")
        }
        guard let value = JSONValue(parsing: response.body, limit: request.limit) else {
            throw .invalidResponse("\(path) is not JSON")
        }
        return Page(value: value, hasNext: Self.namesNext(response.head))
    }

    /// A refusal that passes (GitHub's way: docs.github.com, "Rate limits for the REST API"; RFC 9110, section 10.2.3).
    private static func isRateLimited(_ response: ProviderResponse) -> Bool {
        response.head.split(separator: UInt8(ascii: "\n")).contains { line in
            let text = String(decoding: line, as: UTF8.self).lowercased()
            return text.hasPrefix("retry-after:") || text.hasPrefix("x-ratelimit-remaining: 0")
        }
    }

    /// All elements of a list that comes in numbered pages.
    func list(_ path: String, fields: [HTTPField]) throws(SignInFailure) -> [JSONValue] {
        var elements: [JSONValue] = []
        for number in 1...Self.mostPages {
            let page = try get(path, [("per_page", "100"), ("page", "\(number)")], fields: fields)
            guard let more = page.value.array else { throw .invalidResponse("\(path) is not a list") }
            elements += more
            guard page.hasNext else { return elements }
        }
        throw .invalidResponse("\(path) has more than \(Self.mostPages) pages")
    }

    private static func namesNext(_ head: [UInt8]) -> Bool {
        head.split(separator: UInt8(ascii: "\n")).contains { line in
            let text = String(decoding: line, as: UTF8.self).lowercased()
            return text.hasPrefix("link:") && text.contains("rel=\"next\"")
        }
    }
}

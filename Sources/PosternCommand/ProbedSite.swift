internal import Configuration
internal import Curl
internal import HTTPTypes
internal import OpenIDConnect
internal import Values
internal import Web

/// The site as a browser sees it.
struct ProbedSite {
    /// The protected page that is asked for.
    let page: EndpointURL
    let settings: Settings
    let connection: String?
    let caFile: String?
    private let client = CurlClient(clock: .system)

    init(page: EndpointURL, settings: Settings, connection: String?, caFile: String?) {
        self.page = page
        self.settings = settings
        self.connection = connection
        self.caFile = caFile
    }

    /// An answer, or why there is none.
    struct Answer {
        let status: Int
        let text: String
        private let head: String

        init(_ response: ProviderResponse) {
            status = response.status
            text = String(decoding: response.body, as: UTF8.self)
            head = String(decoding: response.head, as: UTF8.self)
        }

        /// The values of a header field.
        func values(_ name: String) -> [String] {
            head.split(separator: "\r\n").compactMap { line in
                let parts = line.split(separator: ":", maxSplits: 1)
                guard parts.count == 2, parts[0].lowercased() == name.lowercased() else { return nil }
                return String(parts[1].drop { $0 == " " })
            }
        }

        func contains(_ mark: String) -> Bool { text.contains(mark) || head.contains(mark) }
    }

    /// One of our own pages.
    func own(_ endpoint: String) -> EndpointURL? {
        EndpointURL(page.origin + "\(settings.gate.prefix)/\(endpoint)", allowsHTTP: true)
    }

    /// What a script asks for.
    func fetch(
        _ url: EndpointURL, cookie: String? = nil, fields: [HTTPField] = []
    ) throws(ProviderFailure) -> Answer {
        try ask(url, cookie: cookie, mode: "cors", fields)
    }

    /// What a person asks for, in the address bar.
    func visit(_ url: EndpointURL, cookie: String? = nil) throws(ProviderFailure) -> Answer {
        try ask(url, cookie: cookie, mode: "navigate", [])
    }

    /// An address of a provider's.
    func visit(_ provider: Provider, at url: EndpointURL) throws(ProviderFailure) -> Answer {
        Answer(
            try client.send(
                ProviderRequest(
                    .get, url, fields: [HTTPField(name: .accept, value: "text/html,*/*")],
                    caFile: provider.caFile, deadline: deadline)))
    }

    private func ask(
        _ url: EndpointURL, cookie: String?, mode: String, _ more: [HTTPField]
    ) throws(ProviderFailure) -> Answer {
        var fields = [HTTPField(name: .accept, value: mode == "navigate" ? "text/html,*/*;q=0.8" : "*/*")]
        fields += [
            ("Sec-Fetch-Mode", mode), ("Sec-Fetch-Site", mode == "navigate" ? "none" : "same-origin"),
        ].compactMap { name, value in HTTPField.Name(name).map { HTTPField(name: $0, value: value) } }
        if let cookie { fields.append(HTTPField(name: .cookie, value: cookie)) }
        return Answer(
            try client.send(
                ProviderRequest(
                    .get, url, fields: fields + more, caFile: caFile, connection: connection, deadline: deadline,
                    limit: 4 * 1024 * 1024)))
    }

    private var deadline: Int64 { Clock.system.uptime() + 20_000 }
}

extension Request {
    /// The parameters that we read. Those named `HTTP_…` are the client's words, all others the web server's.
    package enum Parameter: Int, CaseIterable, Sendable {
        case requestMethod, requestURI, scriptName, pathInfo, documentURI, queryString, redirectedMethod
        case contentLength
        case remoteAddress, serverName, https
        case allowStatus, headerBytes, pages
        case cookie, authorization, accept, acceptLanguage, origin, referer, upgrade, webSocketKey, requestedWith
        case secFetchSite, secFetchMode, secPurpose
        case forwardedFor

        /// The name on the wire.
        package var name: String {
            switch self {
            case .requestMethod: "REQUEST_METHOD"
            case .requestURI: "REQUEST_URI"
            case .scriptName: "SCRIPT_NAME"
            case .pathInfo: "PATH_INFO"
            case .documentURI: "DOCUMENT_URI"
            case .queryString: "QUERY_STRING"
            case .redirectedMethod: "REDIRECT_REQUEST_METHOD"
            case .contentLength: "CONTENT_LENGTH"
            case .remoteAddress: "REMOTE_ADDR"
            case .serverName: "SERVER_NAME"
            case .https: "HTTPS"
            case .allowStatus: "POSTERN_ALLOW_STATUS"
            case .headerBytes: "POSTERN_HEADER_BYTES"
            case .pages: "POSTERN_PAGES"
            case .cookie: "HTTP_COOKIE"
            case .authorization: "HTTP_AUTHORIZATION"
            case .accept: "HTTP_ACCEPT"
            case .acceptLanguage: "HTTP_ACCEPT_LANGUAGE"
            case .origin: "HTTP_ORIGIN"
            case .referer: "HTTP_REFERER"
            case .upgrade: "HTTP_UPGRADE"
            case .webSocketKey: "HTTP_SEC_WEBSOCKET_KEY"
            case .requestedWith: "HTTP_X_REQUESTED_WITH"
            case .secFetchSite: "HTTP_SEC_FETCH_SITE"
            case .secFetchMode: "HTTP_SEC_FETCH_MODE"
            case .secPurpose: "HTTP_SEC_PURPOSE"
            case .forwardedFor: "HTTP_X_FORWARDED_FOR"
            }
        }

        /// Whether a decision hangs on it, so that two different values are a contradiction. CONTENT_LENGTH is not
        /// among them: nginx sends it twice where Debian's `fastcgi_params` is included and then overridden.
        package var decides: Bool {
            switch self {
            case .requestMethod, .requestURI, .queryString, .scriptName, .pathInfo, .documentURI, .redirectedMethod,
                .remoteAddress,
                .serverName, .https, .allowStatus, .headerBytes, .pages, .authorization:
                true
            default: false
            }
        }

        /// The parameter of this name, if it is one of ours.
        package init?(named name: Span<UInt8>) {
            guard name.count < Self.byLength.count else { return nil }
            let candidates = Self.byLength[name.count]
            for index in candidates.indices where Self.isSame(name, candidates[index].name) {
                self = candidates[index].parameter
                return
            }
            return nil
        }

        /// From the end: most names begin alike.
        private static func isSame(_ name: Span<UInt8>, _ other: [UInt8]) -> Bool {
            var index = name.count - 1
            while index >= 0, name[index] == other[index] { index -= 1 }
            return index < 0
        }

        private static let byLength: [[(parameter: Parameter, name: [UInt8])]] = {
            let named = allCases.map { (parameter: $0, name: Array($0.name.utf8)) }
            let longest = named.map(\.name.count).max() ?? 0
            return (0...longest).map { length in named.filter { $0.name.count == length } }
        }()
    }
}

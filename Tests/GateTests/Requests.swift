import Web

/// A request as nginx would send it, with whatever a test is about.
func makeRequest(
    _ uri: String = "/", location: String = "/oauth2/auth", method: String = "GET", query: String? = nil,
    cookie: String? = nil, role: Request.Role = .responder, extra: [(name: String, value: String)] = [],
    body: String = ""
) -> Request {
    var parameters: [(name: String, value: String)] = [
        ("REQUEST_METHOD", method), ("REQUEST_URI", uri), ("SCRIPT_NAME", location), ("SERVER_NAME", "app.test"),
        ("REMOTE_ADDR", "127.0.0.1"), ("HTTPS", "on"),
    ]
    if let query { parameters.append(("QUERY_STRING", query)) }
    if let cookie { parameters.append(("HTTP_COOKIE", cookie)) }
    return Request(role: role, parameters: parameters + extra, body: Array(body.utf8))
}

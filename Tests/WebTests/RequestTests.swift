import Testing
import Web

struct RequestTests {
    private func request(_ parameters: (String, String)...) -> Request {
        Request(role: .responder, parameters: parameters.map { (name: $0.0, value: $0.1) })
    }

    @Test("Every parameter of ours is found under its name", arguments: Request.Parameter.allCases)
    func named(parameter: Request.Parameter) {
        #expect(request((parameter.name, "v")).text(parameter) == "v")
    }

    @Test(
        "A name is exact",
        arguments: [
            "", "X", "REQUEST_URI2", "REQUEST_UR", "request_uri", "HTTP_COOKIE ", "HTTP_COOKIE\0",
            "HTTP_X_AUTH_REQUEST_USER", "HTTP_PROXY",
            String(repeating: "A", count: 10_000),
        ])
    func exact(name: String) {
        let request = request((name, "v"))
        #expect(Request.Parameter.allCases.allSatisfy { request[$0] == nil })
    }

    @Test("An absent parameter is nil, an empty one is empty")
    func absent() {
        let request = request(("QUERY_STRING", ""))
        #expect(request[.queryString] == [])
        #expect(request[.requestURI] == nil)
        #expect(!request.isAmbiguous)
    }

    @Test(
        "A parameter that decides and comes with two values makes the request ambiguous",
        arguments: Request.Parameter.allCases.filter { $0.decides && $0 != .queryString })
    func ambiguous(parameter: Request.Parameter) {
        #expect(request((parameter.name, "a"), (parameter.name, "b")).isAmbiguous)
        #expect(request((parameter.name, "a"), (parameter.name, "")).isAmbiguous)
        #expect(request((parameter.name, "a"), (parameter.name, "ab")).isAmbiguous)
        #expect(!request((parameter.name, "a"), (parameter.name, "a")).isAmbiguous)
    }

    @Test("An empty query says nothing beside another one, and two others are ambiguous")
    func queries() {
        for pairs in [["", "a"], ["a", ""], ["", "a", ""], ["a", "a"]] {
            let request = Request(role: .responder, parameters: pairs.map { (name: "QUERY_STRING", value: $0) })
            #expect(request.text(.queryString) == "a" && !request.isAmbiguous, "\(pairs)")
        }
        #expect(request(("QUERY_STRING", "a"), ("QUERY_STRING", "b")).isAmbiguous)
        #expect(request(("QUERY_STRING", "a"), ("QUERY_STRING", ""), ("QUERY_STRING", "b")).isAmbiguous)
    }

    @Test("Two words of the proxies make no request ambiguous that does not hang on them")
    func forwarding() {
        let request = request(("HTTP_X_FORWARDED_FOR", "a"), ("HTTP_X_FORWARDED_FOR", "b"))
        #expect(request.isForwardingAmbiguous && !request.isAmbiguous)
        #expect(!self.request(("HTTP_X_FORWARDED_FOR", "a"), ("HTTP_X_FORWARDED_FOR", "a")).isForwardingAmbiguous)
    }

    @Test("Of any other parameter the first value counts")
    func first() {
        let request = request(
            ("CONTENT_LENGTH", "11"), ("CONTENT_LENGTH", ""), ("HTTP_REFERER", "a"), ("HTTP_REFERER", "b"))
        #expect(request.text(.contentLength) == "11")
        #expect(request.text(.referer) == "a")
        #expect(!request.isAmbiguous)
    }

    @Test("Several lines of cookies are one string, whatever stands between them")
    func cookies() {
        #expect(
            request(("HTTP_COOKIE", "a=1"), ("HTTP_COOKIE", "b=2"), ("HTTP_COOKIE", "c=3")).text(.cookie)
                == "a=1; b=2; c=3"
        )
        let apart = request(
            ("HTTP_COOKIE", "a=1"), ("HTTP_REFERER", "h"), ("HTTP_COOKIE", "b=2"), ("REQUEST_URI", "/"),
            ("HTTP_COOKIE", ""))
        #expect(apart.text(.cookie) == "a=1; b=2; ")
        #expect(apart.text(.referer) == "h")
        #expect(apart.text(.requestURI) == "/")
    }

    @Test("Ten thousand lines of cookies are no work")
    func manyCookies() {
        let lines = Array(repeating: (name: "HTTP_COOKIE", value: "a=b"), count: 10_000)
        var request: Request?
        let duration = ContinuousClock().measure { request = Request(role: .responder, parameters: lines) }
        #expect(request?[.cookie]?.count == 10_000 * 5 - 2)
        #expect(duration < .seconds(2))
    }

    @Test("What is not UTF-8 is no text but keeps its bytes")
    func bytes() {
        var builder = Request.Builder()
        let value: [UInt8] = [0x2F, 0xFF, 0x00]
        builder.storage = value
        builder.add(.requestURI, from: 0)
        let request = builder.request(role: .authorizer, body: [1])
        #expect(request.text(.requestURI) == nil)
        #expect(request[.requestURI].map(Array.init) == value)
        #expect(request.role == .authorizer)
        #expect(request.body == [1])
    }
}

import Glibc
import HTTPTypes
import Synchronization
import Testing
import Threads
import Values
import Web

@testable import Curl

private let client = CurlClient(clock: .system)

private func request(
    _ port: UInt16, _ path: String = "/", method: HTTPRequest.Method = .get, fields: [HTTPField] = [],
    body: String = "",
    within milliseconds: Int64 = 5000, limit: Int = 1000, host: String = "127.0.0.1"
) throws -> ProviderRequest {
    ProviderRequest(
        method, try #require(EndpointURL("http://\(host):\(port)\(path)", allowsHTTP: true)), fields: fields,
        body: Array(body.utf8), deadline: Clock.system.uptime() + milliseconds, limit: limit)
}

/// What a failing request fails with, and after how many milliseconds.
private func failure(_ request: ProviderRequest) -> (ProviderFailure?, Int64) {
    let start = Clock.system.uptime()
    do throws(ProviderFailure) {
        _ = try client.send(request)
        return (nil, Clock.system.uptime() - start)
    } catch {
        return (error, Clock.system.uptime() - start)
    }
}

private let ok = "HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: 2\r\n\r\n{}"

@Suite(.timeLimit(.minutes(1)))
struct ExchangeTests {
    @Test("A request goes out as it was given and its answer comes back")
    func get() throws {
        let server = LoopbackServer(answer: ok)
        let response = try client.send(
            request(server.port, "/a/../b?c=d", fields: [HTTPField(name: .accept, value: "application/json")]))
        #expect(response.status == 200)
        #expect(response.contentType == "application/json; charset=utf-8")
        #expect(response.body == Array("{}".utf8))
        let lines = try #require(server.requests.first).split(separator: "\r\n").map(String.init)
        #expect(lines[0] == "GET /a/../b?c=d HTTP/1.1")
        #expect(
            Set(lines.dropFirst()) == [
                "Host: 127.0.0.1:\(server.port)", "User-Agent: Postern", "Accept: application/json",
            ])
    }

    @Test("A form is posted with its body, without asking first")
    func post() throws {
        let server = LoopbackServer(answer: ok)
        let body = "code=" + String(repeating: "x", count: 3000) + "\0end"
        let form = HTTPField(name: .contentType, value: "application/x-www-form-urlencoded")
        _ = try client.send(request(server.port, method: .post, fields: [form], body: body))
        let text = try #require(server.requests.first)
        #expect(text.hasPrefix("POST / HTTP/1.1\r\n"))
        #expect(text.hasSuffix("\r\n\r\n" + body))
        #expect(!text.lowercased().contains("expect:"))
        #expect(text.lowercased().split(separator: "content-type:").count == 2)
    }

    @Test("An empty form is posted, another method keeps its name, an empty field is sent")
    func otherMethods() throws {
        let server = LoopbackServer(answer: ok)
        let name = try #require(HTTPField.Name("X-Empty"))
        _ = try client.send(request(server.port, method: .post))
        _ = try client.send(request(server.port, method: .delete, fields: [HTTPField(name: name, value: "")]))
        #expect(server.requests[0].contains("Content-Length: 0\r\n"))
        #expect(server.requests[1].hasPrefix("DELETE / "))
        #expect(server.requests[1].contains("X-Empty:\r\n"))
    }

    @Test("Connections are used again, and cookies are not kept")
    func reuse() throws {
        let client = CurlClient(clock: .system)
        let server = LoopbackServer(
            answer: "HTTP/1.1 401 No\r\nSet-Cookie: a=b; Path=/\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
        )
        for _ in 0..<10 { #expect(try client.send(request(server.port)).status == 401) }
        #expect(server.connectionCount == 1)
        #expect(server.requests.count == 10)
        #expect(!server.requests.contains { $0.lowercased().contains("cookie") })
    }

    @Test("DISC-02: a redirect is an answer like any other")
    func redirect() throws {
        let target = LoopbackServer(answer: ok)
        let server = LoopbackServer(
            answer: "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:\(target.port)/\r\nContent-Length: 0\r\n\r\n")
        #expect(try client.send(request(server.port)).status == 302)
        #expect(target.connectionCount == 0)
    }

    @Test("HDR-09: no proxy of the environment is used")
    func proxy() throws {
        let sink = LoopbackServer(answer: ok)
        let server = LoopbackServer(answer: ok)
        let names = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
        for name in names { unsafe setenv(name, "http://127.0.0.1:\(sink.port)", 1) }
        defer { for name in names { unsafe unsetenv(name) } }
        #expect(try client.send(request(server.port)).status == 200)
        #expect(sink.connectionCount == 0)
        #expect(server.connectionCount == 1)
    }

    @Test("Two hundred calls at once are all answered")
    func parallel() throws {
        let server = LoopbackServer(answer: ok)
        let port = server.port
        let good = Atomic<Int>(0)
        try withThreads(200) {
            if try client.send(request(port, within: 20_000)).status == 200 { good.add(1, ordering: .relaxed) }
        }
        #expect(good.load(ordering: .relaxed) == 200)
        #expect(server.requests.count == 200)
    }
}

@Suite(.timeLimit(.minutes(1)))
struct PatienceTests {
    @Test("REL-02: a server that never answers is left at the deadline")
    func hang() throws {
        let server = LoopbackServer { _ in true }
        let (failure, duration) = try failure(request(server.port, within: 300))
        #expect(failure == .timedOut)
        #expect((290..<2000).contains(duration), "\(duration)")
        #expect(server.connectionCount == 1)
    }

    @Test(
        "REL-02: a server that drips is left at the deadline",
        arguments: ["HTTP/1.1 200 OK\r\nX: ", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 "])
    func drip(start: String) throws {
        let server = LoopbackServer { connection in
            connection.send(start)
            while connection.send("x") { usleep(20_000) }
            return false
        }
        let (failure, duration) = try failure(request(server.port, within: 400))
        #expect(failure == .timedOut)
        #expect((390..<2000).contains(duration), "\(duration)")
        #expect(server.connectionCount == 1)
    }

    @Test("A deadline that is over asks nobody", arguments: [0, -1, Int64.min])
    func over(milliseconds: Int64) throws {
        let server = LoopbackServer(answer: ok)
        var late = try request(server.port)
        late.deadline = milliseconds == .min ? .min : Clock.system.uptime() + milliseconds
        #expect(failure(late).0 == .timedOut)
        #expect(server.connectionCount == 0)
    }

    @Test("A deadline without end does not trap")
    func endless() throws {
        let server = LoopbackServer(answer: ok)
        var patient = try request(server.port)
        patient.deadline = .max
        #expect(try client.send(patient).status == 200)
        #expect(server.connectionCount == 1)
    }

    @Test("REL-02: calls that hang, more than there are connections for, hold up no other and end in time")
    func hangingCrowd() throws {
        let hanging = LoopbackServer { _ in true }
        let port = hanging.port
        let outcomes = Mutex<[ProviderFailure?]>([])
        let start = Clock.system.uptime()
        let server = LoopbackServer(answer: ok)
        let crowd = try #require(
            spawn {
                try? withThreads(150) {
                    let outcome = try failure(request(port, within: 1500)).0
                    outcomes.withLock { $0.append(outcome) }
                }
            })
        usleep(300_000)
        let asked = Clock.system.uptime()
        #expect(try client.send(request(server.port)).status == 200)
        #expect(Clock.system.uptime() - asked < 1000)
        _ = pthread_join(crowd, nil)
        #expect(outcomes.withLock { $0.count } == 150)
        #expect(outcomes.withLock { $0.filter { $0 != .timedOut } } == [])
        #expect(hanging.connectionCount > 0)
        #expect(Clock.system.uptime() - start < 6000)
    }
}

@Suite(.timeLimit(.minutes(1)))
struct RefusalTests {
    private let kilobyte = String(repeating: "x", count: 1000)

    @Test("A body longer than the limit is refused, whatever its length is said to be")
    func tooLarge() throws {
        let heads = [
            "Content-Length: 1001\r\n\r\n", "Content-Length: 99999999999\r\n\r\n", "Connection: close\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n3e9\r\n",
        ]
        for head in heads {
            let server = LoopbackServer(
                answer: "HTTP/1.1 200 OK\r\n" + head + kilobyte + "y"
                    + (head.contains("chunked") ? "\r\n0\r\n\r\n" : ""))
            #expect(try failure(request(server.port)).0 == .tooLarge, "\(head)")
            #expect(server.connectionCount == 1)
        }
    }

    @Test("A body without end is refused")
    func endless() throws {
        let server = LoopbackServer { connection in
            connection.send("HTTP/1.1 200 OK\r\n\r\n")
            while connection.send("xxxxxxxxxxxxxxxx") {}
            return false
        }
        #expect(try failure(request(server.port, limit: 1 << 20)).0 == .tooLarge)
        #expect(server.connectionCount == 1)
    }

    @Test("A body as long as the limit is taken")
    func asLarge() throws {
        let server = LoopbackServer(answer: "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n" + kilobyte)
        #expect(try client.send(request(server.port)).body.count == 1000)
        #expect(server.connectionCount == 1)
    }

    @Test("A head without end is refused")
    func head() throws {
        let server = LoopbackServer { connection in
            connection.send("HTTP/1.1 200 OK\r\n")
            while connection.send("X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n") {}
            return false
        }
        #expect(try failure(request(server.port)).0 == .tooLarge)
        #expect(server.connectionCount == 1)
    }

    @Test(
        "What is no HTTP is no answer",
        arguments: [
            "", "{}", "HTTP/1.1\r\n\r\n", "FTP/1.1 200 OK\r\n\r\n{}", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}",
        ])
    func garbage(answer: String) throws {
        let server = LoopbackServer { connection in
            connection.send(answer)
            return false
        }
        guard case .unreachable(let text) = try failure(request(server.port)).0 else {
            Issue.record("accepted: \(answer)")
            return
        }
        #expect(!text.isEmpty)
        #expect(server.connectionCount >= 1)
    }

    @Test("Where nobody listens nobody answers")
    func refusedConnect() throws {
        let (failure, duration) = try failure(request(closedPort()))
        guard case .unreachable = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        #expect(duration < 2000)
    }

    @Test(
        "DISC-02: a link-local address is refused when connecting, however the name hid it",
        arguments: [
            "2852039166", "0xa9fea9fe", "0xa9.0xfe.0xa9.0xfe", "0251.0376.0251.0376", "169.254.43518", "169.16689662",
        ])
    func linkLocal(host: String) throws {
        guard case .refusedAddress = try failure(request(80, within: 2000, host: host)).0 else {
            Issue.record("not refused: \(host)")
            return
        }
    }

    @Test("A port without TLS is not trusted")
    func noTLS() throws {
        let server = LoopbackServer(answer: ok)
        let url = try #require(EndpointURL("https://127.0.0.1:\(server.port)/"))
        let refused = failure(ProviderRequest(.get, url, deadline: Clock.system.uptime() + 700)).0
        #expect(refused != nil)
        #expect(server.requests.isEmpty)
    }

    @Test("A file of authorities that is not there is no reason to trust others")
    func noAuthorities() throws {
        let url = try #require(EndpointURL("https://127.0.0.1:\(closedPort())/"))
        let request = ProviderRequest(.get, url, caFile: "/nonexistent.pem", deadline: Clock.system.uptime() + 700)
        #expect(failure(request).0 != nil)
    }
}

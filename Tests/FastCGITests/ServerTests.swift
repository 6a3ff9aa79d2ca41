import Glibc
import HTTPTypes
import Synchronization
import Testing
import Web

@testable import FastCGI

@Suite("The server, spoken to as web servers do and as they never would", .serialized)
struct ServerTests {
    private let plain = "Status: 200 OK\r\nCache-Control: no-store\r\n\r\nGET|/page?x=1|a=b|-|responder|"

    @Test("A plain request is answered, and its connection closed unless it is to be kept")
    func plainRequest() throws {
        let server = try LiveServer()
        #expect(try server.ask() == plain)
        let client = try server.client()
        client.send(Records.request(keep: false))
        #expect(client.receive() == plain)
        #expect(client.isClosed)
    }

    @Test("A kept connection brings many requests, each answered once, bodies with records in them included")
    func keptConnection() throws {
        let server = try LiveServer()
        let client = try server.client()
        for round in 0..<300 {
            let body = String(repeating: " ", count: round % 16) + "\u{1}\u{1}\u{0}\u{1}"
            client.send(Records.request(body: Array(body.utf8)))
            #expect(client.receive() == plain + body)
        }
    }

    @Test("Requests around libfcgi's buffer size are read to their end")
    func bufferSizes() throws {
        let server = try LiveServer()
        let client = try server.client()
        let overhead = Records.request(parameters: [("HTTP_COOKIE", String(repeating: "c", count: 8000))]).count - 8000
        for size in 8150..<8250 {
            let cookie = String(repeating: "c", count: size - overhead)
            client.send(Records.request(parameters: [("HTTP_COOKIE", cookie)]))
            #expect(client.receive()?.hasSuffix("-|-|\(cookie)|-|responder|") == true)
        }
    }

    @Test("One byte at a time, in a hundred records, with any padding: the same answer, on the same connection")
    func pieces() throws {
        let server = try LiveServer()
        let client = try server.client()
        for byte in Records.request(body: [0x62]) { client.send([byte]) }
        #expect(client.receive() == plain + "b")
        for padding in stride(from: 0, through: 255, by: 15) {
            let request = Records.request(size: 6, padding: padding)
            client.send(Array(request.prefix(20)))
            usleep(2000)
            client.send(Array(request.dropFirst(20)))
            #expect(client.receive() == plain)
        }
    }

    @Test("Cut at each offset it is the same request")
    func cuts() throws {
        let server = try LiveServer()
        let client = try server.client()
        let request = Records.request()
        for cut in 1..<request.count {
            client.send(Array(request[..<cut]))
            if cut % 8 == 0 { usleep(500) }
            client.send(Array(request[cut...]))
            #expect(client.receive() == plain)
        }
    }

    @Test("Padding is skipped also where libfcgi does not skip it")
    func padding() throws {
        let server = try LiveServer()
        let client = try server.client()
        for padding in 0...255 {
            client.send(Records.request(padding: padding))
            #expect(client.receive() == plain)
        }
    }

    @Test("Two requests sent at once: the first is answered, the second is never mistaken for something else")
    func pipelined() throws {
        let server = try LiveServer()
        let client = try server.client()
        client.send(Records.request() + Records.request())
        #expect(client.receive() == plain)
        #expect(client.isClosed)
    }

    @Test("An authorizer's request needs no body, and may have one")
    func authorizer() throws {
        let server = try LiveServer()
        #expect(try server.ask(Records.request(role: 2))?.hasSuffix("|authorizer|") == true)
        #expect(try server.ask(Records.request(role: 2) + Records.record(5))?.hasSuffix("|authorizer|") == true)
    }

    @Test("Half a request, an aborted one and a broken one are never answered, nor shown to the gate")
    func dropped() throws {
        let seen = Counter()
        let server = try LiveServer { request in
            seen.add()
            return .now(.echo(request))
        }
        let begin = Records.begin()
        let parameters = Records.record(4, Records.pairs())
        for bytes in [
            begin + parameters + Records.record(2), begin + parameters + Records.record(5),
            begin + Records.record(4, [0xFF, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF]), [9] + begin,
        ] {
            let client = try server.client()
            client.send(bytes)
            #expect(client.isClosed)
        }
        for bytes in [begin, begin + parameters, begin + parameters + Records.record(4)] {
            let client = try server.client()
            client.send(bytes)
            client.stopSending()
            #expect(client.isClosed)
        }
        #expect(seen.value == 0)
    }

    @Test("A body over the limit is answered 413 after it was sent, and the connection closed")
    func largeBody() throws {
        let server = try LiveServer(limits: Limits(checkThreads: 1, requestBytes: 8192))
        let client = try server.client()
        #expect(client.send(Records.request(body: [UInt8](repeating: 0x78, count: 500_000))))
        #expect(client.receive()?.hasPrefix("Status: 413 ") == true)
        #expect(client.isClosed)
        #expect(try server.ask(Records.request(parameters: [("A", String(repeating: "x", count: 9000))])) == nil)
        #expect(try server.ask() == plain)
    }

    @Test("Silent, stalling and dripping peers are closed in time, and nobody waits for them")
    func slowPeers() throws {
        var patience = Patience()
        (patience.silence, patience.request) = (700, 500)
        let server = try LiveServer(patience: patience)
        let begin = Records.begin()
        let peers = try (0..<20).map { _ in try server.client() }
        for (index, peer) in peers.enumerated() {
            peer.send([[], [1], begin, begin + Records.record(4, Records.pairs()).prefix(100)][index % 4])
        }
        let start = uptime()
        #expect(try server.ask() == plain)
        #expect(uptime() - start < 200)
        let dripping = try server.client()
        for byte in Records.request() where dripping.send([byte]) { usleep(5000) }
        #expect(dripping.receive() == nil)
        for peer in peers { #expect(peer.isClosed) }
        #expect(uptime() - start < 4000)
    }

    @Test("A kept connection may be idle for long")
    func idle() throws {
        var patience = Patience()
        (patience.silence, patience.request) = (100, 100)
        let server = try LiveServer(patience: patience)
        let client = try server.client()
        client.send(Records.request())
        #expect(client.receive() == plain)
        usleep(900_000)
        client.send(Records.request())
        #expect(client.receive() == plain)
    }

    @Test("Parked requests hold up nobody, are answered in the end, and their connections go on")
    func parked() throws {
        let gate = Monitor(false)
        let server = try LiveServer { request in
            guard request.text(.cookie) == "wait" else { return .now(.echo(request)) }
            return .later {
                _ = gate.wait(milliseconds: 5000) { $0 ? true : nil }
                return .echo(request)
            }
        }
        let waiting = try (0..<20).map { _ in try server.client() }
        for client in waiting { client.send(Records.request(parameters: [("HTTP_COOKIE", "wait")])) }
        for _ in 0..<20 { #expect(try server.ask() == plain) }
        gate.withLock { $0 = true }
        gate.wakeAll()
        for client in waiting {
            #expect(client.receive()?.contains("|wait|") == true)
            client.send(Records.request())
            #expect(client.receive() == plain)
        }
    }

    @Test("A full errand lane is answered 503 at once")
    func fullLane() throws {
        let gate = Monitor(false)
        let server = try LiveServer(limits: Limits(checkThreads: 1, errandThreads: 2, errandQueue: 1)) { request in
            .later {
                _ = gate.wait(milliseconds: 5000) { $0 ? true : nil }
                return .echo(request)
            }
        }
        let waiting = try (0..<3).map { _ in try server.client() }
        for client in waiting { client.send(Records.request()) }
        usleep(50_000)
        let client = try server.client()
        for _ in 0..<3 {
            client.send(Records.request())
            let answer = client.receive()
            #expect(answer?.hasPrefix("Status: 503 ") == true)
            #expect(answer?.contains("Retry-After: 1\r\n") == true)
        }
        gate.withLock { $0 = true }
        gate.wakeAll()
        for client in waiting { #expect(client.receive() == plain) }
    }

    @Test("A peer that is gone when its parked request is finished harms nobody")
    func goneWhileParked() throws {
        let server = try LiveServer { request in
            .later {
                usleep(100_000)
                return .echo(request)
            }
        }
        for _ in 0..<10 { try server.client().send(Records.request()) }
        usleep(300_000)
        #expect(try server.ask() == plain)
    }

    @Test("Large answers arrive whole, also for requests that came in pieces")
    func largeAnswers() throws {
        let body = [UInt8](repeating: 0x79, count: 300_000)
        let server = try LiveServer { _ in .now(Response(.ok, body: body)) }
        let client = try server.client()
        for isCut in [false, true] {
            let request = Records.request()
            client.send(Array(request.prefix(isCut ? 30 : request.count)))
            usleep(20_000)
            if isCut { client.send(Array(request.dropFirst(30))) }
            #expect(client.receive()?.utf8.count == body.count + 43)
        }
    }

    @Test("Nothing stays open, neither sockets nor files in memory")
    func descriptors() throws {
        let path: String
        do {
            let server = try LiveServer()
            path = server.path
            let client = try server.client()
            let request = Records.request()
            for piece in [request[...], request.prefix(9), request.dropFirst(9)] {
                client.send(Array(piece))
                usleep(10_000)
            }
            #expect(client.receive() == plain)
            #expect(client.receive() == plain)
            #expect(openDescriptors(of: path) == 2, "the listener and one connection")
        }
        #expect(openDescriptors(of: path) == 0)
    }
}

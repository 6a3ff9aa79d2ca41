import Glibc
import Testing
import Web

@testable import FastCGI

@Suite("The end of a server", .serialized)
struct ServerStopTests {
    private let plain = "Status: 200 OK\r\nCache-Control: no-store\r\n\r\nGET|/page?x=1|a=b|-|responder|"

    @Test("Stopping answers what is under way, parked or in the backlog, and closes the rest at once")
    func stopping() throws {
        let server = try LiveServer { request in
            guard request.text(.cookie) == "wait" else { return .now(.echo(request)) }
            return .later {
                usleep(600_000)
                return .echo(request)
            }
        }
        let kept = try server.client()
        kept.send(Records.request())
        #expect(kept.receive() == plain)
        let parked = try server.client()
        parked.send(Records.request(parameters: [("HTTP_COOKIE", "wait")]))
        usleep(50_000)
        let late = try server.client()
        late.send(Records.request())
        #expect(server.stop() < 3000)
        #expect(late.receive() == plain)
        #expect(parked.receive()?.contains("|wait|") == true)
        #expect(kept.isClosed)
        #expect(throws: SystemFailure.self) { try server.client() }
    }

    @Test("Stopping waits for what an errand started in the background")
    func stoppingInBackground() throws {
        let (background, done) = (ErrandLane(threads: 1, queue: 1), Counter())
        let server = try LiveServer(background: background) { request in
            .later {
                _ = background.submit {
                    usleep(400_000)
                    done.add()
                }
                return .echo(request)
            }
        }
        #expect(try server.ask() == plain)
        #expect(server.stop() < 2000)
        #expect(done.value == 1)
    }

    @Test("Stopping an idle server takes no time, and a silent peer cannot hold it up for long")
    func stoppingIdle() throws {
        #expect(try LiveServer().stop() < 500)
        let server = try LiveServer()
        let silent = try server.client()
        usleep(50_000)
        #expect(server.stop() < 2000)
        #expect(silent.isClosed)
    }
}

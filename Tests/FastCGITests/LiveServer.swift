import Glibc
import HTTPTypes
import Logging
import Synchronization
import Threads
import Web

@testable import FastCGI

/// A server on a socket of its own that answers as a test says, for as long as this object lives.
final class LiveServer {
    let path: String
    private let folder: TemporaryFolder
    private let server: Server
    private let isOver = Monitor(false)

    init(
        limits: Limits = Limits(checkThreads: 2), patience: Patience = Patience(),
        background: ErrandLane = ErrandLane(threads: 1, queue: 1),
        _ answer: @escaping @Sendable (Request) -> Answer = { .now(.echo($0)) }
    ) throws {
        folder = try TemporaryFolder()
        path = folder.path + "/s"
        let log = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        server = try Server(
            listen: [.unix(path: path)], group: nil, responder: ClosureResponder(body: answer),
            errands: ErrandLane(threads: limits.errandThreads, queue: limits.errandQueue), background: background,
            limits: limits, patience: patience, log: log)
        _ = spawn { [server, isOver] in
            server.run()
            isOver.withLock { $0 = true }
            isOver.wakeAll()
        }
    }

    deinit {
        _ = stop()
    }

    /// Milliseconds until the server had stopped.
    func stop() -> Int64 {
        let start = uptime()
        server.stop()
        _ = isOver.wait(milliseconds: 10_000) { $0 ? true : nil }
        return uptime() - start
    }

    func client() throws -> Client { try Client(path: path) }

    /// The answer to one request on a connection of its own.
    func ask(_ request: [UInt8] = Records.request()) throws -> String? {
        let client = try client()
        client.send(request)
        return client.receive()
    }
}

private struct ClosureResponder: Responder {
    let body: @Sendable (Request) -> Answer

    func answer(_ request: Request) -> Answer { body(request) }
}

extension Response {
    /// What the request said, so that tests see what arrived.
    static func echo(_ request: Request) -> Response {
        let said = [.requestMethod, .requestURI, .cookie, .queryString]
            .map { (parameter: Request.Parameter) in request.text(parameter) ?? "-" }
        let body = String(decoding: request.body, as: UTF8.self)
        return Response(.ok, body: Array((said + ["\(request.role)", body]).joined(separator: "|").utf8))
    }
}

/// Counts what several threads do.
final class Counter: Sendable {
    private let count = Atomic(0)

    var value: Int { count.load(ordering: .relaxed) }

    func add() { count.add(1, ordering: .relaxed) }
}

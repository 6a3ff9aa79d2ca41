import Testing

@testable import FastCGI

@Suite("The scan before libfcgi")
struct RecordScanTests {
    private func scan(_ bytes: [UInt8], limit: Int = 65536) -> RecordScan.Verdict {
        var scan = RecordScan(limit: limit)
        return scan.read(bytes)
    }

    @Test("A whole request of either role is complete, and its length is known")
    func whole() {
        for role: UInt16 in [1, 2] {
            let request = Records.request(role: role)
            var scan = RecordScan(limit: 65536)
            #expect(scan.read(request) == .complete)
            #expect(scan.length == request.count)
            #expect(scan.hasBodyEnd == (role == 1))
        }
    }

    @Test("Cut at any offset, a request is incomplete before and complete after")
    func cutAnywhere() {
        let request = Records.request(body: Array("a=b".utf8), padding: 3)
        for cut in 0..<request.count {
            var scan = RecordScan(limit: 65536)
            #expect(scan.read(Array(request[..<cut])) == .incomplete)
            #expect(scan.read(Array(request[cut...])) == .complete)
            #expect(scan.length == request.count)
        }
    }

    @Test("Byte by byte, in a hundred records and with any padding it is the same request")
    func pieces() {
        for padding in 0...255 {
            let request = Records.request(body: [1, 2, 3], size: 5, padding: padding)
            var scan = RecordScan(limit: 65536)
            for byte in request.dropLast() { #expect(scan.read([byte]) == .incomplete) }
            #expect(scan.read(Array(request.suffix(1))) == .complete)
            #expect(scan.isPadded == (padding > 0))
        }
    }

    @Test("What follows a request is not part of it")
    func trailing() {
        let request = Records.request()
        var scan = RecordScan(limit: 65536)
        #expect(scan.read((request + Records.request())) == .complete)
        #expect(scan.length == request.count)
    }

    @Test("Records in a body are body, at every alignment")
    func recordsInBody() {
        for shift in 0..<16 {
            let body = [UInt8](repeating: 0x20, count: shift) + Records.request()
            let request = Records.request(body: body)
            var scan = RecordScan(limit: 65536)
            #expect(scan.read((request + [1])) == .complete)
            #expect(scan.length == request.count)
        }
    }

    @Test("An authorizer's body belongs to its request when it is there")
    func authorizerBody() {
        let head = Records.request(role: 2)
        var scan = RecordScan(limit: 65536)
        #expect(scan.read((head + Records.record(5))) == .complete)
        #expect(scan.length == head.count + 8)
        #expect(scan.hasBodyEnd)
        scan = RecordScan(limit: 65536)
        #expect(scan.read((head + [1, 5, 0])) == .incomplete)
    }

    @Test("What may not come there breaks the request")
    func disorder() {
        let begin = Records.begin()
        let parameters = Records.record(4, Records.pairs())
        #expect(scan(begin + parameters + Records.record(2)) == .broken(.aborted))
        #expect(scan(begin + Records.record(2)) == .broken(.aborted))
        #expect(scan(begin + parameters + Records.record(4) + Records.record(2)) == .broken(.aborted))
        #expect(scan(begin + parameters + Records.record(5)) == .broken(.order))
        #expect(scan(begin + begin) == .broken(.order))
        #expect(scan(begin + Records.begin(id: 2)) == .broken(.foreign))
        #expect(scan(begin + Records.record(4, Records.pairs(), id: 2)) == .broken(.foreign))
        #expect(scan(begin + Records.record(4, [], id: 2)) == .broken(.foreign))
        #expect(scan(begin + Records.record(9, [], id: 0)) == .broken(.management))
        #expect(scan(Records.record(9, [], id: 0)) == .broken(.management))
        #expect(scan(begin + Records.record(77)) == .broken(.order))
        #expect(scan(begin + Records.record(8)) == .broken(.order))
        #expect(scan(parameters) == .broken(.order))
        #expect(scan(Records.begin(id: 0)) == .broken(.management))
        #expect(scan(Records.begin(role: 3)) == .broken(.role))
        #expect(scan(Records.begin(role: 0)) == .broken(.role))
        #expect(scan(Records.begin(role: 257)) == .broken(.role))
        #expect(scan([2] + begin.dropFirst()) == .broken(.version))
        #expect(scan(Array("GET / HTTP/1.1\r\n\r\n".utf8)) == .broken(.version))
        #expect(scan(Records.record(1, [0, 1, 0, 0])) == .broken(.begin))
        #expect(scan(Records.record(1, [UInt8](repeating: 1, count: 9))) == .broken(.begin))
    }

    @Test("Parameters that end within a pair break the request")
    func unfinishedPair() {
        let pairs = Records.pairs([("NAME", "value")])
        for cut in 1..<pairs.count {
            let request = Records.begin() + Records.stream(4, Array(pairs[..<cut]))
            #expect(scan(request) == .broken(.unfinishedPair))
        }
    }

    @Test("Parameters over the limit break the request before they are all there")
    func tooLarge() {
        let pairs = Records.pair("HTTP_COOKIE", String(repeating: "c", count: 5000))
        #expect(scan(Records.begin() + Records.record(4, pairs), limit: 4096) == .broken(.tooLarge))
        let header = Records.record(4, pairs).prefix(8)
        #expect(scan(Records.begin() + header, limit: 4096) == .broken(.tooLarge))
        #expect(scan(Records.begin() + Records.stream(4, pairs, size: 100), limit: 4096) == .broken(.tooLarge))
    }

    @Test("Padding without end breaks the request")
    func paddingFlood() {
        var scan = RecordScan(limit: 4096)
        _ = scan.read(Records.begin())
        var verdict = RecordScan.Verdict.incomplete
        for _ in 0..<100 where verdict == .incomplete {
            verdict = scan.read(Records.record(4, [0, 0], padding: 255))
        }
        #expect(verdict == .broken(.tooLarge))
    }

    @Test("A body over the limit is told apart, and read on to its end or a megabyte")
    func oversized() {
        let head = Records.begin() + Records.stream(4, Records.pairs())
        let body = Records.stream(5, [UInt8](repeating: 1, count: 5000), size: 1000)
        var scan = RecordScan(limit: 4096)
        #expect(scan.read((head + body.dropLast())) == .incomplete)
        #expect(scan.isOversized)
        #expect(scan.headLength == head.count)
        #expect(scan.read(Array(body.suffix(1))) == .oversized)
        scan = RecordScan(limit: 4096)
        _ = scan.read(head)
        let piece = Records.record(5, [UInt8](repeating: 1, count: 60_000))
        var pieces = 0
        while scan.read(piece) == .incomplete, pieces < 100 { pieces += 1 }
        #expect(pieces == 17)
    }

    @Test("Any byte changed anywhere never traps, and never makes another length of it")
    func mutations() {
        let request = Records.request(body: [1, 2, 3])
        for index in request.indices {
            for value: UInt8 in [0, 1, 2, 5, 127, 128, 255] {
                var bytes = request
                bytes[index] = value
                var scan = RecordScan(limit: 4096)
                _ = scan.read(bytes)
                #expect(scan.length <= bytes.count)
            }
        }
    }

    @Test("A gathered request keeps what belongs to it, and no body over the limit")
    func gathering() {
        let request = Records.request(body: [1, 2, 3])
        let gathering = Gathering(limit: 4096)
        #expect(gathering.read(Array(request.prefix(50))) == .incomplete)
        #expect(gathering.read((request.dropFirst(50) + [9])) == .complete)
        #expect(gathering.request == request)
        #expect(gathering.hasMore)

        let head = Records.begin() + Records.stream(4, Records.pairs(), padding: 7)
        let large = Gathering(limit: 4096)
        #expect(large.read((head + Records.stream(5, [UInt8](repeating: 1, count: 9000)))) == .oversized)
        #expect(large.request == Records.begin() + Records.stream(4, Records.pairs()) + Records.record(5))
    }
}

extension RecordScan {
    /// `take` for arrays.
    fileprivate mutating func read(_ bytes: [UInt8]) -> Verdict { take(bytes.span) }
}

extension Gathering {
    fileprivate func read(_ bytes: [UInt8]) -> RecordScan.Verdict { take(bytes.span) }
}

/// A request that did not come in one piece.
final class Gathering {
    private(set) var scan: RecordScan
    /// What came of it so far; a body over the limit is not kept.
    private var bytes: [UInt8] = []
    /// Whether more came than the request.
    private(set) var hasMore = false

    init(limit: Int) {
        scan = RecordScan(limit: limit)
    }

    func take(_ piece: Span<UInt8>) -> RecordScan.Verdict {
        let (before, wasOversized) = (scan.length, scan.isOversized)
        let verdict = scan.take(piece)
        let used = scan.length - before
        hasMore = used < piece.count
        guard !wasOversized else { return verdict }
        bytes.reserveCapacity(bytes.count + used)
        for index in 0..<used { bytes.append(piece[index]) }
        if scan.isOversized { cutBody() }
        return verdict
    }

    /// The request's records without padding, which libfcgi does not skip everywhere.
    var request: [UInt8] {
        var request: [UInt8] = []
        request.reserveCapacity(bytes.count)
        var index = 0
        while index + 8 <= bytes.count {
            let content = Int(bytes[index + 4]) << 8 | Int(bytes[index + 5])
            let padding = Int(bytes[index + 6])
            request += bytes[index..<index + 6] + [0, 0]
            request += bytes[index + 8..<min(index + 8 + content, bytes.count)]
            index += 8 + content + padding
        }
        return request
    }

    /// Leaves the parameters and an empty body: that is enough to answer "too large".
    private func cutBody() {
        bytes.removeSubrange(scan.headLength...)
        bytes += [1, 5, UInt8(scan.id >> 8), UInt8(scan.id & 0xFF), 0, 0, 0, 0]
    }
}

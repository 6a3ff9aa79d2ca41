/// Looks at what has arrived of a request (FastCGI specification, section 3) before libfcgi may read it: libfcgi
/// blocks on half of one, delivers what was cut off as if it were whole, and believes any length.
enum RecordScan {
    enum Verdict: Equatable {
        /// One request, from its first byte to this many.
        case whole(Int)
        /// Not all is there.
        case partial
        /// The parameters are there, and the body is longer than we take.
        case bodyTooLong
        /// This will never be a request that we answer.
        case broken(Breach)
    }

    enum Breach: Equatable {
        case badRecord
        case badRole
        case unexpectedRecord
        case aborted
        case parametersTooLong
        case badPairs
    }

    static let mostPairs = 512
    private static let headerLength = 8
    private static let responder: UInt8 = 1
    private static let authorizer: UInt8 = 2

    private enum RecordType {
        static let beginRequest: UInt8 = 1
        static let abortRequest: UInt8 = 2
        static let parameters: UInt8 = 4
        static let standardInput: UInt8 = 5
    }

    /// One record: where its content is, and where the next begins.
    private struct Record {
        let type: UInt8
        let content: Range<Int>
        let end: Int
    }

    /// Judges these bytes. `limit` is for parameters and body together.
    static func judge(_ bytes: Span<UInt8>, limit: Int) -> Verdict {
        guard bytes.count >= headerLength else { return bytes.count > 0 && bytes[0] != 1 ? .broken(.badRecord) : .partial }
        guard let id = requestID(bytes, at: 0), id != 0 else { return .broken(.badRecord) }
        guard bytes[1] == RecordType.beginRequest, length(bytes, at: 0) == 8 else { return .broken(.unexpectedRecord) }
        guard let begin = record(bytes, at: 0, id: id) else { return .partial }
        let role = bytes[begin.content.lowerBound + 1]
        guard bytes[begin.content.lowerBound] == 0, role == responder || role == authorizer else {
            return .broken(.badRole)
        }
        return parameters(bytes, from: begin.end, id: id, role: role, limit: limit)
    }

    /// The stream of parameters, to its end.
    private static func parameters(
        _ bytes: Span<UInt8>, from start: Int, id: UInt16, role: UInt8, limit: Int
    ) -> Verdict {
        var offset = start
        var parts: [Range<Int>] = []
        while true {
            guard offset + headerLength <= bytes.count else { return partial(offset, limit, .parametersTooLong) }
            guard let breach = breach(bytes, at: offset, id: id, expected: RecordType.parameters) else {
                guard let record = record(bytes, at: offset, id: id) else {
                    return partial(offset + headerLength + length(bytes, at: offset), limit, .parametersTooLong)
                }
                offset = record.end
                guard offset <= limit else { return .broken(.parametersTooLong) }
                if record.content.isEmpty { break }
                parts.append(record.content)
                continue
            }
            return .broken(breach)
        }
        guard arePairs(bytes, parts) else { return .broken(.badPairs) }
        return role == authorizer ? .whole(offset) : body(bytes, from: offset, id: id, limit: limit)
    }

    /// The stream of the body, to its end.
    private static func body(_ bytes: Span<UInt8>, from start: Int, id: UInt16, limit: Int) -> Verdict {
        var offset = start
        while true {
            guard offset + headerLength <= bytes.count else { return offset > limit ? .bodyTooLong : .partial }
            if let breach = breach(bytes, at: offset, id: id, expected: RecordType.standardInput) {
                return .broken(breach)
            }
            let isLast = length(bytes, at: offset) == 0
            guard let record = record(bytes, at: offset, id: id) else {
                return offset + headerLength + length(bytes, at: offset) > limit ? .bodyTooLong : .partial
            }
            offset = record.end
            guard offset <= limit else { return .bodyTooLong }
            if isLast { return .whole(offset) }
        }
    }

    private static func partial(_ needed: Int, _ limit: Int, _ breach: Breach) -> Verdict {
        needed > limit ? .broken(breach) : .partial
    }

    /// What is wrong with a record's header, where another of this type is expected.
    private static func breach(_ bytes: Span<UInt8>, at offset: Int, id: UInt16, expected: UInt8) -> Breach? {
        guard let found = requestID(bytes, at: offset) else { return .badRecord }
        guard found == id else { return .unexpectedRecord }
        if bytes[offset + 1] == RecordType.abortRequest { return .aborted }
        return bytes[offset + 1] == expected ? nil : .unexpectedRecord
    }

    /// The id of a record; `nil` when its version is not 1.
    private static func requestID(_ bytes: Span<UInt8>, at offset: Int) -> UInt16? {
        bytes[offset] == 1 ? UInt16(bytes[offset + 2]) << 8 | UInt16(bytes[offset + 3]) : nil
    }

    private static func length(_ bytes: Span<UInt8>, at offset: Int) -> Int {
        Int(bytes[offset + 4]) << 8 | Int(bytes[offset + 5])
    }

    /// The record whose header is there; `nil` when not all of it is.
    private static func record(_ bytes: Span<UInt8>, at offset: Int, id: UInt16) -> Record? {
        let start = offset + headerLength
        let content = start..<(start + length(bytes, at: offset))
        let end = content.upperBound + Int(bytes[offset + 6])
        return end <= bytes.count ? Record(type: bytes[offset + 1], content: content, end: end) : nil
    }
}

/// Name-value pairs (FastCGI specification, section 3.4).
extension RecordScan {
    /// Whether the stream is made of pairs that end where it ends.
    private static func arePairs(_ bytes: Span<UInt8>, _ parts: [Range<Int>]) -> Bool {
        guard parts.count > 1 else {
            return parts.first.map { arePairs(bytes.extracting($0)) } ?? true
        }
        var stream: [UInt8] = []
        for part in parts {
            for index in part { stream.append(bytes[index]) }
        }
        return arePairs(stream.span)
    }

    private static func arePairs(_ stream: Span<UInt8>) -> Bool {
        var offset = 0
        var count = 0
        while offset < stream.count {
            guard let name = size(stream, &offset), let value = size(stream, &offset), name > 0 else { return false }
            let rest = stream.count - offset
            guard name <= rest, value <= rest - name else { return false }
            offset += name + value
            count += 1
            guard count <= mostPairs else { return false }
        }
        return true
    }

    /// One byte below 128, else four with the highest bit set.
    private static func size(_ stream: Span<UInt8>, _ offset: inout Int) -> Int? {
        guard offset < stream.count else { return nil }
        guard stream[offset] >= 0x80 else {
            defer { offset += 1 }
            return Int(stream[offset])
        }
        guard offset + 4 <= stream.count else { return nil }
        defer { offset += 4 }
        return Int(stream[offset] & 0x7F) << 24 | Int(stream[offset + 1]) << 16 | Int(stream[offset + 2]) << 8
            | Int(stream[offset + 3])
    }
}

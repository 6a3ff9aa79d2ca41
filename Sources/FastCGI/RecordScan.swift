internal import Web

/// Why a connection is closed without an answer.
enum Flaw: String, Equatable, Sendable {
    case version = "a record that is not of FastCGI version 1"
    case management = "a management record"
    case role = "a role that is neither responder nor authorizer"
    case order = "a record that may not come here"
    case foreign = "a record of another request"
    case begin = "a BEGIN_REQUEST record of the wrong length"
    case aborted = "the web server aborted the request"
    case unfinishedPair = "parameters that end within a name or value"
    case nul = "a NUL in a parameter"
    case equalsSign = "an equals sign in a parameter's name"
    case tooManyParameters = "too many parameters"
    case tooLarge = "more bytes than limits.request_bytes"
}

/// Reads along with one request, record by record (FastCGI specification, sections 3.3 and 5), and keeps none of it.
/// libfcgi gets only what this scan has found whole: it waits on half a request, and believes every length.
struct RecordScan {
    enum Verdict: Equatable {
        case incomplete
        case complete
        /// Its body is over the limit; the request is whole, or enough of it has been read.
        case oversized
        case broken(Flaw)
    }

    /// Bytes of the request so far, headers and padding included.
    private(set) var length = 0
    /// `length` where the parameters ended.
    private(set) var headLength = 0
    private(set) var role = Request.Role.responder
    private(set) var id: UInt16 = 0
    /// Whether the body is over the limit; what comes of it is only counted.
    private(set) var isOversized = false
    /// Whether there is anything in the body.
    private(set) var hasBody = false
    /// Whether BEGIN_REQUEST or the end of a stream is padded. libfcgi takes such padding for the next record.
    private(set) var isPadded = false

    private let limit: Int
    private var pairs: PairScan
    private var stage = Stage.begin
    /// The record's header, or the body of BEGIN_REQUEST: eight bytes each.
    private var word: UInt64 = 0
    private var wordBytes = 0
    private var content = 0
    private var padding = 0
    private var isInHeader = true
    /// Content of PARAMS and STDIN so far.
    private var contentSum = 0

    private enum Stage {
        case begin, parameters, body, over
    }

    private enum RecordType {
        static let begin: UInt8 = 1
        static let abort: UInt8 = 2
        static let parameters: UInt8 = 4
        static let body: UInt8 = 5
    }

    /// Bytes of a body over the limit that are read and dropped, so that the web server can read our answer.
    static let mostDiscarded = 1024 * 1024

    /// `limit`: bytes of parameters, and of parameters and body.
    init(limit: Int) {
        self.limit = limit
        pairs = PairScan(limit: limit)
    }

    /// Whether an empty STDIN record ended the body. An authorizer's request has none as a rule.
    var hasBodyEnd: Bool { stage == .over }

    /// Takes the next bytes, up to the end of the request.
    mutating func take(_ bytes: Span<UInt8>) -> Verdict {
        var index = 0
        while index < bytes.count, !isWhole(unlessMore: true) {
            let before = index
            let flaw = isInHeader ? takeHeader(bytes, &index) : takeContent(bytes, &index)
            length += index - before
            if headLength == 0, stage == .body, isInHeader { headLength = length }
            if let flaw { return .broken(flaw) }
            if isOversized, length >= headLength + Self.mostDiscarded { return .oversized }
            if !isOversized, length > 2 * limit + 4096 { return .broken(.tooLarge) }
        }
        guard isWhole(unlessMore: false) else { return .incomplete }
        return isOversized ? .oversized : .complete
    }

    /// An authorizer's request is whole after its parameters, but records of a body that are there belong to it.
    private func isWhole(unlessMore: Bool) -> Bool {
        guard isInHeader, wordBytes == 0 else { return false }
        return stage == .over || (stage == .body && role == .authorizer && !unlessMore)
    }
}

extension RecordScan {
    /// Version, type, id (2 bytes), content length (2), padding length, reserved.
    private mutating func takeHeader(_ bytes: Span<UInt8>, _ index: inout Int) -> Flaw? {
        takeWord(bytes, &index, upTo: bytes.count)
        guard wordBytes == 8 else { return nil }
        wordBytes = 0
        content = Int(word >> 16 & 0xFFFF)
        padding = Int(word >> 8 & 0xFF)
        isPadded = isPadded || (padding > 0 && (stage == .begin || content == 0))
        isInHeader = content + padding == 0
        return begin(
            version: UInt8(word >> 56), type: UInt8(word >> 48 & 0xFF), id: UInt16(word >> 32 & 0xFFFF))
    }

    private mutating func takeWord(_ bytes: Span<UInt8>, _ index: inout Int, upTo end: Int) {
        // The rule: it is there whole.
        if wordBytes == 0, end - index >= 8 {
            word = unsafe bytes.withUnsafeBytes {
                unsafe UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            }
            wordBytes = 8
            index += 8
            return
        }
        while wordBytes < 8, index < end {
            word = word << 8 | UInt64(bytes[index])
            wordBytes += 1
            index += 1
        }
    }

    /// Judges a record by its header.
    private mutating func begin(version: UInt8, type: UInt8, id: UInt16) -> Flaw? {
        guard version == 1 else { return .version }
        guard id != 0 else { return .management }
        guard stage != .begin else { return beginRequest(type: type, id: id) }
        guard id == self.id else { return .foreign }
        switch (stage, type) {
        case (_, RecordType.abort): return .aborted
        case (.parameters, RecordType.parameters): return beginParameters()
        case (.body, RecordType.body): return beginBody()
        default: return .order
        }
    }

    private mutating func beginRequest(type: UInt8, id: UInt16) -> Flaw? {
        guard type == RecordType.begin else { return .order }
        guard content == 8 else { return .begin }
        self.id = id
        return nil
    }

    private mutating func beginParameters() -> Flaw? {
        contentSum += content
        guard contentSum <= limit else { return .tooLarge }
        guard content == 0 else { return nil }
        guard pairs.isBetweenPairs else { return .unfinishedPair }
        stage = .body
        return nil
    }

    private mutating func beginBody() -> Flaw? {
        contentSum += content
        isOversized = isOversized || contentSum > limit
        if content == 0 { stage = .over } else { hasBody = true }
        return nil
    }

    /// Takes content, then padding.
    private mutating func takeContent(_ bytes: Span<UInt8>, _ index: inout Int) -> Flaw? {
        let piece = index..<index + min(content, bytes.count - index)
        var flaw: Flaw?
        switch stage {
        case .begin: flaw = takeBeginBody(bytes, piece)
        case .parameters: flaw = pairs.take(bytes.extracting(piece))
        case .body, .over: break
        }
        content -= piece.count
        index = piece.upperBound
        if content == 0 {
            let skipped = min(padding, bytes.count - index)
            padding -= skipped
            index += skipped
        }
        isInHeader = content + padding == 0
        return flaw
    }

    /// Role (2 bytes), flags, and five reserved bytes.
    private mutating func takeBeginBody(_ bytes: Span<UInt8>, _ piece: Range<Int>) -> Flaw? {
        var index = piece.lowerBound
        takeWord(bytes, &index, upTo: piece.upperBound)
        guard wordBytes == 8 else { return nil }
        wordBytes = 0
        stage = .parameters
        switch word >> 48 {
        case 1: role = .responder
        case 2: role = .authorizer
        default: return .role
        }
        return nil
    }
}

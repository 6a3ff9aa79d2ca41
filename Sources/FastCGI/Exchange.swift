internal import CFastCGI
internal import Glibc
internal import Web

/// One request of libfcgi's: the owner of its memory, and the only one who touches it. It may begin on one thread and
/// end on another, but is never used by two at once.
@safe final class Exchange: @unchecked Sendable {
    private let request = UnsafeMutablePointer<FCGX_Request>.allocate(capacity: 1)
    private var isKept = false
    private(set) var role = Request.Role.responder

    init() {
        unsafe request.initialize(to: FCGX_Request())
        unsafe FCGX_InitRequest(request, -1, 0)
    }

    deinit {
        unsafe FCGX_Free(request, 0)
        unsafe request.deinitialize(count: 1)
        unsafe request.deallocate()
    }

    /// What became of the connection.
    enum Ending {
        case kept
        case closed
    }

    /// Reads the request that is known to be there. `nil` when libfcgi finds fault with it; the connection is closed
    /// then.
    func begin(on descriptor: Int32) -> Request? {
        unsafe request.pointee.ipcFd = descriptor
        // Or FCGX_Accept_r closes the descriptor before it reads, and every close waits for the peer.
        unsafe request.pointee.keepConnection = 1
        unsafe request.pointee.detached = 1
        guard unsafe FCGX_Accept_r(request) == 0 else {
            // libfcgi closed it.
            return nil
        }
        isKept = unsafe request.pointee.keepConnection != 0
        role = unsafe request.pointee.role == 2 ? .authorizer : .responder
        let parameters = parameters()
        // An authorizer's web server may send no body, not even its end: reading would wait for it.
        let body = role == .authorizer ? [] : body()
        guard unsafe FCGX_GetError(request.pointee.in) == 0 else {
            _ = end(keeping: false)
            return nil
        }
        return parameters.request(role: role, body: body)
    }

    private func parameters() -> Request.Builder {
        var builder = Request.Builder()
        guard var next = unsafe request.pointee.envp else { return builder }
        while let pair = unsafe next.pointee {
            let bytes = unsafe UnsafeRawBufferPointer(start: pair, count: strlen(pair)).bindMemory(to: UInt8.self)
            if let equals = unsafe bytes.firstIndex(of: UInt8(ascii: "=")) {
                let span = unsafe Span(_unsafeElements: bytes)
                builder.add(name: span.extracting(0..<equals), value: span.extracting((equals + 1)...))
            }
            unsafe next += 1
        }
        return builder
    }

    /// To its end, whoever wants it: what is left would be taken for the next request.
    private func body() -> [UInt8] {
        var body: [UInt8] = []
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer in
            while true {
                let count = unsafe FCGX_GetStr(buffer.baseAddress, 4096, request.pointee.in)
                guard count > 0 else { return }
                unsafe body.append(contentsOf: UnsafeRawBufferPointer(start: buffer.baseAddress, count: Int(count)))
            }
        }
        return body
    }

    /// Reads and forgets a body that is longer than we take, up to this many bytes.
    func discardBody(limit: Int) {
        var left = limit
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 4096) { buffer in
            while left > 0 {
                let count = unsafe FCGX_GetStr(buffer.baseAddress, 4096, request.pointee.in)
                guard count > 0 else { return }
                left -= Int(count)
            }
        }
    }

    /// Begins a request whose body is not all there, without reading the body.
    func beginWithoutBody(on descriptor: Int32) -> Bool {
        unsafe request.pointee.ipcFd = descriptor
        unsafe request.pointee.keepConnection = 1
        unsafe request.pointee.detached = 1
        return unsafe FCGX_Accept_r(request) == 0
    }

    /// Sends the answer and ends the request.
    func finish(with answer: [UInt8], keeping: Bool = true) -> Ending {
        unsafe answer.withUnsafeBytes { bytes in
            _ = unsafe FCGX_PutStr(
                bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(clamping: bytes.count), request.pointee.out)
        }
        return end(keeping: keeping && isKept)
    }

    private func end(keeping: Bool) -> Ending {
        let descriptor = unsafe request.pointee.ipcFd
        unsafe request.pointee.keepConnection = 1
        unsafe FCGX_Finish_r(request)
        // After an error libfcgi has closed the descriptor itself.
        guard unsafe request.pointee.ipcFd >= 0 else { return .closed }
        unsafe request.pointee.ipcFd = -1
        guard keeping else {
            close(descriptor)
            return .closed
        }
        return .kept
    }
}

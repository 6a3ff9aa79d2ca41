internal import CFastCGI
internal import Glibc
internal import Web

/// One request in libfcgi's hands, from its first byte to the end of its answer. Used again for the next one.
///
/// `@unchecked Sendable`: one thread at a time has it, the check thread or the errand that finishes it.
@safe final class Exchange: @unchecked Sendable {
    private let request: UnsafeMutablePointer<FCGX_Request>
    private var answer: [UInt8] = []
    /// What the parameters of the last request stood in.
    private var buffer: [UInt8] = []
    private var names = NameMemory()
    private var role = Request.Role.responder
    private var peer: Int32 = -1
    private var mayKeep = false

    init() {
        unsafe request = .allocate(capacity: 1)
        // Without a listener of its own, libfcgi returns from a broken connection instead of waiting for another.
        unsafe FCGX_InitRequest(request, -1, 0)
        answer.reserveCapacity(4096)
    }

    deinit {
        unsafe FCGX_Free(request, 0)
        unsafe request.deallocate()
    }

    /// Lets libfcgi read a request, which is whole in `bytes`, and gives it as a value. `hasBody` says whether there
    /// is anything in its body; `mayKeep` whether another request may follow on the connection. Nil when libfcgi had trouble: nothing
    /// of the request may be believed then, and the connection is closed.
    func read(_ bytes: Span<UInt8>, hasBody: Bool, from peer: Int32, mayKeep: Bool) -> Request? {
        (self.peer, self.mayKeep) = (peer, mayKeep)
        return unsafe bytes.withUnsafeBytes { bytes in
            unsafe fcgi_feed(bytes.baseAddress, bytes.count)
            defer { fcgi_feed(nil, 0) }
            return accept() ? takeRequest(hasBody: hasBody) : nil
        }
    }

    private func accept() -> Bool {
        unsafe request.pointee.ipcFd = peer
        // Otherwise libfcgi closes the descriptor before it reads, and waits up to two seconds at each close.
        unsafe request.pointee.keepConnection = 1
        unsafe request.pointee.detached = 1
        guard unsafe FCGX_Accept_r(request) == 0 else { return false }
        mayKeep = mayKeep && (unsafe request.pointee.keepConnection != 0)
        unsafe request.pointee.keepConnection = 1
        return true
    }

    private func takeRequest(hasBody: Bool) -> Request? {
        let body = hasBody ? readBody() : []
        guard let role = Request.Role(number: unsafe request.pointee.role),
            unsafe FCGX_GetError(request.pointee.in) == 0
        else {
            unsafe FCGX_Free(request, 1)
            return nil
        }
        self.role = role
        var builder = Request.Builder(reusing: takeBuffer())
        addParameters(to: &builder)
        let request = builder.request(role: role, body: body)
        buffer = request.storage
        return request
    }

    /// Writes the answer and ends the request. Whether the connection goes on; it is closed otherwise.
    func finish(_ response: Response) -> Bool {
        ResponseWriter.write(response, for: role, into: &answer)
        if answer.count > Self.surelyBuffered { limitWaiting(on: peer) }
        _ = unsafe answer.withUnsafeBytes { bytes in
            unsafe FCGX_PutStr(bytes.baseAddress, Int32(clamping: bytes.count), request.pointee.out)
        }
        unsafe FCGX_Finish_r(request)
        // After trouble, libfcgi has closed what it was given.
        let isWritten = unsafe request.pointee.ipcFd >= 0
        unsafe request.pointee.ipcFd = -1
        guard isWritten else { return false }
        if !mayKeep { close(peer) }
        return mayKeep
    }

    /// Bytes that the buffer of a new connection holds, of TCP, too.
    private static let surelyBuffered = 8192

    private func takeBuffer() -> [UInt8] {
        defer { buffer = [] }
        return buffer
    }

    private func readBody() -> [UInt8] {
        var body: [UInt8] = []
        unsafe withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
            while true {
                let count = unsafe FCGX_GetStr(buffer.baseAddress, Int32(buffer.count), request.pointee.in)
                guard count > 0 else { return }
                unsafe body.append(contentsOf: buffer.prefix(Int(count)))
            }
        }
        return body
    }

    /// One pass over all parameters, each a C string `name=value`. Only values of ours are copied.
    private func addParameters(to builder: inout Request.Builder) {
        guard var next = unsafe request.pointee.envp else { return }
        // Ours alone for this pass: each change of a class's property is checked for others.
        var names = NameMemory()
        swap(&names, &self.names)
        defer { swap(&names, &self.names) }
        var index = 0
        while let text = unsafe next.pointee {
            defer {
                unsafe next += 1
                index += 1
            }
            guard let (parameter, length) = unsafe names.look(at: text, index), let parameter else { continue }
            let value = unsafe text + length
            let start = builder.storage.count
            unsafe builder.storage.append(contentsOf: UnsafeRawBufferPointer(start: value, count: strlen(value)))
            builder.add(parameter, from: start)
        }
    }
}

extension Request.Role {
    /// FastCGI specification, section 5.1.
    fileprivate init?(number: Int32) {
        switch number {
        case 1: self = .responder
        case 2: self = .authorizer
        default: return nil
        }
    }
}

internal import CCurl
internal import Glibc
internal import HTTPTypes
internal import Web

/// One request in the engine: what libcurl is told, and what comes in. Used by the engine's thread alone.
final class Transfer {
    let call: Call
    let easy: EasyHandle
    private var body: [UInt8] = []
    private var head: [UInt8] = []
    private var isTooLarge = false
    private var isAddressRefused = false

    /// All lines of an answer's head together.
    private static let headLimit = 64 * 1024

    /// `nil` when libcurl does not take one of the options.
    init?(_ call: Call) {
        guard let easy = EasyHandle() else { return nil }
        self.call = call
        self.easy = easy
        describe(call.request)
        guardConnection(call.request)
        receive()
        guard easy.isComplete else { return nil }
    }

    private func describe(_ request: ProviderRequest) {
        easy.set(CURLOPT_URL, request.url.text)
        easy.set(CURLOPT_PATH_AS_IS, 1)
        easy.set(CURLOPT_USERAGENT, "Postern")
        // An empty `Expect` keeps libcurl from asking first whether a long body is welcome.
        easy.set(fields: request.fields.map(Self.line) + ["Expect:"])
        if request.method == .post || !request.body.isEmpty { easy.set(body: request.body) }
        if request.method != .get, request.method != .post {
            easy.set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
        }
        if let connection = request.connection { easy.set(connection: "::\(connection)") }
        easy.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
    }

    /// A field without a value ends with a semicolon: with a colon libcurl would leave it out.
    private static func line(_ field: HTTPField) -> String {
        field.value.isEmpty ? "\(field.name.rawName);" : "\(field.name.rawName): \(field.value)"
    }

    private func guardConnection(_ request: ProviderRequest) {
        easy.set(CURLOPT_NOSIGNAL, 1)
        easy.set(CURLOPT_PROTOCOLS_STR, request.url.isHTTPS ? "https" : "http")
        easy.set(CURLOPT_FOLLOWLOCATION, 0)
        easy.set(CURLOPT_PROXY, "")
        easy.set(CURLOPT_CONNECTTIMEOUT_MS, Int(min(3000, max(1, call.rest))))
        easy.set(CURLOPT_TIMEOUT_MS, Int(max(1, call.rest)))
        easy.set(CURLOPT_MAXFILESIZE, request.limit)
        easy.set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        easy.set(CURLOPT_SSL_VERIFYPEER, 1)
        easy.set(CURLOPT_SSL_VERIFYHOST, 2)
        if let caFile = request.caFile {
            easy.set(CURLOPT_CAINFO, caFile)
            // Else the system's directory of authorities would be trusted beside the file.
            easy.set(CURLOPT_CAPATH, nil)
        }
        if let certificate = request.clientCertificate {
            easy.set(CURLOPT_SSLCERT, certificate.file)
            easy.set(CURLOPT_SSLKEY, certificate.keyFile)
        }
        // A name server that does not answer must not hold the engine when a transfer is given up.
        easy.set(CURLOPT_QUICK_EXIT, 1)
        unsafe easy.set(opener: openSocket, self)
    }

    private func receive() {
        unsafe easy.set(CURLOPT_WRITEFUNCTION, receiveBody, CURLOPT_WRITEDATA, self)
        unsafe easy.set(CURLOPT_HEADERFUNCTION, receiveHead, CURLOPT_HEADERDATA, self)
    }
}

extension Transfer {
    /// What came of it, once libcurl says that it is over.
    func outcome(_ code: CURLcode) -> Call.Outcome {
        switch code {
        case CURLE_OK:
            .success(ProviderResponse(status: easy.status, contentType: easy.contentType, head: head, body: body))
        case CURLE_OPERATION_TIMEDOUT: .failure(.timedOut)
        case CURLE_FILESIZE_EXCEEDED: .failure(.tooLarge)
        case _ where isTooLarge: .failure(.tooLarge)
        case CURLE_COULDNT_CONNECT where isAddressRefused: .failure(.refusedAddress(easy.text(of: code)))
        case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CACERT_BADFILE,
            CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS:
            .failure(.untrusted(easy.text(of: code)))
        default: .failure(.unreachable(easy.text(of: code)))
        }
    }

    fileprivate func take(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count <= call.request.limit - body.count else {
            isTooLarge = true
            return false
        }
        unsafe body.append(contentsOf: bytes)
        return true
    }

    fileprivate func takeHead(_ bytes: UnsafeRawBufferPointer) -> Bool {
        isTooLarge = isTooLarge || bytes.count > Self.headLimit - head.count
        guard !isTooLarge else { return false }
        unsafe head.append(contentsOf: bytes)
        return true
    }

    /// Whether a connection to this address may be opened. What libcurl cannot name is refused.
    fileprivate func admits(_ address: IPAddress?) -> Bool {
        let isAdmitted = address.map { !$0.isOffLimits } ?? false
        isAddressRefused = isAddressRefused || !isAdmitted
        return isAdmitted
    }
}

private func receiveBody(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ transfer: UnsafeMutableRawPointer?
) -> Int {
    guard let transfer = unsafe transfer, let bytes = unsafe bytes else { return 0 }
    let object = unsafe Unmanaged<Transfer>.fromOpaque(transfer).takeUnretainedValue()
    let isTaken = unsafe object.take(UnsafeRawBufferPointer(start: bytes, count: size * count))
    return isTaken ? size * count : Int(CURL_WRITEFUNC_ERROR)
}

private func receiveHead(
    _ bytes: UnsafeMutablePointer<CChar>?, _ size: Int, _ count: Int, _ transfer: UnsafeMutableRawPointer?
) -> Int {
    guard let transfer = unsafe transfer, let bytes = unsafe bytes else { return 0 }
    let object = unsafe Unmanaged<Transfer>.fromOpaque(transfer).takeUnretainedValue()
    let isTaken = unsafe object.takeHead(UnsafeRawBufferPointer(start: bytes, count: size * count))
    return isTaken ? size * count : Int(CURL_WRITEFUNC_ERROR)
}

private func openSocket(
    _ transfer: UnsafeMutableRawPointer?, _ purpose: curlsocktype, _ address: UnsafeMutablePointer<curl_sockaddr>?
) -> curl_socket_t {
    guard let transfer = unsafe transfer, let address = unsafe address else { return CURL_SOCKET_BAD }
    let object = unsafe Unmanaged<Transfer>.fromOpaque(transfer).takeUnretainedValue()
    guard unsafe object.admits(IPAddress(connecting: address)) else { return CURL_SOCKET_BAD }
    return unsafe socket(
        address.pointee.family, address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue), address.pointee.protocol)
}

internal import CCurl

/// One exchange as libcurl knows it, with the memory that must live as long.
@safe final class EasyHandle {
    let pointer: UnsafeMutableRawPointer
    private let message: UnsafeMutablePointer<CChar>
    private var fields: UnsafeMutablePointer<curl_slist>?
    private var connections: UnsafeMutablePointer<curl_slist>?
    /// Whether every option was taken. One that this libcurl does not know may be one that guards.
    private(set) var isComplete = true

    /// Tells it from all others.
    var address: UInt { unsafe UInt(bitPattern: pointer) }

    init?() {
        guard let pointer = unsafe curl_easy_init() else { return nil }
        unsafe self.pointer = pointer
        unsafe message = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
        unsafe message.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
        unsafe note(curl_set_pointer(pointer, CURLOPT_ERRORBUFFER, message))
    }

    deinit {
        unsafe curl_easy_cleanup(pointer)
        unsafe curl_slist_free_all(fields)
        unsafe curl_slist_free_all(connections)
        unsafe message.deallocate()
    }

    func set(_ option: CURLoption, _ value: Int) {
        unsafe note(curl_set_long(pointer, option, value))
    }

    /// `nil` takes libcurl's own value away.
    func set(_ option: CURLoption, _ text: String?) {
        guard let text else {
            unsafe note(curl_set_string(pointer, option, nil))
            return
        }
        unsafe note(curl_set_string(pointer, option, text))
    }

    /// A copy of the bytes becomes the request's body.
    func set(body: [UInt8]) {
        set(CURLOPT_POST, 1)
        set(CURLOPT_POSTFIELDSIZE, body.count)
        unsafe body.withUnsafeBytes { unsafe note(curl_set_bytes(pointer, CURLOPT_COPYPOSTFIELDS, $0.baseAddress)) }
    }

    func set(fields lines: [String]) {
        for line in lines {
            guard let longer = unsafe curl_slist_append(fields, line) else {
                isComplete = false
                return
            }
            unsafe fields = longer
        }
        unsafe note(curl_set_fields(pointer, fields))
    }

    /// Where to connect in place of the URL's host and port, `::HOST:PORT`.
    func set(connection: String) {
        unsafe connections = curl_slist_append(connections, connection)
        unsafe note(curl_set_connections(pointer, connections))
    }

    func set(_ option: CURLoption, _ receiver: curl_write_callback, _ target: CURLoption, _ object: Transfer) {
        unsafe note(curl_set_receiver(pointer, option, receiver))
        unsafe note(curl_set_pointer(pointer, target, Unmanaged.passUnretained(object).toOpaque()))
    }

    func set(opener: curl_opensocket_callback, _ object: Transfer) {
        unsafe note(curl_set_opener(pointer, opener))
        unsafe note(curl_set_pointer(pointer, CURLOPT_OPENSOCKETDATA, Unmanaged.passUnretained(object).toOpaque()))
    }

    private func note(_ code: CURLcode) {
        if code != CURLE_OK { isComplete = false }
    }
}

extension EasyHandle {
    var status: Int {
        var status = 0
        _ = unsafe curl_get_long(pointer, CURLINFO_RESPONSE_CODE, &status)
        return status
    }

    var contentType: String {
        var text: UnsafeMutablePointer<CChar>?
        guard unsafe curl_get_string(pointer, CURLINFO_CONTENT_TYPE, &text) == CURLE_OK, let text = unsafe text else {
            return ""
        }
        return unsafe String(cString: text)
    }

    /// What libcurl says of a failure.
    func text(of code: CURLcode) -> String {
        if unsafe message.pointee != 0 { return unsafe String(cString: message) }
        guard let text = unsafe curl_easy_strerror(code) else { return "error \(code.rawValue)" }
        return unsafe String(cString: text)
    }
}

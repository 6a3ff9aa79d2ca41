import Glibc

/// `openssl s_server` with a certificate of its own making, on a port of 127.0.0.1.
@safe final class TLSServer {
    static var isAvailable: Bool { unsafe access("/usr/bin/openssl", X_OK) == 0 }

    let port: UInt16
    /// The file of its certificate, which is its own authority.
    var caFile: String { directory + "/ca.pem" }
    /// The file of the key of that certificate.
    var keyFile: String { directory + "/key.pem" }
    private let directory: String
    private let process: pid_t
    private let output: UnsafeMutablePointer<FILE>

    /// `name` is the one host that the certificate is for; `options` are added to the command.
    init?(name: String, options: String = "") {
        var template = Array("/tmp/postern-tls-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { return nil }
        let directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        let command = """
            cd \(directory) && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out ca.pem -days 2 \
            -subj /CN=\(name) -addext subjectAltName=DNS:\(name) 2>/dev/null && echo PID:$$ && \
            exec openssl s_server -accept 127.0.0.1:0 -cert ca.pem -key key.pem -www \(options) 2>/dev/null
            """
        guard let output = unsafe popen(command, "r") else { return nil }
        unsafe self.output = output
        self.directory = directory
        guard let process = unsafe Self.number(after: "PID", output),
            let port = unsafe Self.number(after: "ACCEPT", output)
        else { return nil }
        self.process = pid_t(process)
        self.port = UInt16(port)
    }

    deinit {
        kill(process, SIGTERM)
        unsafe pclose(output)
        for file in ["/ca.pem", "/key.pem", ""] { unsafe remove(directory + file) }
    }

    /// The number at the end of the next line that begins so.
    private static func number(after start: String, _ output: UnsafeMutablePointer<FILE>) -> Int? {
        var line = [CChar](repeating: 0, count: 200)
        while unsafe fgets(&line, 200, output) != nil {
            let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            guard text.hasPrefix(start) else { continue }
            return text.split(separator: ":").last.flatMap { Int($0.filter(\.isNumber)) }
        }
        return nil
    }
}

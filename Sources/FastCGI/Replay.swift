internal import CFastCGI
internal import Glibc

/// A request that came in pieces, gathered by us, given to libfcgi as a file in memory: libfcgi reads the request from
/// it and writes the answer behind it. It cannot wait on a file, nor take what belongs to the next request.
struct Replay: Sendable {
    let file: Int32
    private let requestLength: Int

    /// `nil` when there is no memory or no descriptor.
    init?(_ request: [UInt8]) {
        file = fcgi_memory_file()
        requestLength = request.count
        guard file >= 0 else { return nil }
        let written = unsafe request.withUnsafeBytes { unsafe write(file, $0.baseAddress, $0.count) }
        guard written == request.count, lseek(file, 0, SEEK_SET) == 0 else {
            close(file)
            return nil
        }
    }

    /// Sends the answer to the peer. Whether all of it was sent.
    func forward(to peer: Int32) -> Bool {
        let answer = answer()
        var sent = 0
        while sent < answer.count {
            let count = unsafe answer.withUnsafeBytes { bytes in
                unsafe send(peer, bytes.baseAddress.map { unsafe $0 + sent }, bytes.count - sent, noSignal)
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }

    private func answer() -> [UInt8] {
        let length = Int(lseek(file, 0, SEEK_END)) - requestLength
        guard length > 0 else { return [] }
        return unsafe [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            count = max(0, unsafe pread(file, buffer.baseAddress, length, requestLength))
        }
    }
}

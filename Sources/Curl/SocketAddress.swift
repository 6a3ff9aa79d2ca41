internal import CCurl
internal import Glibc
internal import Web

extension IPAddress {
    /// The address that libcurl is about to connect to; `nil` when it is of no family that we know.
    ///
    /// The declared type of `addr` is too short for IPv6: libcurl keeps the rest behind it, `addrlen` bytes in all.
    init?(connecting address: UnsafePointer<curl_sockaddr>) {
        guard let start = MemoryLayout<curl_sockaddr>.offset(of: \.addr) else { return nil }
        let bytes = unsafe UnsafeRawBufferPointer(
            start: UnsafeRawPointer(address) + start, count: Int(address.pointee.addrlen))
        switch unsafe (address.pointee.family, bytes.count) {
        case (AF_INET, 16...): unsafe self.init(bytes: Array(bytes[4..<8])[...])
        case (AF_INET6, 24...): unsafe self.init(bytes: Array(bytes[8..<24])[...])
        default: return nil
        }
    }
}

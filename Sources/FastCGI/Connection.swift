internal import CFastCGI
internal import Glibc

/// One connection of a web server, owned by one check thread while no errand has it.
final class Connection {
    let descriptor: Int32
    /// Milliseconds of uptime at which it is dropped.
    var deadline: Int64
    /// Whether part of a request has arrived, and the rest is waited for.
    var isPartial = false
    /// Whether it was ever put into the epoll set.
    var isWatched = false

    /// Milliseconds from the first byte of a request to its last, and from the connection to the first byte.
    static let patience: Int64 = 3000
    /// Milliseconds between two requests on a kept connection.
    static let idle: Int64 = 300_000
    /// Seconds that one read or write may take: libfcgi knows only blocking descriptors.
    private static let blocking = 1

    init(descriptor: Int32, now: Int64) {
        self.descriptor = descriptor
        deadline = now + Self.patience
        var limit = timeval(tv_sec: Self.blocking, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            unsafe setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
    }

    /// What has arrived, without taking it. `nil` when the connection is over; empty when nothing has.
    func peek(into buffer: UnsafeMutableBufferPointer<UInt8>) -> Int? {
        let count = unsafe recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT))
        if count > 0 { return count }
        return count < 0 && (errno == EAGAIN || errno == EINTR) ? 0 : nil
    }
}

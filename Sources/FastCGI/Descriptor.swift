internal import Glibc

/// What the last call to the system said went wrong.
func systemError(_ code: Int32 = errno) -> String {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { buffer in
        guard let start = buffer.baseAddress, unsafe strerror_r(code, start, buffer.count) == 0 else {
            return "error \(code)"
        }
        return unsafe String(cString: start)
    }
}

let readNow = Int32(MSG_DONTWAIT)

/// Lets no write to this connection wait for more than a second. What is answered at once goes into the buffer of a
/// new connection and needs no limit; whoever keeps one, or writes more than that, sets it.
func limitWaiting(on socket: Int32) {
    var time = timeval(tv_sec: 1, tv_usec: 0)
    let size = socklen_t(MemoryLayout<timeval>.size)
    unsafe setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &time, size)
}

/// Sets a socket option that is a number.
@discardableResult
func setOption(_ socket: Int32, _ level: Int32, _ option: Int32, _ value: Int32) -> Bool {
    var value = value
    return unsafe setsockopt(socket, level, option, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
}

/// The value of a socket option that is a number; nil when the descriptor is no socket.
func option(_ socket: Int32, _ level: Int32, _ option: Int32) -> Int32? {
    var value: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    return unsafe getsockopt(socket, level, option, &value, &size) == 0 ? value : nil
}

#if canImport(Glibc)
    internal import Glibc
#endif

/// Where the time comes from, so that tests can say what time it is.
package struct Clock: Sendable {
    /// The wall clock: expiry and everything a provider says is judged by it.
    package let now: @Sendable () -> Timestamp
    /// Milliseconds of a clock that no one sets: deadlines and pauses are judged by it.
    package let uptime: @Sendable () -> Int64
    /// Does nothing for this many milliseconds.
    package let pause: @Sendable (_ milliseconds: Int64) -> Void

    package init(
        now: @escaping @Sendable () -> Timestamp, uptime: @escaping @Sendable () -> Int64,
        pause: @escaping @Sendable (_ milliseconds: Int64) -> Void = { _ in }
    ) {
        self.now = now
        self.uptime = uptime
        self.pause = pause
    }

    /// The clocks of the system, in their coarse form: a few milliseconds late, and many times cheaper.
    package static let system = Clock(
        now: { Timestamp(seconds: Int64(read(CLOCK_REALTIME_COARSE).tv_sec)) },
        uptime: {
            let time = read(CLOCK_MONOTONIC_COARSE)
            return Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000
        },
        pause: { _ = usleep(UInt32(clamping: $0) * 1000) })

    private static func read(_ clock: clockid_t) -> timespec {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return time
    }
}

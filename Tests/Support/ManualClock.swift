internal import Synchronization
package import Values

/// A clock that stands still until it is told to go on. A pause makes it go on.
package final class ManualClock: Sendable {
    package static let start: Int64 = 1_800_000_000
    private let milliseconds = Mutex<Int64>(0)
    private let shift = Mutex<Int64>(0)

    package init() {}

    package var clock: Clock {
        Clock(
            now: { [self] in now }, uptime: { [self] in uptime },
            pause: { [self] in advance(milliseconds: $0) })
    }

    package var now: Timestamp {
        Timestamp(seconds: Self.start + milliseconds.withLock { $0 } / 1000 + shift.withLock { $0 })
    }

    package var uptime: Int64 { 1_000_000 + milliseconds.withLock { $0 } }

    package func advance(milliseconds more: Int64) {
        milliseconds.withLock { $0 += more }
    }

    package func advance(seconds: Int64) {
        advance(milliseconds: seconds * 1000)
    }

    /// Sets the wall clock, as an operator or NTP does; uptime goes on as before.
    package func set(ahead seconds: Int64) {
        shift.withLock { $0 = seconds }
    }
}

import Synchronization
import Values

/// A clock that stands still until it is told to go on.
final class ManualClock: Sendable {
    private let milliseconds = Mutex<Int64>(1_000_000)
    static let start: Int64 = 1_800_000_000

    var clock: Clock {
        Clock(
            now: { [self] in Timestamp(seconds: Self.start + (milliseconds.withLock { $0 } - 1_000_000) / 1000) },
            uptime: { [self] in milliseconds.withLock { $0 } })
    }

    var now: Timestamp { clock.now() }

    func advance(milliseconds more: Int64) {
        milliseconds.withLock { $0 += more }
    }

    func advance(seconds: Int64) {
        advance(milliseconds: seconds * 1000)
    }
}

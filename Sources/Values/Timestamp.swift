/// A moment of the wall clock, in whole seconds since 1970-01-01T00:00:00Z (the NumericDate of RFC 7519, section 2).
///
/// Arithmetic saturates: a provider may name any number, and none of them may end the process.
package struct Timestamp: Sendable, Hashable, Comparable {
    package let seconds: Int64

    package init(seconds: Int64) {
        self.seconds = seconds
    }

    package static let distantFuture = Timestamp(seconds: .max)

    /// The moment this many seconds later, or earlier when negative.
    package func adding(_ seconds: Int64) -> Timestamp {
        let (sum, overflow) = self.seconds.addingReportingOverflow(seconds)
        return Timestamp(seconds: overflow ? (seconds > 0 ? .max : .min) : sum)
    }

    /// Seconds from `earlier` to this moment; negative when `earlier` is later.
    package func since(_ earlier: Timestamp) -> Int64 {
        let (difference, overflow) = seconds.subtractingReportingOverflow(earlier.seconds)
        return overflow ? (seconds > earlier.seconds ? .max : .min) : difference
    }

    package static func < (one: Timestamp, other: Timestamp) -> Bool {
        one.seconds < other.seconds
    }
}

import Testing
import Values

struct TimestampTests {
    @Test(
        "Sums saturate",
        arguments: [
            (10, 5, 15), (10, -15, -5), (.max, 1, .max), (.max, -1, .max - 1), (.min, -1, .min), (1, .max, .max),
            (-2, .min, .min), (.max, .min, -1), (0, .min, .min),
        ] as [(Int64, Int64, Int64)])
    func adding(seconds: Int64, change: Int64, expected: Int64) {
        #expect(Timestamp(seconds: seconds).adding(change).seconds == expected)
    }

    @Test(
        "Differences saturate",
        arguments: [
            (10, 4, 6), (4, 10, -6), (.max, -1, .max), (.min, 1, .min), (0, .min, .max), (.min, .max, .min),
            (.max, .max, 0), (.min, .min, 0),
        ] as [(Int64, Int64, Int64)])
    func since(later: Int64, earlier: Int64, expected: Int64) {
        #expect(Timestamp(seconds: later).since(Timestamp(seconds: earlier)) == expected)
    }

    @Test("Later is greater")
    func order() {
        #expect(Timestamp(seconds: -1) < Timestamp(seconds: 0))
        #expect(Timestamp(seconds: .max) == .distantFuture)
    }
}

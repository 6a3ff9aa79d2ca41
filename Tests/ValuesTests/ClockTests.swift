import Testing
import Values

struct ClockTests {
    @Test("The system's clocks run")
    func system() {
        let start = Clock.system.uptime()
        while Clock.system.uptime() < start + 3 {}
        #expect(Clock.system.uptime() - start < 60_000)
        #expect(Clock.system.now() > Timestamp(seconds: 1_700_000_000))
    }

    @Test("The system's entropy gives as many bytes as asked for, and never the same")
    func entropy() {
        #expect(Entropy.system.bytes(0).isEmpty)
        #expect(Entropy.system.bytes(32).count == 32)
        #expect(Entropy.system.bytes(32) != Entropy.system.bytes(32))
    }
}

import Testing

@testable import FastCGI

@Suite("The errand lane")
struct ErrandLaneTests {
    @Test("Work is done on other threads, as many as were allowed; then it queues; then it is refused")
    func bounds() {
        let lane = ErrandLane(threads: 2, queue: 3)
        let gate = Monitor(false)
        let done = Monitor(0)
        let work: ErrandLane.Work = {
            _ = gate.wait(milliseconds: 5000) { $0 ? true : nil }
            done.withLock { $0 += 1 }
            done.wakeAll()
        }
        #expect((0..<5).allSatisfy { _ in lane.submit(work) })
        #expect(!lane.submit(work))
        gate.withLock { $0 = true }
        gate.wakeAll()
        #expect(done.wait(milliseconds: 5000) { $0 == 5 ? true : nil } == true)
        #expect(lane.submit(work))
        #expect(lane.stop(milliseconds: 5000))
        #expect(done.withLock { $0 } == 6)
    }

    @Test("Stopping waits for what is under way, but no longer than said; nothing is taken afterwards")
    func stopping() {
        let lane = ErrandLane(threads: 1, queue: 1)
        let gate = Monitor(false)
        #expect(lane.submit { _ = gate.wait(milliseconds: 5000) { $0 ? true : nil } })
        #expect(!lane.stop(milliseconds: 50))
        #expect(!lane.submit {})
        gate.withLock { $0 = true }
        gate.wakeAll()
        #expect(lane.stop(milliseconds: 5000))
    }

    @Test("Much small work from many sides is all done")
    func muchWork() {
        let lane = ErrandLane(threads: 4, queue: 100_000)
        let done = Monitor(0)
        for _ in 0..<2000 { #expect(lane.submit { done.withLock { $0 += 1 } }) }
        #expect(lane.stop(milliseconds: 10_000))
        #expect(done.withLock { $0 } == 2000)
    }
}

import TestSupport
import Testing
import Values

@testable import Sessions

@Suite("What an operator sees of a session")
struct SessionLabelTests {
    @Test("User and provider, opened with the key ring alone and for its own record only")
    func label() throws {
        let bench = Bench()
        _ = try bench.open()
        _ = try bench.open(session(bench.clock.now, user: "bob"))
        let records = bench.store.records
        let labels = records.compactMap { SessionLabel($0, keys: KeyRing([ringKey(1)])) }
        #expect(Set(labels.map(\.username)) == ["alice", "bob"] && labels.allSatisfy { $0.provider == "op" })
        #expect(SessionLabel(records[0], keys: KeyRing([ringKey(2)])) == nil)
        var swapped = records[0]
        swapped.label = records[1].label
        #expect(SessionLabel(swapped, keys: KeyRing([ringKey(1)])) == nil)
    }
}

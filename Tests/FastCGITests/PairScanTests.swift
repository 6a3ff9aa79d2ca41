import Testing

@testable import FastCGI

@Suite("The scan of parameters")
struct PairScanTests {
    private func flaw(_ bytes: [UInt8], limit: Int = 65536) -> Flaw? {
        var scan = PairScan(limit: limit)
        return scan.read(bytes)
    }

    @Test("Short and long lengths, empty names and values are pairs")
    func pairs() {
        let bytes =
            Records.pairs() + Records.pair("", "") + Records.length(1, long: true) + Records.length(128, long: true)
            + [UInt8](repeating: 0x41, count: 129)
        for cut in 0...bytes.count {
            var scan = PairScan(limit: 65536)
            #expect(scan.read(Array(bytes[..<cut])) == nil)
            #expect(scan.read(Array(bytes[cut...])) == nil)
            #expect(scan.isBetweenPairs)
            #expect(scan.count == Records.parameters.count + 2)
        }
    }

    @Test("A length of up to 2^31-1 is refused where it is said")
    func declaredLengths() {
        for length: [UInt8] in [[0xFF, 0xFF, 0xFF, 0xFF], [0x80, 0x01, 0x00, 0x01], [0xC0, 0, 0, 0]] {
            #expect(flaw(length) == .tooLarge)
            #expect(flaw([0] + length) == .tooLarge)
        }
    }

    @Test("More pairs than any web server sends are refused")
    func manyPairs() {
        let pairs = (0..<PairScan.mostPairs).flatMap { _ in Records.pair("N", "v") }
        #expect(flaw(pairs) == nil)
        #expect(flaw(pairs + [1]) == .tooManyParameters)
        #expect(flaw([UInt8](repeating: 0, count: 200_000)) == .tooManyParameters)
    }

    @Test("A NUL anywhere and an equals sign in a name are refused: libfcgi would read other names and values")
    func ambiguousBytes() {
        #expect(flaw(Records.pair("REQUEST_URI", "/public\0/../admin")) == .nul)
        #expect(flaw(Records.pair("A\0B", "")) == .nul)
        #expect(flaw(Records.pair("REMOTE_ADDR=1", "")) == .equalsSign)
        #expect(flaw(Records.pair("QUERY_STRING", "a=b")) == nil)
    }
}

extension PairScan {
    /// `take` for arrays.
    fileprivate mutating func read(_ bytes: [UInt8]) -> Flaw? { take(bytes.span) }
}

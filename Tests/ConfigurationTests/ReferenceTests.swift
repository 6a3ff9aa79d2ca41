import FoundationEssentials
import Testing

@testable import Configuration

@Suite("The reference page")
struct ReferenceTests {
    @Test("docs/configuration.md holds the table of keys, no less and no more")
    func page() throws {
        let root = #filePath.split(separator: "/").dropLast(3).reduce("/") { $0 + $1 + "/" }
        let contents = try #require(FileManager.default.contents(atPath: root + "docs/configuration.md"))
        let page = String(decoding: contents, as: UTF8.self)
        let parts = page.split(separator: "<!-- keys -->\n", omittingEmptySubsequences: false)
        try #require(parts.count == 3, "the table stands between two lines <!-- keys -->")
        #expect(String(parts[1]) == Reference.markdown, "run: postern check --reference")
    }

    @Test("every key has a help text that is a sentence", arguments: KeyTable.keys)
    func help(key: Key) {
        #expect(key.help.hasSuffix("."))
        #expect(!key.help.contains("|"))
    }
}

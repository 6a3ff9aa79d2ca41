import Testing
import Web

struct IPAddressTests {
    private func address(_ text: String) -> IPAddress? { IPAddress(text.utf8) }

    @Test(
        "An address has several spellings",
        arguments: [
            ("2001:db8::1", "2001:0DB8:0:0:0:0:0:1"), ("::", "0:0:0:0:0:0:0:0"), ("::1", "0::1"), ("1::", "1:0::0"),
            ("::ffff:192.0.2.1", "192.0.2.1"), ("::FFFF:c000:201", "192.0.2.1"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
            ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"), ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
        ])
    func spellings(one: String, other: String) throws {
        #expect(try #require(address(one)) == #require(address(other)))
    }

    @Test(
        "What is no address is none",
        arguments: [
            "", "localhost", "unix:", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-4", "1.2.3.+4", "01.2.3.4",
            "1.2.3.0004",
            "1.2.3.",
            ".1.2.3", "0x7f.0.0.1", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4\0", "[::1]", "::1%lo", ":", ":::", "1:::2",
            "1::2::3",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "1::2:3:4:5:6:7:8", ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", "12345::",
            "g::", "::1.2.3",
            "1.2.3.4::", "::1.2.3.4:5", "1:2:3:4:5:6:7:1.2.3.4", "١.٢.٣.٤", "2130706433", "1..2.3", "::ffff:1.2.3.4:1",
        ])
    func none(text: String) {
        #expect(address(text) == nil)
    }

    @Test("A link-local or metadata address is off limits, its neighbours are not")
    func offLimits() throws {
        let off = [
            "169.254.0.0", "169.254.255.255", "::ffff:169.254.169.254", "::169.254.169.254", "64:ff9b::a9fe:a9fe",
            "fe80::1", "febf:ffff::",
            "fd00:ec2::254", "100.100.100.200",
        ]
        for text in off { #expect(try #require(address(text)).isOffLimits, "\(text)") }
        let on = [
            "169.253.255.255", "169.255.0.0", "fe7f::1", "fec0::1", "127.0.0.1", "::1", "10.0.0.1", "fd00:ec2::253",
            "2001:db8::a9fe:a9fe",
        ]
        for text in on { #expect(try !#require(address(text)).isOffLimits, "\(text)") }
    }

    @Test("Bytes of another length than 4 and 16 are no address", arguments: [0, 3, 5, 15, 17])
    func lengths(count: Int) {
        #expect(IPAddress(bytes: [UInt8](repeating: 1, count: count)[...]) == nil)
    }

    @Test(
        "A network holds what begins like it",
        arguments: [
            ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.0", false), ("10.1.2.3/8", "10.9.9.9", true),
            ("192.0.2.1", "192.0.2.1", true), ("192.0.2.1", "192.0.2.2", false), ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false), ("::/0", "2001:db8::1", true), ("::/0", "192.0.2.1", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true), ("::ffff:10.0.0.0/104", "10.1.1.1", true),
            ("2001:db8::/33", "2001:db8:7fff::", true),
            ("2001:db8::/33", "2001:db8:8000::", false), ("2001:db8::1/128", "2001:db8::2", false),
            ("10.0.0.0/31", "10.0.0.1", true),
            ("10.0.0.0/31", "10.0.0.2", false),
        ])
    func networks(network: String, text: String, isInside: Bool) throws {
        let network = try #require(Network(network.utf8))
        #expect(network.contains(try #require(address(text))) == isInside)
    }

    @Test(
        "What is no network is none",
        arguments: [
            "", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/8/8", "10.0.0.0/8 ",
            "10.0.0.0/a", "10/8",
            "all", "10.0.0.0/99999999999999999999",
        ])
    func noNetwork(text: String) {
        #expect(Network(text.utf8) == nil)
    }
}

import Identity
import Testing

@Suite("E-mail addresses that can be judged")
struct EmailAddressTests {
    @Test("An address is compared whole, its domain behind the @, both without case")
    func compared() throws {
        let address = try #require(EmailAddress("Alice@Example.com"))
        #expect(address.isAddress(Array("alice@example.COM".utf8)))
        #expect(!address.isAddress(Array("alice@example.com.evil".utf8)))
        #expect(address.isInDomain(Array("example.com".utf8)))
        for domain in ["xample.com", "e@example.com", "ample.com", "com", ""] {
            #expect(!address.isInDomain(Array(domain.utf8)), "\(domain)")
        }
    }

    @Test(
        "POL: what has two meanings, or none, is no address",
        arguments: [
            nil, "", "alice", "@example.com", "alice@", "a@b@example.com", "\"a@b\"@example.com", "a b@example.com",
            "alice@example.com\n", "älice@example.com", "alice@exаmple.com", "alice@example.com\0",
        ])
    func refused(text: String?) {
        #expect(EmailAddress(text) == nil)
    }
}

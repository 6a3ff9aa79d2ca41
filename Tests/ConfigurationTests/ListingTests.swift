import Testing

@testable import Configuration

@Suite("What is in force")
struct ListingTests {
    @Test("each key with its value and its source; no secret")
    func listing() throws {
        try withFile(yaml("session: { lifetime: 1h }\nclear_cookies: [a, b]")) { path in
            let listing = try Settings.listing(path: path, environment: ["POSTERN_SESSION_STORE": "memory"])
            #expect(listing.contains("session.lifetime: 1h  # \(path):4:22\n"))
            #expect(listing.contains("session.store: memory  # environment:POSTERN_SESSION_STORE\n"))
            #expect(listing.contains("session.idle_timeout: 0  # default\n"))
            #expect(listing.contains("clear_cookies: [a, b]  # "))
            #expect(listing.contains("providers.company.client_secret: (secret)  # "))
            #expect(!listing.contains("not-a-real-secret"))
        }
    }
}

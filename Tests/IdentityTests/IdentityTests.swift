import Identity
import Testing

struct IdentityTests {
    @Test("Nobody's address is verified unless that is said")
    func unverified() {
        let identity = Identity(
            provider: "op", issuer: "https://op.test", subject: "1", username: "alice", email: "a@b.test")
        #expect(!identity.isEmailVerified)
        #expect(identity.groups.isEmpty)
        #expect(identity.claims == Claims())
    }
}

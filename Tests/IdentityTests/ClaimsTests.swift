import Identity
import Testing
import Values

struct ClaimsTests {
    private let claims = Claims([
        "realm_access": .object(["roles": .array([.string("ops")]), "": .bool(true)]),
        "https://example.com/roles": .string("whole"),
        "https://example": .object(["com/roles": .string("steps")]),
        "a": .object(["b": .object(["c": .integer(1)])]),
        "text": .string("x"),
    ])

    @Test("A claim inside another is named by dots")
    func path() {
        #expect(claims["realm_access.roles"] == .array([.string("ops")]))
        #expect(claims["a.b.c"] == .integer(1))
        #expect(claims["a.b"] == .object(["c": .integer(1)]))
    }

    @Test("A claim whose own name has dots comes first")
    func dottedName() {
        #expect(claims["https://example.com/roles"] == .string("whole"))
    }

    @Test(
        "A path that leads nowhere has no value",
        arguments: [
            "", ".", "a.", ".a", "a..b", "a.b.c.d", "text.x", "absent", "absent.b", "A", "a.B",
        ])
    func nowhere(path: String) {
        let value = claims[path]
        #expect(value == nil)
    }

    @Test("Merging keeps what was said first")
    func merging() {
        let merged = Claims(["sub": .string("1"), "email": .string("a")]).merging(
            Claims(["email": .string("b"), "name": .string("n")]))
        #expect(merged == Claims(["sub": .string("1"), "email": .string("a"), "name": .string("n")]))
    }
}

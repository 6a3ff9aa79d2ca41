import Identity
import Testing
import Values

@Suite("How somebody proved who they are")
struct StrengthTests {
    private let now = Timestamp(seconds: 1_800_000_000)

    @Test("Where nothing is demanded anything will do")
    func any() {
        #expect(Strength.any.isMet(by: Claims(), at: now))
    }

    @Test("One of the classes is enough; it is compared whole, and is a text")
    func classes() {
        let strength = Strength(acrValues: ["urn:mfa", "phr"])
        let isMet = { strength.isMet(by: Claims(["acr": $0]), at: now) }
        #expect(isMet(.string("urn:mfa")) && isMet(.string("phr")))
        for value: JSONValue in [
            .string("urn:mf"), .string("urn:mfa2"), .string("URN:MFA"), .string("urn:mfa phr"), .string(""), .null,
            .array([.string("phr")]), .integer(2),
        ] {
            #expect(!isMet(value), "\(value)")
        }
        #expect(!strength.isMet(by: Claims(["amr": .string("phr")]), at: now))
    }

    @Test(
        "JOSE-06: they proved it so many seconds ago at most, and not later than now, give or take a few",
        arguments: [
            (0, true), (-60, true), (-65, true), (-66, false), (5, true), (6, false), (3600, false),
            (-1_800_000_000, false),
        ])
    func age(offset: Int64, isMet: Bool) {
        let claims = Claims(["auth_time": .integer(now.seconds + offset)])
        #expect(Strength(maxAge: 60).isMet(by: claims, at: now) == isMet)
    }

    @Test(
        "JOSE-06: a time that is none is no proof",
        arguments: [
            nil, .null, .string("1800000000"), .bool(true), .integer(-1), .integer(.max), .number(1e300),
            .number(-0.5), .array([.integer(1_800_000_000)]),
        ] as [JSONValue?])
    func noTime(value: JSONValue?) {
        let claims = Claims(value.map { ["auth_time": $0] } ?? [:])
        #expect(claims.authenticated == nil)
        #expect(!Strength(maxAge: 3600).isMet(by: claims, at: now))
    }

    @Test("A fraction of a second is cut off")
    func fraction() {
        #expect(Claims(["auth_time": .number(1_800_000_000.9)]).authenticated == now)
    }

    @Test("Any length of time may be demanded, also one that no clock counts")
    func longest() {
        let claims = Claims(["auth_time": .integer(0)])
        #expect(Strength(maxAge: .max).isMet(by: claims, at: now))
    }

    @Test("Of two demands the stricter one counts")
    func both() {
        let (long, short) = (Strength(maxAge: 600), Strength(acrValues: ["a", "b"], maxAge: 60))
        #expect(long.and(short) == short && short.and(long) == short)
        #expect(Strength.any.and(long) == long && long.and(.any) == long)
        let common = Strength(acrValues: ["b", "c"]).and(Strength(acrValues: ["a", "b"]))
        #expect(common == Strength(acrValues: ["b"]))
    }
}

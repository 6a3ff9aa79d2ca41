import Identity
import SQLiteStore
import Sessions
import Values
import Web

/// Makes sessions as sign-ins with the provider `op` would, and prints the cookie of each:
/// `postern-seed DATABASE KEY_FILE COUNT ISSUER`. The benchmark asks for them in turn.
@main
struct Seed {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 5, let count = Int(arguments[3]) else {
            print("usage: postern-seed DATABASE KEY_FILE COUNT ISSUER")
            return
        }
        let (clock, entropy) = (Clock.system, Entropy.system)
        let keys = KeyRing(try KeyRingFile(path: arguments[2]).open(now: clock.now(), entropy: entropy))
        let keeper = SessionKeeper(
            store: try SQLiteStore(path: arguments[1]), keys: keys,
            times: SessionTimes(idleTimeout: 0, refreshBefore: 60, outageGrace: 600, longestRefresh: 10_000),
            limit: 1_000_000, cached: 16, clock: clock, entropy: entropy,
            fields: { _ in IdentityFields(responder: FieldBlock([]), authorizer: FieldBlock([])) },
            inBackground: { _ in true })
        for number in 0..<count { print(try keeper.open(session(number, arguments[4], clock.now()))) }
    }

    private static func session(_ number: Int, _ issuer: String, _ now: Timestamp) -> Session {
        let user = "user\(number)"
        let identity = Identity(
            provider: "op", issuer: issuer, subject: user, username: user, email: "\(user)@example.com",
            isEmailVerified: true, preferredUsername: user, groups: ["staff", "readers"],
            claims: Claims(["email_verified": .bool(true), "name": .string("A. User")]))
        return Session(
            identity: identity, accessToken: Secret(String(repeating: "a", count: 600)),
            refreshToken: Secret(String(repeating: "r", count: 80)),
            idToken: Secret(String(repeating: "i", count: 900)),
            accessExpires: now.adding(12 * 3600), created: now, expires: now.adding(12 * 3600))
    }
}

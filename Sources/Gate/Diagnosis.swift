internal import HTTPTypes
package import Sessions
internal import Synchronization
package import Values
internal import Web

/// What was wrong with the web server's questions lately, for `postern doctor`.
final class Diagnosis: Sendable {
    private let notes = Mutex<[(moment: Timestamp, text: String)]>([])

    func note(_ text: String, at moment: Timestamp) {
        notes.withLock { notes in
            if notes.count >= 16 { notes.removeFirst() }
            notes.append((moment, text))
        }
    }

    func notes(since moment: Timestamp) -> [String] {
        notes.withLock { $0.filter { $0.moment >= moment }.map(\.text) }
    }
}

/// Proof that a question comes from somebody who can read the key file. Good for two minutes.
package enum DoctorProof {
    package static let cookieName = "postern-doctor"
    private static let lifetime: Int64 = 120

    package static func made(at now: Timestamp, keys: KeyRing) -> String {
        let moment = "\(now.seconds)"
        return "\(moment).\(Base64URL.encode(keys.authenticator(of: moment.utf8, purpose: .doctor)))"
    }

    /// When it was made; `nil` when it proves nothing.
    static func moment(of value: ArraySlice<UInt8>, keys: KeyRing, now: Timestamp) -> Timestamp? {
        let parts = value.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 2, let seconds = parts[0].decimal, let code = Base64URL.decode(parts[1]),
            keys.isAuthentic(code, for: parts[0], purpose: .doctor)
        else { return nil }
        let moment = Timestamp(seconds: seconds)
        return (0...lifetime).contains(now.since(moment)) ? moment : nil
    }
}

/// `doctor`: what the web server said of this request, and what was wrong since the proof was made.
extension Gate {
    func doctor(_ request: Request) -> Answer {
        let cookies = request[.cookie].map { CookieString($0).values(named: Array(DoctorProof.cookieName.utf8)) } ?? []
        guard let moment = cookies.first.flatMap({ DoctorProof.moment(of: $0, keys: keys, now: clock.now()) }) else {
            return .now(page(.notFound, .notFound, for: request))
        }
        let members: [String: JSONValue] = [
            "server_name": .string(request.text(.serverName) ?? ""),
            "notes": .array(diagnosis.notes(since: moment).map { .string($0) }),
        ]
        return .now(.json(.ok, .object(members)))
    }
}

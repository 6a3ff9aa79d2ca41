internal import Configuration
internal import Gate
internal import Identity
internal import Sessions
internal import Values

/// Sessions of a minute, for `postern doctor`.
final class ProbeSessions {
    private let keeper: SessionKeeper
    private let settings: Settings
    /// Proves to the running Postern that it is us.
    let proof: String
    private var tickets: [String] = []

    init(_ settings: Settings) throws(Assembly.Failure) {
        for file in [settings.session.keyFile] where !Process.exists(file) {
            throw Assembly.Failure(description: "\(file) is not there: has Postern run with this configuration?")
        }
        self.settings = settings
        let keys: KeyRing
        (keeper, keys) = try Assembly(settings).keeperBeside()
        proof = "\(DoctorProof.cookieName)=\(DoctorProof.made(at: Clock.system.now(), keys: keys))"
    }

    /// A new session's ticket; `nil` when the store does not take it.
    func ticket(for person: Identity) -> String? {
        let now = Clock.system.now()
        let session = Session(
            identity: person, accessToken: Secret("none"), refreshToken: nil, idToken: nil, accessExpires: nil,
            created: now, expires: now.adding(60))
        guard let ticket = try? keeper.open(session) else { return nil }
        tickets.append(ticket)
        return ticket
    }

    func end() {
        for ticket in tickets { _ = try? keeper.end(cookie: Array(ticket.utf8)[...]) }
    }
}

internal import Values

/// The sessions.
extension Reader {
    func session() -> SessionSettings? {
        let store = store()
        let settings = SessionSettings(
            store: store ?? .memory, lifetime: duration("session.lifetime"),
            idleTimeout: duration("session.idle_timeout"), refreshBefore: duration("session.refresh_before"),
            outageGrace: duration("session.outage_grace"), signInLifetime: duration("session.sign_in_lifetime"),
            keyFile: text("session.key_file") ?? "")
        if !settings.keyFile.hasPrefix("/") {
            problems.add(place("session.key_file"), "session.key_file is a path from the root, /var/lib/postern/keys")
        }
        return store == nil ? nil : settings
    }

    private func store() -> SessionSettings.Store? {
        let text = text("session.store") ?? ""
        if text == "memory" { return .memory }
        if text.hasPrefix("sqlite:/") { return .sqlite(path: String(text.dropFirst(7))) }
        let later = text.hasPrefix("redis") || text == "cookie"
        let message =
            later
            ? "session.store \(text.prefix { $0 != ":" }) is not available yet; use sqlite:/var/lib/postern/sessions.db"
            : "session.store is sqlite:/PATH or memory"
        problems.add(place("session.store"), message)
        return nil
    }
}

internal import ArgumentParser
internal import Sessions
internal import Values

/// `postern sessions`
struct SessionsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sessions", abstract: "See who is signed in, and end sessions.",
        subcommands: [List.self, End.self])

    /// `postern sessions list`
    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the sessions: id, user, provider, created, last seen, end (UTC).")

        @OptionGroup var configuration: ConfigurationOption

        func run() throws {
            let sessions = try StoredSessions(configuration.load())
            for (record, label) in try sessions.all() {
                let times = [record.created, record.seen, record.expires].map(LineLog.text(of:))
                let user = LineLog.quoted(label?.username ?? "?")
                print(
                    [record.id.short, user, label?.provider ?? "?"].joined(separator: "\t") + "\t"
                        + times.joined(separator: "\t"))
            }
        }
    }

    /// `postern sessions end`
    struct End: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End sessions; every process refuses them within a second.",
            discussion: "Ends with 1 when there was no such session.")

        @OptionGroup var configuration: ConfigurationOption
        @Option(help: "End the sessions of this user name.")
        var user: String?
        @Option(parsing: .unconditional, help: "End the session of this id, as the list shows it.")
        var id: String?
        @Flag(help: "End all sessions.")
        var all = false

        func validate() throws {
            guard [user != nil, id != nil, all].filter({ $0 }).count == 1 else {
                throw ValidationError("say which: --user NAME, --id ID or --all")
            }
        }

        func run() throws {
            let sessions = try StoredSessions(configuration.load())
            let chosen = try sessions.all().filter { record, label in
                all || id.map { record.id.short.utf8.elementsEqual($0.utf8) } ?? false
                    || user.map { name in label.map { $0.username.utf8.elementsEqual(name.utf8) } ?? false } ?? false
            }
            for (record, _) in chosen { try sessions.end(record) }
            print("ended: \(chosen.count)")
            if chosen.isEmpty { throw ExitCode(1) }
        }
    }
}

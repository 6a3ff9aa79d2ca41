package import ArgumentParser

/// `postern`: the gate for a web UI that has no sign-in of its own.
package struct PosternCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "postern",
        abstract: "The gate for a web UI that has no sign-in of its own.",
        discussion:
            "Exit codes: 0 done, 1 failed or denied, 64 a mistake in the command, 78 a mistake in the configuration.",
        version: "0.1.0",
        subcommands: [
            Serve.self, Check.self, Explain.self, SessionsCommand.self, KeyCommand.self, Snippet.self, Doctor.self,
        ])

    package init() {}
}

import ArgumentParser
import Testing

@testable import PosternCommand

@Suite("The command line")
struct CommandTests {
    @Test(
        "what makes no sense is refused with 64",
        arguments: [
            ["explain"], ["explain", "--url", "/x", "--email", "a@x.test"], ["explain", "--url", "/x", "--group", "a"],
            ["explain", "--url", "/x", "--user", "a", "--claim", "b"], ["explain", "--url", "/x", "--address", "here"],
            ["sessions", "end"], ["sessions", "end", "--all", "--user", "a"], ["snippet", "nginx", "--part", "all"],
            ["snippet", "apache"], ["serve", "--listen", "x"],
        ])
    func refused(arguments: [String]) throws {
        let failure = #expect(throws: (any Error).self) { try PosternCommand.parseAsRoot(arguments) }
        #expect(failure.map { PosternCommand.exitCode(for: $0).rawValue } == 64)
    }

    @Test(
        "each command is known",
        arguments: [
            ["serve"], ["check", "--print"], ["check", "--reference"], ["explain", "--url", "/x"], ["key", "new"],
            ["key", "rotate"], ["sessions", "list"], ["sessions", "end", "--all"], ["sessions", "end", "--id", "x"],
            ["snippet", "nginx", "--part", "http"],
            ["explain", "--user", "a", "--claim", "b=c=d", "--url", "https://x.test/"],
        ])
    func known(arguments: [String]) throws {
        _ = try PosternCommand.parseAsRoot(arguments + ["--config", "/nonexistent"])
    }

    @Test("a configuration with mistakes ends with 78")
    func configuration() throws {
        var command = try PosternCommand.parseAsRoot(["check", "--config", "/nonexistent"])
        let failure = #expect(throws: ExitCode.self) { try command.run() }
        #expect(failure?.rawValue == 78)
    }
}

internal import ArgumentParser
internal import Configuration

/// `postern check`
struct Check: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check the configuration: every mistake at once, with its line and remedy.",
        discussion: "Ends with 78 when there is a mistake. With --reference it prints all keys instead.")

    @OptionGroup var configuration: ConfigurationOption
    @Flag(help: "Print the reference of all keys, in Markdown.")
    var reference = false
    @Flag(help: "Print what is in force: each key, its value and where that comes from. Secrets are not shown.")
    var print = false

    func run() throws {
        guard !reference else { return Swift.print(Reference.markdown, terminator: "") }
        let settings = try configuration.load()
        for warning in settings.warnings { Process.complain("\(warning.place): warning: \(warning.message)\n") }
        Swift.print(print ? try listing() : "\(configuration.config): good\n", terminator: "")
    }

    private func listing() throws -> String {
        do throws(ConfigurationFailure) {
            return try Settings.listing(path: configuration.config, environment: Process.environment)
        } catch {
            Process.complain(error.description)
            throw ExitCode(78)
        }
    }
}

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

    func run() throws {
        guard !reference else { return print(Reference.markdown, terminator: "") }
        let settings = try configuration.load()
        for warning in settings.warnings { Process.complain("\(warning.place): warning: \(warning.message)\n") }
        print("\(configuration.config): good")
    }
}

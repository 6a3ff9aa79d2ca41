internal import ArgumentParser

/// `postern snippet`
struct Snippet: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the web server's configuration, made from yours.", subcommands: [Nginx.self])

    /// `postern snippet nginx`
    struct Nginx: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the configuration for nginx, in three parts.",
            discussion: """
                http goes into http { }, server into server { }, protect into each location { } that is to be protected. \
                Without --part all three are printed, one after another.
                """)

        @OptionGroup var configuration: ConfigurationOption
        @Option(help: "http, server or protect.")
        var part: NginxSnippet.Part?

        func run() throws {
            let snippet = NginxSnippet(try configuration.load())
            let parts = part.map { [$0] } ?? NginxSnippet.Part.allCases
            print(parts.map(snippet.text).joined(separator: "\n"), terminator: "")
        }
    }
}

extension NginxSnippet.Part: ExpressibleByArgument {}

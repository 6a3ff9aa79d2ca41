internal import ArgumentParser
internal import Configuration
internal import FoundationEssentials

/// `postern snippet`
struct Snippet: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print the web server's configuration, made from yours.",
        subcommands: [Nginx.self, ApacheFcgid.self, ApacheAuthnz.self, Lighttpd.self])

    /// `postern snippet nginx`
    struct Nginx: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the configuration for nginx, in three parts.",
            discussion: """
                http goes into http { }, server into server { }, protect into each location { } that is to be protected. \
                Without --part all are printed, one after another.
                """)

        @OptionGroup var configuration: ConfigurationOption
        @Option(help: "http, server or protect.")
        var part: NginxSnippet.Part?

        func run() throws {
            try printSnippet(NginxSnippet.self, part, configuration)
        }
    }

    /// `postern snippet apache-fcgid`
    struct ApacheFcgid: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "apache-fcgid",
            abstract: "Print the configuration for Apache with mod_fcgid, which starts Postern itself.",
            discussion: """
                server goes outside of virtual hosts, vhost into each <VirtualHost>, protect into each <Location> that is to \
                be protected; lua is a script. Without --part all are printed, one after another.
                """)

        @OptionGroup var configuration: ConfigurationOption
        @Option(help: "server, vhost, protect or lua.")
        var part: ApacheFcgidSnippet.Part?

        func run() throws {
            try printSnippet(ApacheFcgidSnippet.self, part, configuration)
        }
    }

    /// `postern snippet apache-authnz`
    struct ApacheAuthnz: ParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "apache-authnz",
            abstract: "Print the configuration for Apache with mod_authnz_fcgi and mod_proxy_fcgi.",
            discussion: """
                server goes outside of virtual hosts, vhost into each <VirtualHost>, protect into each <Location> that is to \
                be protected. Without --part all are printed, one after another.
                """)

        @OptionGroup var configuration: ConfigurationOption
        @Option(help: "server, vhost or protect.")
        var part: ApacheAuthnzSnippet.Part?

        func run() throws {
            try printSnippet(ApacheAuthnzSnippet.self, part, configuration)
        }
    }

    /// `postern snippet lighttpd`
    struct Lighttpd: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the configuration for lighttpd, in two parts.",
            discussion: "server is a file of its own, lua is a script. Without --part both are printed.")

        @OptionGroup var configuration: ConfigurationOption
        @Option(help: "server or lua.")
        var part: LighttpdSnippet.Part?

        func run() throws {
            try printSnippet(LighttpdSnippet.self, part, configuration)
        }
    }
}

private func printSnippet<S: ServerSnippet>(_: S.Type, _ part: S.Part?, _ option: ConfigurationOption) throws {
    let source = SnippetSource(
        settings: try option.load(), configuration: absolute(option.config), program: Process.program)
    do throws(SnippetFailure) {
        let snippet = try S(source)
        let parts = part.map { [$0] } ?? Array(S.Part.allCases)
        print(parts.map(snippet.text).joined(separator: "\n"), terminator: "")
    } catch {
        throw Process.fail(error.description)
    }
}

private func absolute(_ path: String) -> String {
    path.hasPrefix("/") ? path : FileManager.default.currentDirectoryPath + "/" + path
}

extension NginxSnippet.Part: ExpressibleByArgument {}
extension ApacheFcgidSnippet.Part: ExpressibleByArgument {}
extension ApacheAuthnzSnippet.Part: ExpressibleByArgument {}
extension LighttpdSnippet.Part: ExpressibleByArgument {}

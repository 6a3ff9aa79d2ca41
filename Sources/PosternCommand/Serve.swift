internal import ArgumentParser

/// `postern serve`
struct Serve: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Answer the web server.",
        discussion: """
            Ends within five seconds of SIGTERM, when what is under way is done. SIGHUP reads the key file again; \
            Postern also notices a change of it by itself.
            """)

    @OptionGroup var configuration: ConfigurationOption

    func run() throws {
        let settings = try configuration.load()
        do throws(Assembly.Failure) {
            try Assembly(settings).serve()
        } catch {
            throw Process.fail(error.description)
        }
    }
}

internal import ArgumentParser
internal import Configuration
internal import Glibc

/// Which configuration a command works with.
struct ConfigurationOption: ParsableArguments {
    @Option(name: .long, help: "The configuration file; POSTERN_CONFIG names another default.")
    var config = Process.environment[Settings.pathVariable] ?? "/etc/postern/postern.yaml"

    /// The checked settings. Prints every mistake and ends with 78 when there is one.
    func load() throws -> Settings {
        do throws(ConfigurationFailure) {
            return try Settings.load(path: config, environment: Process.environment)
        } catch {
            Process.complain(error.description)
            throw ExitCode(78)
        }
    }
}

/// The process, as commands see it.
enum Process {
    /// The environment.
    static var environment: [String: String] {
        var variables: [String: String] = [:]
        var next = unsafe environ
        while let entry = unsafe next.pointee {
            let text = unsafe String(cString: entry)
            if let equals = text.utf8.firstIndex(of: UInt8(ascii: "=")) {
                variables[String(text[..<equals])] = String(text[text.index(after: equals)...])
            }
            unsafe next += 1
        }
        return variables
    }

    /// The path of the program that runs.
    static var program: String {
        unsafe realpath("/proc/self/exe", nil).map { path in
            defer { unsafe free(path) }
            return unsafe String(cString: path)
        } ?? "/usr/local/bin/postern"
    }

    static func exists(_ path: String) -> Bool {
        unsafe access(path, F_OK) == 0
    }

    /// Writes to standard error.
    static func complain(_ text: String) {
        LineLog.standardError(Array(text.utf8))
    }

    /// Ends a command that could not do its work.
    static func fail(_ text: String) -> ExitCode {
        complain("postern: \(text)\n")
        return ExitCode(1)
    }
}

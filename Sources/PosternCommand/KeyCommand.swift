internal import ArgumentParser
internal import Configuration
internal import SQLiteStore
internal import Values

/// `postern key`
struct KeyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "key", abstract: "Make or rotate the keys that seal sessions.",
        subcommands: [New.self, Rotate.self])

    /// `postern key new`
    struct New: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the key file, if there is none.",
            discussion: "`postern serve` does the same at its first start. An existing file is left as it is.")

        @OptionGroup var configuration: ConfigurationOption

        func run() throws {
            let path = try configuration.load().session.keyFile
            do throws(KeyRingFile.Failure) {
                let keys = try KeyRingFile(path: path).open(now: Clock.system.now(), entropy: .system)
                print("\(path): \(keys.count) key\(keys.count == 1 ? "" : "s")")
            } catch {
                throw Process.fail(error.description)
            }
        }
    }

    /// `postern key rotate`
    struct Rotate: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Put a new key in front: it seals from now on, and the others still open.",
            discussion: "Running processes notice within a second. Keys that no session can need any more are dropped.")

        @OptionGroup var configuration: ConfigurationOption

        func run() throws {
            let session = try configuration.load().session
            do throws(KeyRingFile.Failure) {
                let count = try KeyRingFile(path: session.keyFile).rotate(
                    now: Clock.system.now(), lifetime: session.lifetime, entropy: .system)
                print("\(session.keyFile): \(count) keys")
            } catch {
                throw Process.fail(error.description)
            }
        }
    }
}

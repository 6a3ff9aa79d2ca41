internal import ArgumentParser
internal import Configuration
internal import Gate
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
            let settings = try configuration.load()
            let file = KeyRingFile(path: settings.session.keyFile)
            do throws(KeyRingFile.Failure) {
                let count = try file.rotate(
                    now: Clock.system.now(), lifetime: Self.lifetime(settings), entropy: .system)
                print("\(file.path): \(count) keys")
            } catch {
                throw Process.fail(error.description)
            }
        }

        /// Seconds that a key is needed after a newer one came: to open sessions, and to sign assertions until the newer
        /// one does.
        private static func lifetime(_ settings: Settings) -> Int64 {
            let signing = settings.identity.assertion.map { $0.keyDelay + $0.lifetime + AssertionSettings.mostSkew }
            return max(settings.session.lifetime, signing ?? 0)
        }
    }
}

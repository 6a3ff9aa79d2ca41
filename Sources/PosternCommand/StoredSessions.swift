internal import ArgumentParser
internal import Configuration
internal import Sessions
internal import Values

/// The sessions of a store, for an operator.
struct StoredSessions {
    private let store: any SessionStore & SessionListing
    private let keys: KeyRing

    /// Makes nothing: what this user would make, the user of Postern might not be able to use.
    init(_ settings: Settings) throws {
        guard case .sqlite(let path) = settings.session.store else {
            throw Process.fail("session.store is memory: its sessions are in the running process only")
        }
        for file in [path, settings.session.keyFile] where !Process.exists(file) {
            throw Process.fail("\(file) is not there: has Postern run with this configuration?")
        }
        let assembly = Assembly(settings)
        do throws(Assembly.Failure) {
            store = try assembly.store()
            keys = try assembly.keyRing(assembly.keyFile)
        } catch {
            throw Process.fail(error.description)
        }
    }

    func all() throws -> [(StoredRecord, SessionLabel?)] {
        do throws(StoreFailure) {
            return try store.records().map { ($0, SessionLabel($0, keys: keys)) }
        } catch {
            throw Process.fail(error.reason)
        }
    }

    func end(_ record: StoredRecord) throws {
        do throws(StoreFailure) {
            _ = try store.apply(.end(record.id))
        } catch {
            throw Process.fail(error.reason)
        }
    }
}

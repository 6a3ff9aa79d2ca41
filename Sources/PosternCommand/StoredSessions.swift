internal import ArgumentParser
internal import Configuration
internal import Sessions
internal import Values

/// The sessions of a store, for an operator.
struct StoredSessions {
    private let store: any SessionStore & SessionListing
    private let keys: KeyRing

    init(_ settings: Settings) throws {
        guard settings.session.store != .memory else {
            throw Process.fail("session.store is memory: its sessions are in the running process only")
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

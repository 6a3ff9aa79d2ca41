internal import Synchronization
package import Values

/// Sessions of one process, gone with it.
package final class MemoryStore: SessionStore, SessionListing {
    private struct Lease {
        let owner: Int64
        let until: Int64
    }

    private struct Contents {
        var records: [TicketID: StoredRecord] = [:]
        var marks: [TicketID: SessionMarks] = [:]
        var leases: [TicketID: Lease] = [:]
        var spent: [[UInt8]: Timestamp] = [:]
    }

    private let contents = Mutex(Contents())

    package init() {}

    package func load(_ id: TicketID) -> StoredRecord? {
        contents.withLock { $0.records[id] }
    }

    package func apply(_ change: StoreChange) -> Bool {
        contents.withLock { contents in
            switch change {
            case .create(let record, let marks, let limit):
                Self.create(record, limit, &contents)
                contents.marks[record.id] = marks
            case .replace(let record, let marks):
                guard Self.replace(record, &contents) else { return false }
                if let marks { contents.marks[record.id] = marks }
            case .touch(let id, let seen): contents.records[id]?.seen.advance(to: seen)
            case .end(let id): return Self.end(id, &contents)
            case .lease(let id, let owner, let now, let until):
                return Self.lease(id, Lease(owner: owner, until: until), now, &contents)
            case .spend(let state, let until): return contents.spent.updateValue(until, forKey: state) == nil
            case .sweep(let now):
                contents.spent = contents.spent.filter { $0.value > now }
                for record in contents.records.values where record.expires <= now { _ = Self.end(record.id, &contents) }
            }
            return true
        }
    }

    package func end(
        marked marks: [[UInt8]], orOf owners: [[UInt8]], using token: (name: [UInt8], until: Timestamp)?
    ) -> [TicketID]? {
        contents.withLock { contents in
            if let token, contents.spent.updateValue(token.until, forKey: token.name) != nil { return nil }
            let ids = contents.marks.filter { _, own in
                marks.contains(own.subject) || own.session.map(marks.contains) ?? owners.contains(own.subject)
            }.keys
            return ids.filter { Self.end($0, &contents) }
        }
    }

    /// There is no other process: whoever asks made every change themselves.
    package func changes(after mark: Int64) -> StoreChanges {
        StoreChanges(mark: mark)
    }

    package var changeStamp: UInt64? { nil }

    package func records() -> [StoredRecord] {
        contents.withLock { $0.records.values.sorted { $0.expires < $1.expires } }
    }

    private static func create(_ record: StoredRecord, _ limit: Int, _ contents: inout Contents) {
        if contents.records.count >= limit, let first = contents.records.values.min(by: { $0.expires < $1.expires }) {
            _ = end(first.id, &contents)
        }
        contents.records[record.id] = record
    }

    private static func replace(_ record: StoredRecord, _ contents: inout Contents) -> Bool {
        guard contents.records[record.id]?.version == record.version - 1 else { return false }
        contents.records[record.id] = record
        contents.leases[record.id] = nil
        return true
    }

    private static func end(_ id: TicketID, _ contents: inout Contents) -> Bool {
        contents.leases[id] = nil
        contents.marks[id] = nil
        return contents.records.removeValue(forKey: id) != nil
    }

    private static func lease(_ id: TicketID, _ lease: Lease, _ now: Int64, _ contents: inout Contents) -> Bool {
        guard contents.records[id] != nil else { return false }
        if let held = contents.leases[id], held.owner != lease.owner, held.until > now { return false }
        contents.leases[id] = lease
        return true
    }
}

extension Timestamp {
    /// Moves to a later moment, never to an earlier one.
    fileprivate mutating func advance(to moment: Timestamp) {
        self = max(self, moment)
    }
}

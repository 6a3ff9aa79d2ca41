package import Values

/// A session as a store keeps it: times that it needs, and bytes that it cannot open.
package struct StoredRecord: Sendable, Equatable {
    package let id: TicketID
    /// One more with every change.
    package var version: Int64
    package let created: Timestamp
    package let expires: Timestamp
    package var seen: Timestamp
    /// The session, sealed with the ticket's secret.
    package var sealed: [UInt8]
    /// What `postern sessions list` shows, sealed with the key ring.
    package var label: [UInt8]

    package init(
        id: TicketID, version: Int64, created: Timestamp, expires: Timestamp, seen: Timestamp, sealed: [UInt8],
        label: [UInt8]
    ) {
        self.id = id
        self.version = version
        self.created = created
        self.expires = expires
        self.seen = seen
        self.sealed = sealed
        self.label = label
    }
}

/// The store does not answer. That is not "no session": nothing may be concluded from it.
package struct StoreFailure: Error, Sendable, Equatable, CustomStringConvertible {
    package let reason: String

    package init(_ reason: String) {
        self.reason = reason
    }

    package var description: String { reason }
}

/// The port to a session store.
package protocol SessionStore: Sendable {
    /// The record of this id; `nil` when there is none.
    func load(_ id: TicketID) throws(StoreFailure) -> StoredRecord?
    /// Carries out one change. False when what it presumes is not so.
    func apply(_ change: StoreChange) throws(StoreFailure) -> Bool
    /// Ends all sessions that have one of these as a mark, and those of these owners that have no mark of a session;
    /// gives their ids. With `token`, whose name is used by that, all in one; `nil` when it was used before.
    func end(marked marks: [[UInt8]], orOf owners: [[UInt8]], using token: (name: [UInt8], until: Timestamp)?)
        throws(StoreFailure)
        -> [TicketID]?
    /// What changed after the mark. Mark 0 is the beginning.
    func changes(after mark: Int64) throws(StoreFailure) -> StoreChanges
    /// Another number after each of those changes, cheap enough for every check. `nil` when it is not known.
    var changeStamp: UInt64? { get }
}

/// One change. All are atomic, for threads and processes.
package enum StoreChange: Sendable {
    /// A new session; beyond `limit` sessions, those that end soonest make room.
    case create(StoredRecord, marks: SessionMarks? = nil, limit: Int)
    /// A session after a refresh, if it is still there with the version before. Frees the lease.
    case replace(StoredRecord, marks: SessionMarks? = nil)
    /// The session was used at this moment.
    case touch(TicketID, seen: Timestamp)
    /// The session is over. False when it was not there.
    case end(TicketID)
    /// Nobody but this owner may refresh the session until then (milliseconds since 1970), if nobody else may now.
    case lease(TicketID, owner: Int64, now: Int64, until: Int64)
    /// A state is used. False when it was used before.
    case spend([UInt8], until: Timestamp)
    /// Removes what is past its end.
    case sweep(now: Timestamp)
}

/// What changed in a store.
package struct StoreChanges: Sendable {
    package var mark: Int64
    /// The new version of each session, `nil` of one that is over.
    package var versions: [(id: TicketID, version: Int64?)]
    /// Whether the list is not complete, and all that is known must be forgotten.
    package var isReset: Bool

    package init(mark: Int64, versions: [(id: TicketID, version: Int64?)] = [], isReset: Bool = false) {
        self.mark = mark
        self.versions = versions
        self.isReset = isReset
    }
}

/// A store that can say what it holds, for the command line.
package protocol SessionListing: Sendable {
    /// All records, those that end soonest first.
    func records() throws(StoreFailure) -> [StoredRecord]
}

internal import Synchronization
internal import Values

/// The sessions that this process has open, by the letters of their tickets' ids. Bounded: a shard that is full
/// forgets some, which costs no more than opening them again.
final class SessionCache: Sendable {
    private struct Contents {
        var sessions: [TicketName: LiveSession] = [:]
        /// How often something was to be forgotten here.
        var forgotten = 0
    }

    private final class Shard: Sendable {
        let contents = Mutex(Contents())
    }

    private let shards: [Shard]
    private let shardLimit: Int

    init(limit: Int) {
        shards = (0..<16).map { _ in Shard() }
        shardLimit = max(1, limit / 16)
    }

    subscript(name: TicketName) -> LiveSession? {
        shard(name).contents.withLock { $0.sessions[name] }
    }

    /// To be asked before a session is read from the store, and given to `keep` afterwards.
    func mark(_ name: TicketName) -> Int {
        shard(name).contents.withLock { $0.forgotten }
    }

    /// Keeps the session, unless a newer version of it is there, or it may be one of those that were to be forgotten
    /// since the mark: it would stay for good. Gives the one that counts.
    @discardableResult
    func keep(_ session: LiveSession, since mark: Int) -> LiveSession {
        let name = TicketName(session.ticket.id)
        return shard(name).contents.withLock { contents in
            if let known = contents.sessions[name], known.version >= session.version { return known }
            guard contents.forgotten == mark else { return session }
            if contents.sessions.count >= shardLimit {
                let some = contents.sessions.keys.prefix(max(1, shardLimit / 16))
                for name in Array(some) { contents.sessions[name] = nil }
            }
            contents.sessions[name] = session
            return session
        }
    }

    func forget(_ name: TicketName) {
        forget(name, olderThan: nil)
    }

    /// Forgets the session unless it has this version already; `nil` is the version of one that is over.
    func forget(_ name: TicketName, olderThan version: Int64?) {
        shard(name).contents.withLock { contents in
            contents.forgotten += 1
            guard let known = contents.sessions[name], version.map({ known.version < $0 }) ?? true else { return }
            contents.sessions[name] = nil
        }
    }

    func forgetAll() {
        for shard in shards {
            shard.contents.withLock { contents in
                contents.forgotten += 1
                contents.sessions.removeAll()
            }
        }
    }

    private func shard(_ name: TicketName) -> Shard {
        shards[name.spread % shards.count]
    }
}

internal import Synchronization
internal import Values

/// The sessions that this process has open, by the letters of their tickets' ids. Bounded: a shard that is full
/// forgets some, which costs no more than opening them again.
final class SessionCache: Sendable {
    private final class Shard: Sendable {
        let sessions = Mutex<[TicketName: LiveSession]>([:])
    }

    private let shards: [Shard]
    private let shardLimit: Int

    init(limit: Int) {
        shards = (0..<16).map { _ in Shard() }
        shardLimit = max(1, limit / 16)
    }

    subscript(name: TicketName) -> LiveSession? {
        shard(name).sessions.withLock { $0[name] }
    }

    /// Keeps the session, unless a newer version of it is there. Gives the one that is there afterwards.
    @discardableResult
    func keep(_ session: LiveSession) -> LiveSession {
        let name = TicketName(session.ticket.id)
        return shard(name).sessions.withLock { sessions in
            if let known = sessions[name], known.version >= session.version { return known }
            if sessions.count >= shardLimit {
                for name in Array(sessions.keys.prefix(max(1, shardLimit / 16))) { sessions[name] = nil }
            }
            sessions[name] = session
            return session
        }
    }

    func forget(_ name: TicketName) {
        shard(name).sessions.withLock { $0[name] = nil }
    }

    /// Forgets the session unless it has this version already; `nil` is the version of one that is over.
    func forget(_ name: TicketName, olderThan version: Int64?) {
        shard(name).sessions.withLock { sessions in
            guard let known = sessions[name], version.map({ known.version < $0 }) ?? true else { return }
            sessions[name] = nil
        }
    }

    func forgetAll() {
        for shard in shards { shard.sessions.withLock { $0.removeAll() } }
    }

    private func shard(_ name: TicketName) -> Shard {
        shards[name.spread % shards.count]
    }
}

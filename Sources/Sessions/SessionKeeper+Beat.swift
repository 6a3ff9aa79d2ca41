internal import Synchronization
internal import Values

/// What is known of the store's changes.
struct Beat {
    var mark: Int64 = 0
    var isFirst = true
    var swept: Int64 = .min
    var failure: String?
}

/// How processes that share a store learn of each other's changes.
extension SessionKeeper {
    /// Milliseconds without a good beat after which memory is not believed.
    private static var longestSilence: Int64 { 1000 }
    /// Milliseconds between two sweeps.
    private static var sweepEvery: Int64 { 60_000 }

    /// Whether memory is as good as the store.
    var isCoherent: Bool {
        let last = lastBeat.load(ordering: .relaxed)
        guard last != .min, clock.uptime() - last <= Self.longestSilence else { return false }
        guard isOneOfMany else { return true }
        guard let stamp = store.changeStamp else { return false }
        return stamp == knownStamp.load(ordering: .acquiring)
    }

    /// Asks the store what changed, and forgets that. To be called every quarter of a second by one thread. Gives
    /// what to log: that the store does not answer any more, or does again.
    package func beatOnce() -> StoreTrouble? {
        beat.withLock { beat in
            let begun = clock.uptime()
            do throws(StoreFailure) {
                let stamp = isOneOfMany ? store.changeStamp : nil
                let changes = try store.changes(after: beat.mark)
                forget(changes, isFirst: beat.isFirst)
                beat.mark = changes.mark
                beat.isFirst = false
                if let stamp { knownStamp.store(stamp, ordering: .releasing) }
                lastBeat.store(begun, ordering: .relaxed)
                try sweepIfDue(&beat, begun)
                defer { beat.failure = nil }
                return beat.failure == nil ? nil : .ended
            } catch {
                defer { beat.failure = error.reason }
                return beat.failure == nil ? .began(error.reason) : nil
            }
        }
    }

    /// Believes nothing of what is in memory, after the keys changed.
    package func forgetAll() {
        cache.forgetAll()
    }

    private func forget(_ changes: StoreChanges, isFirst: Bool) {
        if changes.isReset || isFirst { return cache.forgetAll() }
        for (id, version) in changes.versions { cache.forget(TicketName(id), olderThan: version) }
    }

    private func sweepIfDue(_ beat: inout Beat, _ uptime: Int64) throws(StoreFailure) {
        guard beat.swept == .min || uptime - beat.swept >= Self.sweepEvery else { return }
        beat.swept = uptime
        _ = try store.apply(.sweep(now: clock.now()))
    }
}

/// Whether the store answers.
package enum StoreTrouble: Sendable, Equatable {
    case began(String)
    case ended
}

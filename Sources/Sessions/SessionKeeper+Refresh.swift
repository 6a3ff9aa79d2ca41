internal import Synchronization
internal import Values

/// What came of asking the provider for new tokens.
package enum RenewalOutcome: Sendable {
    case renewed(Session)
    /// The provider says that the session is over.
    case ended
    /// Nothing can be said now; the session stays.
    case failed
}

/// A refresh is one flight: across threads by a set of names, across processes by a lease in the store.
extension SessionKeeper {
    /// Starts a refresh, unless one is under way or was tried just now.
    package func startRefresh(of live: LiveSession, _ ask: @escaping @Sendable (Session) -> RenewalOutcome) {
        let name = TicketName(live.ticket.id)
        guard live.mayAttempt(clock.uptime()), flights.withLock({ $0.insert(name).inserted }) else { return }
        let isStarted = startInBackground { [self] in
            fly(live, ask)
            _ = flights.withLock { $0.remove(name) }
        }
        if !isStarted { _ = flights.withLock { $0.remove(name) } }
    }

    /// The session after the refresh that is under way: the new one, or the old one if it is good without. Waits
    /// `patience` milliseconds at most, and not again for a provider that let others wait in vain.
    package func awaitRefresh(of live: LiveSession, patience: Int64) -> Finding {
        let name = TicketName(live.ticket.id)
        let end = clock.uptime() + patience
        while true {
            let isFlying = flights.withLock { $0.contains(name) }
            let finding = isCoherent ? cache[name].map(state) ?? look(up: live.ticket) : look(up: live.ticket)
            guard case .expired(let current) = finding, isFlying else { return finding }
            guard clock.uptime() < end else {
                current.isSlow()
                return state(of: current)
            }
            clock.pause(5)
        }
    }

    private func fly(_ live: LiveSession, _ ask: (Session) -> RenewalOutcome) {
        do throws(StoreFailure) {
            guard let current = try load(live.ticket), current.version == live.version else { return }
            guard try lease(current, milliseconds: times.longestRefresh + 5000) else {
                return try awaitOther(current)
            }
            guard let leased = try load(live.ticket), leased.version == live.version else { return }
            try land(leased, ask(leased.session))
        } catch {
            _ = live.attemptFailed(clock.uptime())
        }
    }

    private func land(_ live: LiveSession, _ outcome: RenewalOutcome) throws(StoreFailure) {
        switch outcome {
        case .renewed(let session): keep(session, insteadOf: live)
        case .ended:
            _ = try store.apply(.end(live.ticket.id))
            cache.forget(TicketName(live.ticket.id))
        case .failed:
            let pause = live.attemptFailed(clock.uptime())
            _ = try lease(live, milliseconds: pause)
        }
    }

    /// The old refresh token is spent: the new one must reach the store, even if that takes a while. A session that
    /// was ended meanwhile stays ended.
    private func keep(_ session: Session, insteadOf live: LiveSession) {
        for attempt in 0..<Self.mostWrites {
            do throws(StoreFailure) {
                guard try replace(live, with: session) else {
                    cache.forget(TicketName(live.ticket.id))
                    return
                }
                return
            } catch {
                if attempt == 0 { keepRenewed(live, session, since: cache.mark(TicketName(live.ticket.id))) }
                clock.pause(500)
            }
        }
    }

    private static var mostWrites: Int { 60 }

    private func lease(_ live: LiveSession, milliseconds: Int64) throws(StoreFailure) -> Bool {
        let now = clock.now().seconds.multipliedReportingOverflow(by: 1000).partialValue
        return try store.apply(.lease(live.ticket.id, owner: owner, now: now, until: now + milliseconds))
    }

    /// Another process is at it, or pauses after a failure: takes its result as soon as it is there.
    private func awaitOther(_ live: LiveSession) throws(StoreFailure) {
        let end = clock.uptime() + Self.longestWatch
        while clock.uptime() < end {
            clock.pause(50)
            guard let current = try load(live.ticket), current.version == live.version else { return }
        }
        live.isSlow()
        live.postpone(until: clock.uptime() + Self.longestWatch)
    }

    private static var longestWatch: Int64 { 2000 }
}

internal import Glibc
internal import HTTPTypes
internal import Logging
internal import Web

/// From bytes on a connection to its answer.
extension CheckThread {
    /// What became of a look at a connection.
    enum Outcome {
        /// Nothing was there.
        case quiet
        case gathering(Gathering)
        /// It was answered and may bring the next request.
        case answered
        /// An errand answers it later, and has it until then.
        case parked
        case closed
    }

    mutating func read(_ connection: Int32) {
        guard let peer = peers[connection] else { return }
        guard case .gathering(let gathering) = peer.phase else { return settle(connection, look(connection)) }
        let count = receive(connection)
        settle(connection, count > 0 ? gather(connection, gathering, count) : nothing(count, connection))
    }

    /// Takes what a connection brings first: a whole request, as a rule.
    mutating func look(_ connection: Int32) -> Outcome {
        let count = receive(connection)
        guard count > 0 else { return nothing(count, connection) }
        var scan = RecordScan(limit: service.limits.requestBytes)
        let verdict = scan.take(scratch.span.extracting(0..<count))
        // libfcgi does not skip all padding, so such a request is copied without.
        guard verdict == .complete, !scan.isPadded else {
            if case .broken(let flaw) = verdict { return refuse(connection, flaw) }
            return gather(connection, Gathering(limit: service.limits.requestBytes), count)
        }
        // What else there is would be a second request before the answer to the first: the connection ends with it.
        let mayKeep = scan.hasBodyEnd && scan.length == count
        let request = exchange.read(
            scratch.span.extracting(0..<scan.length), hasBody: scan.hasBody, from: connection, mayKeep: mayKeep)
        return answer(request, connection)
    }

    /// Takes the next bytes, `count` of them in `scratch`. libfcgi gets the request when it is whole.
    private mutating func gather(_ connection: Int32, _ gathering: Gathering, _ count: Int) -> Outcome {
        let verdict = gathering.take(scratch.span.extracting(0..<count))
        if case .incomplete = verdict { return .gathering(gathering) }
        if case .broken(let flaw) = verdict { return refuse(connection, flaw) }
        let isOversized = verdict == .oversized
        let mayKeep = gathering.scan.hasBodyEnd && !gathering.hasMore && !isOversized
        let bytes = gathering.request
        let request = exchange.read(
            bytes.span, hasBody: gathering.scan.hasBody && !isOversized, from: connection, mayKeep: mayKeep)
        guard isOversized, request != nil else { return answer(request, connection) }
        return exchange.finish(Response(.contentTooLarge)) ? .answered : .closed
    }

    private mutating func receive(_ connection: Int32) -> Int {
        unsafe scratch.withUnsafeMutableBytes { unsafe recv(connection, $0.baseAddress, $0.count, readNow) }
    }

    /// End of file, or nothing there yet.
    private func nothing(_ count: Int, _ connection: Int32) -> Outcome {
        if count < 0, errno == EAGAIN || errno == EINTR { return .quiet }
        close(connection)
        return .closed
    }

    private func refuse(_ connection: Int32, _ flaw: Flaw) -> Outcome {
        service.log.debug("closed a connection without an answer", metadata: ["reason": "\(flaw.rawValue)"])
        close(connection)
        return .closed
    }
}

extension CheckThread {
    private mutating func answer(_ request: Request?, _ connection: Int32) -> Outcome {
        guard let request else { return .closed }
        switch service.responder.answer(request) {
        case .now(let response): return exchange.finish(response) ? .answered : .closed
        case .later(let work): return park(connection, work)
        }
    }

    /// Hands connection and request to the errand lane, or says that we are too busy.
    private mutating func park(_ connection: Int32, _ work: @escaping @Sendable () -> Response) -> Outcome {
        let (parked, service, mailbox) = (exchange, service, mailbox)
        exchange = Exchange()
        if peers[connection] != nil {
            set.remove(connection)
            peers[connection] = nil
        } else {
            limitWaiting(on: connection)
        }
        let isTaken = service.errands.submit {
            if parked.finish(work()) {
                if mailbox.giveBack(connection) { return }
                close(connection)
            }
            service.connectionClosed()
        }
        guard !isTaken else { return .parked }
        let busy = Response(.serviceUnavailable, fields: [Field(.retryAfter, "1")])
        return parked.finish(busy) ? .answered : .closed
    }

    /// Notes what became of a connection: watched, forgotten, or closed when nothing may follow.
    mutating func settle(_ connection: Int32, _ outcome: Outcome) {
        switch outcome {
        case .quiet: if peers[connection] == nil { keep(connection, .silent) }
        case .gathering(let gathering): keep(connection, .gathering(gathering))
        case .answered: keep(connection, .idle)
        case .parked: break
        case .closed: forget(connection)
        }
    }

    private mutating func keep(_ connection: Int32, _ phase: Peer.Phase) {
        if let peer = peers[connection] {
            if case (.gathering, .gathering) = (peer.phase, phase) { return }
        } else {
            limitWaiting(on: connection)
            guard set.add(connection) else { return hangUp(connection) }
        }
        peers[connection] = Peer(phase: phase, since: now)
    }

    mutating func hangUp(_ connection: Int32) {
        close(connection)
        forget(connection)
    }

    private mutating func forget(_ connection: Int32) {
        peers[connection] = nil
        service.connectionClosed()
    }
}

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
        if case .gathering(let gathering) = peer.phase {
            settle(connection, gather(connection, gathering))
        } else {
            settle(connection, look(connection))
        }
    }

    /// Looks at what is there without taking it. A whole request, which is the rule, goes to libfcgi.
    mutating func look(_ connection: Int32) -> Outcome {
        let count = receive(connection, peekNow)
        guard count > 0 else { return nothing(count, connection) }
        var scan = RecordScan(limit: service.limits.requestBytes)
        switch scan.take(scratch.span.extracting(0..<count)) {
        case .complete where !scan.isPadded:
            // libfcgi may have read what follows, and forgets it: such a connection ends with this answer.
            let mayKeep = scan.hasBodyEnd && scan.length == count
            return serve(connection, scan, replay: nil, mayKeep: mayKeep)
        case .complete, .incomplete, .oversized:
            return gather(connection, Gathering(limit: service.limits.requestBytes))
        case .broken(let flaw):
            return refuse(connection, flaw)
        }
    }

    /// Takes what is there. libfcgi gets the request when it is whole.
    private mutating func gather(_ connection: Int32, _ gathering: Gathering) -> Outcome {
        let count = receive(connection, readNow)
        guard count > 0 else { return nothing(count, connection) }
        switch gathering.take(scratch.span.extracting(0..<count)) {
        case .incomplete: return .gathering(gathering)
        case .broken(let flaw): return refuse(connection, flaw)
        case .complete: return replay(connection, gathering, answer: nil)
        case .oversized: return replay(connection, gathering, answer: Response(.contentTooLarge))
        }
    }

    private mutating func receive(_ connection: Int32, _ flags: Int32) -> Int {
        unsafe scratch.withUnsafeMutableBytes { unsafe recv(connection, $0.baseAddress, $0.count, flags) }
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
    private mutating func replay(_ connection: Int32, _ gathering: Gathering, answer: Response?) -> Outcome {
        guard let replay = Replay(gathering.request) else {
            close(connection)
            return .closed
        }
        let mayKeep = gathering.scan.hasBodyEnd && !gathering.hasMore && answer == nil
        return serve(connection, gathering.scan, replay: replay, mayKeep: mayKeep, answer: answer)
    }

    private mutating func serve(
        _ connection: Int32, _ scan: RecordScan, replay: Replay?, mayKeep: Bool, answer: Response? = nil
    ) -> Outcome {
        guard exchange.accept(from: connection, replay: replay, mayKeep: mayKeep),
            let request = exchange.read(hasBody: scan.hasBodyEnd || answer != nil)
        else { return .closed }
        switch answer.map(Answer.now) ?? service.responder.answer(request) {
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

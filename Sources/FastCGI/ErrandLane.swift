internal import Threads

/// The errand lane: threads for work that may wait for a provider or a store. They are made when they are needed,
/// up to a bound; so is the queue before them. What does not fit is refused at once.
package final class ErrandLane: Sendable {
    package typealias Work = @Sendable () -> Void

    private let state = Monitor(State())
    private let mostThreads: Int
    private let mostWaiting: Int

    private struct State: Sendable {
        var waiting: [Work] = []
        var threads = 0
        /// Threads that look for work. Each may already be meant for one that waits.
        var idle = 0
        var isStopping = false
    }

    private enum Place {
        case refused, queued, newThread
    }

    /// Milliseconds after which a thread without work ends.
    private static let idleTime: Int64 = 10_000

    package init(threads: Int, queue: Int) {
        mostThreads = threads
        mostWaiting = queue
    }

    /// Has `work` done on another thread. False, and nothing is done, when the lane is full or stops.
    package func submit(_ work: @escaping Work) -> Bool {
        switch state.withLock({ place(work, &$0) }) {
        case .refused: return false
        case .queued: state.wakeOne()
        case .newThread:
            guard spawn({ self.run(work) }) == nil else { return true }
            return state.withLock { placeWithoutThread(work, &$0) }
        }
        return true
    }

    /// Takes no more, and waits for what is under way, `milliseconds` at most. Whether all of it was done.
    package func stop(milliseconds: Int64) -> Bool {
        state.withLock { $0.isStopping = true }
        state.wakeAll()
        return state.wait(milliseconds: milliseconds) { $0.threads == 0 ? true : nil } ?? false
    }

    private func place(_ work: @escaping Work, _ state: inout State) -> Place {
        guard !state.isStopping else { return .refused }
        let hasIdleThread = state.idle > state.waiting.count
        if !hasIdleThread, state.threads < mostThreads {
            state.threads += 1
            return .newThread
        }
        guard hasIdleThread || state.waiting.count < state.idle + mostWaiting else { return .refused }
        state.waiting.append(work)
        return .queued
    }

    /// The system has no more threads: the work waits for one of those there are.
    private func placeWithoutThread(_ work: @escaping Work, _ state: inout State) -> Bool {
        state.threads -= 1
        guard state.threads > 0, state.waiting.count < mostWaiting else { return false }
        state.waiting.append(work)
        return true
    }
}

extension ErrandLane {
    private func run(_ first: Work) {
        first()
        while let work = next() { work() }
        state.wakeAll()
    }

    /// The next piece of work; nil when this thread shall end.
    private func next() -> Work? {
        state.withLock { $0.idle += 1 }
        _ = state.wait(milliseconds: Self.idleTime) { $0.waiting.isEmpty && !$0.isStopping ? nil : true }
        return state.withLock { state in
            state.idle -= 1
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.threads -= 1
            return nil
        }
    }
}

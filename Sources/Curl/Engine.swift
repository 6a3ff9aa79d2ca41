internal import CCurl
internal import Glibc
internal import Synchronization
internal import Threads
internal import Web

/// The thread that carries all requests, with its connections.
///
/// `@unchecked Sendable`: `multi` is used by the engine's thread alone, but for `curl_multi_wakeup`, which libcurl
/// allows from any thread.
@safe final class Engine: @unchecked Sendable {
    private let multi: UnsafeMutableRawPointer
    private let inbox = Mutex(Inbox())
    private let thread = Mutex<pthread_t?>(nil)

    private struct Inbox {
        var calls: [Call] = []
        var isStopping = false
    }

    init() {
        guard let multi = unsafe curl_multi_init() else { preconditionFailure("no memory for libcurl") }
        unsafe self.multi = multi
        _ = unsafe curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, 128)
        _ = unsafe curl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, 64)
    }

    deinit {
        _ = unsafe curl_multi_cleanup(multi)
    }

    func start() {
        thread.withLock { $0 = spawn { [self] in run() } }
    }

    /// Ends what is under way as timed out, and the thread.
    func stop() {
        inbox.withLock { $0.isStopping = true }
        _ = unsafe curl_multi_wakeup(multi)
        thread.withLock { thread in
            guard let running = thread else { return }
            _ = pthread_join(running, nil)
            thread = nil
        }
    }

    func submit(_ call: Call) {
        inbox.withLock { $0.calls.append(call) }
        _ = unsafe curl_multi_wakeup(multi)
    }
}

extension Engine {
    /// The transfers under way, by the address of their handles.
    private typealias Transfers = [UInt: Transfer]

    private func run() {
        var transfers = Transfers()
        while true {
            let (calls, isStopping) = inbox.withLock { inbox in
                defer { inbox.calls = [] }
                return (inbox.calls, inbox.isStopping)
            }
            for call in calls { begin(call, &transfers) }
            var running: Int32 = 0
            _ = unsafe curl_multi_perform(multi, &running)
            finish(&transfers)
            giveUp(&transfers, all: isStopping)
            if isStopping { return }
            _ = unsafe curl_multi_poll(multi, nil, 0, pause(transfers), nil)
        }
    }

    private func begin(_ call: Call, _ transfers: inout Transfers) {
        guard let transfer = Transfer(call) else {
            call.finish(.failure(.unreachable("libcurl does not take the request")))
            return
        }
        guard unsafe curl_multi_add_handle(multi, transfer.easy.pointer) == CURLM_OK else {
            call.finish(.failure(.unreachable("libcurl takes no more requests")))
            return
        }
        transfers[transfer.easy.address] = transfer
    }

    /// Takes out what libcurl says is over.
    private func finish(_ transfers: inout Transfers) {
        var waiting: Int32 = 0
        while let message = unsafe curl_multi_info_read(multi, &waiting) {
            guard unsafe message.pointee.msg == CURLMSG_DONE, let easy = unsafe message.pointee.easy_handle else {
                continue
            }
            // The message is gone with the handle.
            let code = unsafe curl_message_result(message)
            guard let transfer = transfers.removeValue(forKey: UInt(bitPattern: easy)) else { continue }
            _ = unsafe curl_multi_remove_handle(multi, easy)
            transfer.call.finish(transfer.outcome(code))
        }
    }

    /// Takes out what is past its deadline. libcurl counts too, but not while a transfer queues for a connection.
    private func giveUp(_ transfers: inout Transfers, all: Bool) {
        for transfer in transfers.values where all || transfer.call.rest == 0 {
            _ = unsafe curl_multi_remove_handle(multi, transfer.easy.pointer)
            transfers[transfer.easy.address] = nil
            transfer.call.finish(.failure(.timedOut))
        }
    }

    /// Milliseconds until a deadline, a second at most.
    private func pause(_ transfers: Transfers) -> Int32 {
        transfers.values.reduce(1000) { min($0, Int32(clamping: $1.call.rest)) }
    }
}

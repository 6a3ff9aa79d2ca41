internal import CFastCGI
internal import Glibc
internal import Synchronization

/// Where a check thread is woken, and gets connections back whose request an errand has finished.
final class Mailbox: Sendable {
    /// Readable when the thread shall look.
    let descriptor: Int32
    private let returned = Mutex<[Int32]?>([])

    init() {
        descriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
    }

    deinit {
        close(descriptor)
    }

    /// Gives a connection back. False when the thread has ended: it is still the caller's.
    func giveBack(_ connection: Int32) -> Bool {
        let isTaken = returned.withLock { returned in
            returned?.append(connection)
            return returned != nil
        }
        if isTaken { wake() }
        return isTaken
    }

    func wake() {
        var one: UInt64 = 1
        _ = unsafe write(descriptor, &one, 8)
    }

    /// All that was given back.
    func take() -> [Int32] {
        var count: UInt64 = 0
        _ = unsafe read(descriptor, &count, 8)
        return returned.withLock { returned in
            let taken = returned ?? []
            if returned != nil { returned = [] }
            return taken
        }
    }

    /// Takes what there is; from now on nothing is taken back.
    func shut() -> [Int32] {
        returned.withLock { returned in
            defer { returned = nil }
            return returned ?? []
        }
    }
}

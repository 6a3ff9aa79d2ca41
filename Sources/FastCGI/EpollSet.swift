internal import CFastCGI
internal import Glibc

/// What one thread waits on.
@safe struct EpollSet: ~Copyable {
    private let descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
    private let events = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: 64)

    deinit {
        unsafe events.deallocate()
        close(descriptor)
    }

    /// Waits until something can be read. How many descriptors are ready; -1 milliseconds are for ever.
    func wait(milliseconds: Int32) -> Int {
        Int(max(0, unsafe epoll_wait(descriptor, events.baseAddress, Int32(events.count), milliseconds)))
    }

    /// The ready descriptor of this index, after `wait`.
    func ready(_ index: Int) -> Int32 {
        unsafe events[index].data.fd
    }

    /// Watches a connection. False when the system cannot.
    func add(_ connection: Int32) -> Bool {
        fcgi_watch(descriptor, EPOLL_CTL_ADD, connection, EPOLLIN.rawValue) == 0
    }

    /// Watches what other threads watch too: one of them wakes, not all.
    func add(shared listener: Int32) {
        _ = fcgi_watch(descriptor, EPOLL_CTL_ADD, listener, EPOLLIN.rawValue | EPOLLEXCLUSIVE.rawValue)
    }

    func remove(_ watched: Int32) {
        _ = fcgi_watch(descriptor, EPOLL_CTL_DEL, watched, 0)
    }
}

#pragma once
#include <fcgiapp.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>

// accept4 needs _GNU_SOURCE, which a header that Swift imports must not define.

/// Accepts a connection with a blocking, close-on-exec descriptor; -1 and errno otherwise.
int fcgi_accept(int listener, struct sockaddr_storage *peer);

/// What libfcgi reads in this thread from now on: these bytes, then the end of file. It never reads from a connection,
/// so it can neither wait for one nor take what belongs to the next request. The bytes stay the caller's.
void fcgi_feed(const void *bytes, size_t count);

/// Makes the descriptor close-on-exec and non-blocking; 0 when that is done.
int fcgi_prepare_listener(int listener);

/// How many descriptors this process may have open.
long fcgi_descriptor_limit(void);

/// epoll_ctl with the descriptor itself as the event's mark.
static inline int fcgi_watch(int set, int operation, int descriptor, uint32_t events) {
    struct epoll_event event = {.events = events, .data = {.fd = descriptor}};
    return epoll_ctl(set, operation, descriptor, &event);
}

#define _GNU_SOURCE
#include "CFastCGI.h"
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>

int fcgi_accept(int listener, struct sockaddr_storage *peer) {
    socklen_t size = sizeof *peer;
    return accept4(listener, (struct sockaddr *)peer, &size, SOCK_CLOEXEC);
}

static _Thread_local struct {
    const char *next;
    size_t left;
} fed;

void fcgi_feed(const void *bytes, size_t count) {
    fed.next = bytes;
    fed.left = count;
}

// The linker puts this in the place of libfcgi's OS_Read, its only way to read (--wrap in Package.swift).
int __wrap_OS_Read(int descriptor, char *buffer, size_t size) {
    (void)descriptor;
    size_t count = size < fed.left ? size : fed.left;
    if (count > 0) memcpy(buffer, fed.next, count);
    fed.next += count;
    fed.left -= count;
    return (int)count;
}

int fcgi_prepare_listener(int listener) {
    int flags = fcntl(listener, F_GETFL);
    return flags < 0 || fcntl(listener, F_SETFD, FD_CLOEXEC) < 0 ? -1 : fcntl(listener, F_SETFL, flags | O_NONBLOCK);
}

long fcgi_descriptor_limit(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 1 << 20 ? 1 << 20 : (long)limit.rlim_cur;
}

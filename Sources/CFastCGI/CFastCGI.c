#define _GNU_SOURCE
#include "CFastCGI.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>

int fcgi_accept(int listener, struct sockaddr_storage *peer) {
    socklen_t size = sizeof *peer;
    return accept4(listener, (struct sockaddr *)peer, &size, SOCK_CLOEXEC);
}

int fcgi_memory_file(void) { return memfd_create("request", MFD_CLOEXEC); }

int fcgi_prepare_listener(int listener) {
    int flags = fcntl(listener, F_GETFL);
    return flags < 0 || fcntl(listener, F_SETFD, FD_CLOEXEC) < 0 ? -1 : fcntl(listener, F_SETFL, flags | O_NONBLOCK);
}

long fcgi_descriptor_limit(void) {
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > 1 << 20 ? 1 << 20 : (long)limit.rlim_cur;
}

#pragma once
#include <fcgiapp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

/* accept4 needs _GNU_SOURCE, which a header that Swift reads must not define. */
int postern_accept(int listener);

/* Whether the peer is this machine: a Unix socket, or 127.0.0.0/8, ::1. */
int postern_is_loopback(int connection);

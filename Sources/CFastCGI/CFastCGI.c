#define _GNU_SOURCE
#include "CFastCGI.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

int postern_accept(int listener)
{
    return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

int postern_is_loopback(int connection)
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    struct sockaddr_storage peer;
    socklen_t size = sizeof peer;
    if (getpeername(connection, (struct sockaddr *)&peer, &size) != 0)
        return 0;
    if (peer.ss_family == AF_UNIX)
        return 1;
    if (peer.ss_family == AF_INET)
        return (ntohl(((struct sockaddr_in *)&peer)->sin_addr.s_addr) >> 24) == 127;
    if (peer.ss_family != AF_INET6)
        return 0;
    const struct in6_addr *address = &((struct sockaddr_in6 *)&peer)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(address) || (memcmp(address, mapped, 12) == 0 && address->s6_addr[12] == 127);
}

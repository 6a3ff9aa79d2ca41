/* The yardstick: a FastCGI responder on libfcgi that does nothing but answer 204 with who it is, and as an authorizer
 * 200. It is a reactor of two threads, each with its own epoll set over kept connections, so it is what any
 * check on libfcgi costs at least.
 *
 *     cc -O2 -o noop noop.c -lfcgi -lpthread && ./noop SOCKET     (or a PORT, or nothing: mod_fcgid's descriptor 0)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fastcgi.h>
#include <fcgiapp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* What Postern says of the session that the load is sent with: web servers have as much to read, to set and to hand on. */
#define FIELDS                                                             \
    "X-Auth-Request-User: user0\r\nX-Auth-Request-Email: user0@example.com\r\n" \
    "X-Auth-Request-Groups: staff,readers\r\nX-Auth-Request-Preferred-Username: user0\r\nCache-Control: no-store\r\n\r\n"

static const char answer[] = "Status: 204 No Content\r\n" FIELDS;
static const char cached[] = "Status: 200 OK\r\nX-Accel-Expires: 59\r\n" FIELDS;
static const char allowed[] =
    "Status: 200 OK\r\nVariable-REMOTE_USER: user0\r\nVariable-X_AUTH_REQUEST_USER: user0\r\n"
    "Variable-X_AUTH_REQUEST_EMAIL: user0@example.com\r\nVariable-X_AUTH_REQUEST_GROUPS: staff,readers\r\n"
    "Variable-X_AUTH_REQUEST_PREFERRED_USERNAME: user0\r\n\r\n";

static int listen_on_port(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    return fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 1024) ? -1 : fd;
}

static int listen_on(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || strlen(path) >= sizeof address.sun_path)
        return -1;
    strcpy(address.sun_path, path);
    unlink(path);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) || chmod(path, 0666) || listen(fd, 1024))
        return -1;
    return fd;
}

/* Whether the connection of r is still there afterwards. */
static int serve(FCGX_Request *r, int fd)
{
    char ignored[512];
    r->ipcFd = fd;
    r->keepConnection = 1; /* or FCGX_Accept_r closes the descriptor first */
    r->detached = 1;       /* or every close waits for the peer */
    if (FCGX_Accept_r(r) != 0)
        return 0;
    if (r->role == FCGI_AUTHORIZER) {
        FCGX_PutStr(allowed, sizeof allowed - 1, r->out);
    } else {
        while (FCGX_GetStr(ignored, sizeof ignored, r->in) > 0)
            ;
        if (FCGX_GetParam("POSTERN_ALLOW_STATUS", r->envp))
            FCGX_PutStr(answer, sizeof answer - 1, r->out);
        else
            FCGX_PutStr(cached, sizeof cached - 1, r->out);
    }
    int is_kept = r->keepConnection;
    r->keepConnection = 1;
    FCGX_Finish_r(r);
    if (!is_kept)
        close(fd);
    return is_kept;
}

static void *reactor(void *listener)
{
    int listening = *(int *)listener, set = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE, .data.fd = listening}, ready[64];
    FCGX_Request request;
    FCGX_InitRequest(&request, -1, 0);
    epoll_ctl(set, EPOLL_CTL_ADD, listening, &event);
    for (;;) {
        int count = epoll_wait(set, ready, 64, -1);
        for (int i = 0; i < count; i++) {
            int fd = ready[i].data.fd;
            if (fd != listening) {
                serve(&request, fd);
                continue;
            }
            fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
            if (fd < 0)
                continue;
            struct pollfd first = {.fd = fd, .events = POLLIN};
            if (poll(&first, 1, 0) == 1 && !serve(&request, fd))
                continue;
            event = (struct epoll_event){.events = EPOLLIN, .data.fd = fd};
            epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
        }
    }
}

int main(int count, char **arguments)
{
    pthread_t other;
    int port = count == 2 ? atoi(arguments[1]) : 0;
    int listener = count < 2 ? 0 : port > 0 ? listen_on_port(port) : listen_on(arguments[1]);
    if (listener < 0)
        return fprintf(stderr, "usage: noop SOCKET (%s)\n", strerror(errno)), 2;
    FCGX_Init();
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    pthread_create(&other, NULL, reactor, &listener);
    reactor(&listener);
}

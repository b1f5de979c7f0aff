// rtbridge: the back-end of the benchmarks: gRPC over cleartext HTTP/2, HTTP/1.1, echoes over TCP and UDP, a feed of texts, in one thread.
// SPDX-License-Identifier: Apache-2.0
//
//   backend COUNTERS
//
// Prints `grpc PORT`, `tcp PORT`, `udp PORT`, `http PORT` and `feed PORT`, and serves until it is killed. All are on 127.0.0.1; gRPC and TCP also on
// 127.0.0.2 to 127.0.0.4, since one address has some 28,000 ports for another, and proxies open few connections to an endpoint. A gRPC call is answered, once its request has ended, with
// one message as long as the request's body, then grpc-status 0. Where the method is called Bulk, the answer has 1 MiB; where
// it is called Hold, the status waits until `release` is set. An HTTP/1.1 request is answered with as many bytes. COUNTERS is a file: see backend.h.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backend.h"

struct counters *counters;
static int poller;

void fail(const char *what) {
    perror(what);
    exit(1);
}

const uint8_t *body_pattern(void) {
    static uint8_t pattern[MAX_BODY];
    if (pattern[0] == 0)
        for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = (uint8_t)(i * 7 + 3);
    return pattern;
}

// MARK: Output

void queue(struct endpoint *e, const void *bytes, size_t count) {
    if (e->queue_start == e->queue_end) e->queue_start = e->queue_end = 0;
    if (e->queue_end + count > e->queue_room) {
        e->queue_room = 2 * (e->queue_end + count);
        if (!(e->queue = realloc(e->queue, e->queue_room))) fail("realloc");
    }
    memcpy(e->queue + e->queue_end, bytes, count);
    e->queue_end += count;
}

static void wait_for_room(struct endpoint *e, int wanted) {
    if (e->is_waiting_for_room == wanted) return;
    e->is_waiting_for_room = wanted;
    // An echo whose peer does not read is read no further.
    uint32_t events = wanted ? EPOLLOUT | (e->kind == ECHO ? 0 : EPOLLIN) : EPOLLIN;
    struct epoll_event event = {.events = events, .data.ptr = e};
    epoll_ctl(poller, EPOLL_CTL_MOD, e->fd, &event);
}

static size_t unsent(const struct endpoint *e, const uint8_t **bytes) {
    if (e->feed) return feed_bytes(e->feed, bytes);
    *bytes = e->queue + e->queue_start;
    return e->queue_end - e->queue_start;
}

// Returns 0 if the connection is broken.
static int send_queue(struct endpoint *e) {
    const uint8_t *bytes;
    size_t count;
    while ((count = unsent(e, &bytes)) > 0) {
        ssize_t n = send(e->fd, bytes, count, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0) return 0;
        if (e->feed) feed_sent(e->feed, (size_t)n);
        else e->queue_start += (size_t)n;
    }
    wait_for_room(e, count > 0);
    return 1;
}

// MARK: Connections

static void add(struct endpoint *e) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = e};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, e->fd, &event)) fail("epoll_ctl");
}

static struct endpoint *new_endpoint(enum kind kind, int fd) {
    struct endpoint *e = calloc(1, sizeof *e);
    if (!e) fail("calloc");
    e->kind = kind;
    e->fd = fd;
    return e;
}

static void accept_one(const struct endpoint *listener) {
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    enum kind kind = listener->kind == GRPC_LISTENER   ? GRPC
                     : listener->kind == HTTP_LISTENER ? HTTP
                     : listener->kind == FEED_LISTENER ? FEED
                                                       : ECHO;
    struct endpoint *e = new_endpoint(kind, fd);
    if (e->kind == GRPC) start_session(e);
    if (e->kind == HTTP && !(e->http = new_http())) fail("calloc");
    if (e->kind == FEED && !(e->feed = new_feed())) fail("calloc");
    add(e);
}

static void end(struct endpoint *e) {
    close(e->fd);
    if (e->session) end_session(e);
    free(e->queue);
    free(e->http);
    free(e->feed);
    free(e);
}

// Sends what the session and the queue hold. Returns 0 if the connection is broken.
static int say(struct endpoint *e) {
    do {
        e->has_more = 0;
        if (e->session && nghttp2_session_send(e->session)) return 0;
        if (!send_queue(e)) return 0;
    } while (e->has_more && !e->is_waiting_for_room);
    return 1;
}

static void echo_datagrams(const struct endpoint *e) {
    static uint8_t input[65536];
    struct sockaddr_in from;
    // Some at a time, so that the other sockets have their turn.
    for (int i = 0; i < 64; i++) {
        socklen_t length = sizeof from;
        ssize_t n = recvfrom(e->fd, input, sizeof input, 0, (struct sockaddr *)&from, &length);
        if (n < 0) return;
        if (sendto(e->fd, input, (size_t)n, 0, (struct sockaddr *)&from, length) == n) counters->datagrams++;
    }
}

static void release_held(void) {
    struct endpoint *e;
    // A connection that is broken is found by its own events.
    while ((e = release_one())) say(e);
}

// Returns 0 at the connection's end.
static int handle(struct endpoint *e, uint32_t events) {
    static uint8_t input[READ_BYTES];
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        ssize_t n = recv(e->fd, input, sizeof input, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN)) return 0;
        if (n > 0 && e->kind == ECHO) {
            counters->echoed += (uint64_t)n;
            queue(e, input, (size_t)n);
        } else if (n > 0 && e->kind == HTTP) {
            if (!take_http(e, (const char *)input, (size_t)n)) return 0;
        } else if (n > 0 && e->kind == FEED) {
            if (!take_question(e->feed, input, (size_t)n)) return 0;
        } else if (n > 0 && nghttp2_session_mem_recv(e->session, input, (size_t)n) < 0) {
            return 0;
        }
    }
    return say(e);
}

// Port 0: any, which is returned.
static in_port_t serve(enum kind kind, in_addr_t host, in_port_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(host), .sin_port = port};
    socklen_t length = sizeof address;
    int type = kind == DATAGRAMS ? SOCK_DGRAM : SOCK_STREAM, room = 4 << 20;
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length)) fail("bind");
    if (kind == DATAGRAMS) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
    else if (listen(fd, 4096)) fail("listen");
    if (getsockname(fd, (struct sockaddr *)&address, &length)) fail("getsockname");
    add(new_endpoint(kind, fd));
    return address.sin_port;
}

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: backend COUNTERS\n"), 2;
    int file = open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, sizeof *counters)) fail(argv[1]);
    counters = mmap(NULL, sizeof *counters, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (counters == MAP_FAILED) fail("mmap");
    poller = epoll_create1(EPOLL_CLOEXEC);
    in_port_t grpc = serve(GRPC_LISTENER, INADDR_LOOPBACK, 0), echo = serve(TCP_LISTENER, INADDR_LOOPBACK, 0);
    for (in_addr_t i = 1; i < 4; i++) serve(GRPC_LISTENER, INADDR_LOOPBACK + i, grpc), serve(TCP_LISTENER, INADDR_LOOPBACK + i, echo);
    printf("grpc %d\n", ntohs(grpc));
    printf("tcp %d\n", ntohs(echo));
    printf("udp %d\n", ntohs(serve(DATAGRAMS, INADDR_LOOPBACK, 0)));
    printf("http %d\n", ntohs(serve(HTTP_LISTENER, INADDR_LOOPBACK, 0)));
    printf("feed %d\n", ntohs(serve(FEED_LISTENER, INADDR_LOOPBACK, 0)));
    fflush(stdout);
    for (;;) {
        struct epoll_event events[64];
        int count = epoll_wait(poller, events, 64, counters->held ? 50 : -1);
        if (count < 0 && errno != EINTR) fail("epoll_wait");
        for (int i = 0; i < count; i++) {
            struct endpoint *e = events[i].data.ptr;
            if (e->kind <= FEED_LISTENER) accept_one(e);
            else if (e->kind == DATAGRAMS) echo_datagrams(e);
            else if (!handle(e, events[i].events)) end(e);
        }
        if (counters->held && counters->release) release_held();
    }
}

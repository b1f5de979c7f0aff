// rtbridge: the connections of rtbridge-load: TCP, TLS or UDP, from one or several addresses.
// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

#include "load.h"

int poller;
static struct sockaddr_storage destination;
static socklen_t destination_length;

static int is_loopback(void) {
    const struct sockaddr_in *v4 = (const void *)&destination;
    return destination.ss_family == AF_INET && ntohl(v4->sin_addr.s_addr) >> 24 == 127;
}

void resolve(void) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    int error = getaddrinfo(options.host, NULL, &hints, &found);
    if (error) fail("%s: %s", options.host, gai_strerror(error));
    memcpy(&destination, found->ai_addr, found->ai_addrlen);
    destination_length = found->ai_addrlen;
    freeaddrinfo(found);
    if (destination.ss_family == AF_INET6) ((struct sockaddr_in6 *)&destination)->sin6_port = htons((uint16_t)options.port);
    else ((struct sockaddr_in *)&destination)->sin_port = htons((uint16_t)options.port);
    if (options.sources > 1 && !is_loopback())
        fail("%zu source addresses are for a host in 127.0.0.0/8, not for %s", options.sources, options.host);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0) fail_errno("epoll");
}

// One source address has some 28,000 ports for a destination; so connections go round 127.0.0.1, 127.0.0.2, …
int new_socket(size_t index, int type) {
    int fd = socket(destination.ss_family, type | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0) fail_errno("socket");
    if (options.sources > 1) {
        struct sockaddr_in source = {.sin_family = AF_INET};
        source.sin_addr.s_addr = htonl((uint32_t)(INADDR_LOOPBACK + index % options.sources));
        // The port is chosen at connect, when the destination is known: else one port would serve one connection only.
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(fd, (struct sockaddr *)&source, sizeof source)) fail_errno("bind");
    }
    if ((type & 15) == SOCK_STREAM) setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

void connect_socket(int fd) {
    if (!connect(fd, (struct sockaddr *)&destination, destination_length) || errno == EINPROGRESS) return;
    fail_errno("no connection to %s:%d", options.host, options.port);
}

void open_connection(struct connection *c, size_t index) {
    struct timeval limit = {.tv_sec = (time_t)options.timeout,
                            .tv_usec = (suseconds_t)((options.timeout - (double)(time_t)options.timeout) * 1e6)};
    c->fd = new_socket(index, options.transport == UDP ? SOCK_DGRAM : SOCK_STREAM);
    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    connect_socket(c->fd);
    if (options.transport == TLS) {
        c->ssl = new_tls(c->fd);
        errno = 0;
        if (SSL_connect(c->ssl) != 1)
            fail("TLS handshake with %s:%d: %s", options.host, options.port,
                 errno == EAGAIN ? "no answer in time" : tls_error());
    }
    if (options.is_websocket && !options.streams) upgrade(c);
}

void watch(struct connection *c, void *data) {
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event)) fail_errno("epoll_ctl");
}

void watch_room(struct connection *c, void *data, int is_wanted) {
    if (c->is_watching_room == is_wanted) return;
    c->is_watching_room = is_wanted;
    struct epoll_event event = {.events = EPOLLIN | (is_wanted ? EPOLLOUT : 0), .data.ptr = data};
    epoll_ctl(poller, EPOLL_CTL_MOD, c->fd, &event);
}

void attend_until_told(void (*attend)(int)) {
    struct pollfd files[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = attend ? poller : -1, .events = POLLIN}};
    do {
        if (poll(files, 2, -1) < 0 && errno != EINTR) fail_errno("poll");
        if (files[1].revents) attend(0);
    } while (!files[0].revents);
}

static ssize_t tls_result(struct connection *c, int result) {
    if (result > 0) return result;
    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return 0;
    case SSL_ERROR_ZERO_RETURN: return CLOSED;
    default: fail("TLS: %s", tls_error());
    }
}

ssize_t read_some(struct connection *c, void *bytes, size_t room) {
    if (c->ssl) return tls_result(c, SSL_read(c->ssl, bytes, (int)room));
    ssize_t n = recv(c->fd, bytes, room, 0);
    if (n > 0) return n;
    if (n == 0) return CLOSED;
    if (errno == EAGAIN) return 0;
    fail_errno("receive");
}

ssize_t write_some(struct connection *c, const void *bytes, size_t count) {
    if (c->ssl) return tls_result(c, SSL_write(c->ssl, bytes, count > 1 << 30 ? 1 << 30 : (int)count));
    ssize_t n = send(c->fd, bytes, count, MSG_NOSIGNAL);
    if (n >= 0) return n;
    if (errno == EAGAIN) return 0;
    fail_errno("send");
}

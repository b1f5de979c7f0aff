// rtbridge: the least that a relay can cost: bare epoll, one thread, WebSocket to TCP and TCP to TCP, for the benchmarks.
// SPDX-License-Identifier: Apache-2.0
//
//   floor BACKEND_PORT
//
// Prints `websocket PORT` and `raw PORT`, both on 127.0.0.1. It checks next to nothing: no limits, pings, time-outs or
// closing handshakes. What a bridge costs over this is what it does beyond moving bytes.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 64 << 10, HEADER = 10 };

// One side of a relay. What it has read and the other side has no room for waits here, and nothing more is read meanwhile.
struct side {
    int fd, is_front, is_held; // is_held: its `rest` waits for room at the other side
    struct relay *relay;
    uint8_t *rest;
    size_t rest_count;
};

struct relay {
    struct side front, back;
    int is_websocket, is_open;
    uint8_t header[14], mask[4];
    size_t header_count;
    uint64_t frame_rest, frame_at;
};

static int poller, backend_port;
static uint8_t input[HEADER + READ_BYTES];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void watch(struct side *s, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = s};
    if (epoll_ctl(poller, operation, s->fd, &event)) fail("epoll_ctl");
}

static void end(struct relay *r) {
    close(r->front.fd);
    close(r->back.fd);
    free(r->front.rest);
    free(r->back.rest);
    r->front.fd = r->back.fd = -1; // freed at the end of the round: an event of the other side may be in the same one
}

static struct side *other(struct side *s) { return s->is_front ? &s->relay->back : &s->relay->front; }

static void watch_again(struct side *s) {
    watch(s, EPOLL_CTL_MOD, (s->is_held ? 0 : EPOLLIN) | (other(s)->is_held ? EPOLLOUT : 0));
}

// Sends what `from` has read to the other side. Returns 0 if that is gone.
static int deliver(struct side *from, const uint8_t *bytes, size_t count) {
    struct side *to = other(from);
    while (count > 0) {
        ssize_t n = send(to->fd, bytes, count, MSG_NOSIGNAL);
        if (n <= 0 && errno != EAGAIN) return 0;
        if (n <= 0) break;
        bytes += n;
        count -= (size_t)n;
    }
    if (count == 0) return 1;
    if (!from->rest && !(from->rest = malloc(sizeof input))) fail("malloc");
    memmove(from->rest, bytes, count);
    from->rest_count = count;
    from->is_held = 1;
    watch_again(from);
    watch_again(to);
    return 1;
}

// RFC 6455 §4.2.2: the accept value, from the request's key.
static int shake(struct relay *r, char *request, size_t count) {
    request[count] = 0;
    char *key = strcasestr(request, "sec-websocket-key: "), text[128], answer[256];
    if (!key) return 0;
    key += strlen("sec-websocket-key: ");
    int length = snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
    uint8_t digest[SHA_DIGEST_LENGTH], accept[32];
    SHA1((uint8_t *)text, (size_t)length, digest);
    EVP_EncodeBlock(accept, digest, sizeof digest);
    length = snprintf(answer, sizeof answer, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                                             "Sec-WebSocket-Accept: %s\r\n\r\n", accept);
    r->is_open = 1;
    return send(r->front.fd, answer, (size_t)length, MSG_NOSIGNAL) == length;
}

// Unmasks in place, eight bytes a step.
static void unmask(struct relay *r, uint8_t *bytes, size_t count) {
    uint8_t key[8];
    for (size_t i = 0; i < 8; i++) key[i] = r->mask[(r->frame_at + i) % 4];
    uint64_t wide, word;
    memcpy(&wide, key, 8);
    size_t i = 0;
    for (; i + 8 <= count; i += 8) {
        memcpy(&word, bytes + i, 8);
        word ^= wide;
        memcpy(bytes + i, &word, 8);
    }
    for (; i < count; i++) bytes[i] ^= key[i % 8];
    r->frame_at += count;
}

// Takes the headers out, and moves the payload together. Returns its length.
static size_t unwrap(struct relay *r, uint8_t *bytes, size_t count) {
    size_t in = 0, out = 0;
    while (in < count) {
        if (r->frame_rest > 0) {
            size_t piece = r->frame_rest < count - in ? (size_t)r->frame_rest : count - in;
            unmask(r, bytes + in, piece);
            memmove(bytes + out, bytes + in, piece);
            r->frame_rest -= piece;
            in += piece;
            out += piece;
            continue;
        }
        r->header[r->header_count++] = bytes[in++];
        size_t length_bytes = r->header_count < 2 ? 0 : (r->header[1] & 127) == 126 ? 2 : (r->header[1] & 127) == 127 ? 8 : 0;
        if (r->header_count < 6 + length_bytes) continue;
        r->frame_rest = length_bytes ? 0 : r->header[1] & 127;
        for (size_t i = 0; i < length_bytes; i++) r->frame_rest = r->frame_rest << 8 | r->header[2 + i];
        memcpy(r->mask, r->header + 2 + length_bytes, 4);
        r->frame_at = r->header_count = 0;
    }
    return out;
}

// RFC 6455 §5.2: a frame around what is at `bytes`, its header in the room before them.
static uint8_t *wrap(uint8_t *bytes, size_t count) {
    if (count <= 125) {
        bytes -= 2;
        bytes[1] = (uint8_t)count;
    } else if (count <= 65535) {
        bytes -= 4;
        bytes[1] = 126;
        bytes[2] = (uint8_t)(count >> 8);
        bytes[3] = (uint8_t)count;
    } else {
        bytes -= 10;
        bytes[1] = 127;
        for (int i = 0; i < 8; i++) bytes[2 + i] = (uint8_t)((uint64_t)count >> (56 - 8 * i));
    }
    bytes[0] = 0x82;
    return bytes;
}

// Returns 0 at the relay's end.
static int receive(struct side *s) {
    struct relay *r = s->relay;
    uint8_t *bytes = input + HEADER;
    ssize_t n = recv(s->fd, bytes, READ_BYTES - 1, 0);
    if (n < 0 && errno == EAGAIN) return 1;
    if (n <= 0) return 0;
    if (!r->is_websocket) return deliver(s, bytes, (size_t)n);
    if (!r->is_open) return s->is_front && shake(r, (char *)bytes, (size_t)n);
    if (s->is_front) return deliver(s, bytes, unwrap(r, bytes, (size_t)n));
    uint8_t *frame = wrap(bytes, (size_t)n);
    return deliver(s, frame, (size_t)n + (size_t)(bytes - frame));
}

// There is room at `to`: the other side goes on.
static int go_on(struct side *to) {
    struct side *from = other(to);
    if (!from->is_held) return 1;
    from->is_held = 0;
    if (!deliver(from, from->rest, from->rest_count)) return 0;
    watch_again(from);
    watch_again(to);
    return 1;
}

static void accept_one(int listener, int is_websocket) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)backend_port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
    if (fd < 0) return;
    struct relay *r = calloc(1, sizeof *r);
    if (!r) fail("calloc");
    r->is_websocket = is_websocket;
    r->front = (struct side){.fd = fd, .is_front = 1, .relay = r};
    r->back = (struct side){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .relay = r};
    if (r->back.fd < 0 || connect(r->back.fd, (struct sockaddr *)&address, sizeof address)) fail("back-end");
    if (fcntl(r->back.fd, F_SETFL, O_NONBLOCK)) fail("fcntl");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(r->back.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(&r->front, EPOLL_CTL_ADD, EPOLLIN);
    watch(&r->back, EPOLL_CTL_ADD, EPOLLIN);
}

static struct side *listen_for(const char *name) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct side *s = calloc(1, sizeof *s);
    if (!s) fail("calloc");
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&address, length) || listen(s->fd, 4096)) fail(name);
    if (getsockname(s->fd, (struct sockaddr *)&address, &length)) fail(name);
    watch(s, EPOLL_CTL_ADD, EPOLLIN);
    printf("%s %d\n", name, ntohs(address.sin_port));
    fflush(stdout);
    return s;
}

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: floor BACKEND_PORT\n"), 2;
    backend_port = atoi(argv[1]);
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct side *websocket = listen_for("websocket"), *raw = listen_for("raw");
    for (;;) {
        struct epoll_event events[64];
        struct relay *ended[64];
        int count = epoll_wait(poller, events, 64, -1), ended_count = 0;
        if (count < 0 && errno != EINTR) fail("epoll_wait");
        for (int i = 0; i < count; i++) {
            struct side *s = events[i].data.ptr;
            if (s == websocket || s == raw) {
                accept_one(s->fd, s == websocket);
                continue;
            }
            if (s->fd < 0) continue;
            int is_alive = !(events[i].events & EPOLLOUT) || go_on(s);
            if (is_alive && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) is_alive = !s->is_held && receive(s);
            if (is_alive) continue;
            end(s->relay);
            ended[ended_count++] = s->relay;
        }
        while (ended_count > 0) free(ended[--ended_count]);
    }
}

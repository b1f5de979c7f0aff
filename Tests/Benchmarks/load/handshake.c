// rtbridge: full TLS 1.3 handshakes, one after the other on every connection.
// SPDX-License-Identifier: Apache-2.0

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "load.h"

// RFC 9113 §3.4: the client's preface, and its SETTINGS, which may be empty. Some servers say nothing before they have it.
static const char PREFACE[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0";

enum phase { HANDSHAKING, AWAITING_SETTINGS };

struct attempt {
    struct connection connection;
    enum phase phase;
    uint64_t started;
};

static struct attempt *attempts;
static size_t running, opened;
static uint64_t end;

static void step(struct attempt *a);

static void begin(struct attempt *a) {
    struct connection *c = &a->connection;
    memset(a, 0, sizeof *a);
    a->started = now();
    c->fd = new_socket(opened++, SOCK_STREAM | SOCK_NONBLOCK);
    connect_socket(c->fd);
    c->ssl = new_tls(c->fd);
    watch(c, a);
    step(a);
}

static void finish(struct attempt *a) {
    record(now() - a->started);
    if (SSL_session_reused(a->connection.ssl)) fail("a handshake was not a full one");
    SSL_shutdown(a->connection.ssl);
    SSL_free(a->connection.ssl);
    close(a->connection.fd);
    if (now() < end) begin(a);
    else running--;
}

static int is_h2(void) { return options.alpn && !strcmp(options.alpn, "h2"); }

static void shake(struct attempt *a) {
    struct connection *c = &a->connection;
    errno = 0;
    int result = SSL_do_handshake(c->ssl);
    if (result == 1) {
        const unsigned char *name;
        unsigned length;
        if (!is_h2()) return finish(a);
        SSL_get0_alpn_selected(c->ssl, &name, &length);
        if (length != 2 || memcmp(name, "h2", 2)) fail("the server does not speak h2 (ALPN)");
        if (write_some(c, PREFACE, sizeof PREFACE - 1) != sizeof PREFACE - 1) fail("no room for a preface");
        a->phase = AWAITING_SETTINGS;
        return watch_room(c, a, 0);
    }
    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_WANT_READ: return watch_room(c, a, 0);
    case SSL_ERROR_WANT_WRITE: return watch_room(c, a, 1);
    default:
        if (errno) fail_errno("TLS handshake with %s:%d", options.host, options.port);
        fail("TLS handshake with %s:%d: %s", options.host, options.port, tls_error());
    }
}

static void step(struct attempt *a) {
    if (a->phase == HANDSHAKING) return shake(a);
    uint8_t answer[4096];
    ssize_t n = read_some(&a->connection, answer, sizeof answer);
    if (n == CLOSED) fail("the server closed a connection after the handshake");
    if (n > 0) finish(a);
}

void run_handshakes(double seconds) {
    if (!attempts) attempts = calloc(options.connections, sizeof *attempts);
    if (!attempts) fail("no memory for %zu connections", options.connections);
    start_figures();
    end = now() + (uint64_t)(seconds * 1e9);
    running = options.connections;
    for (size_t i = 0; i < options.connections; i++) begin(&attempts[i]);
    while (running > 0) {
        struct epoll_event events[256];
        int count = epoll_wait(poller, events, 256, (int)(options.timeout * 1000));
        if (count == 0) fail("no answer within %g s", options.timeout);
        for (int i = 0; i < count; i++) step(events[i].data.ptr);
    }
    print_figures(", \"connections\": %zu", opened);
}

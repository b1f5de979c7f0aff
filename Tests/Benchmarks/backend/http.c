// rtbridge: the back-end's HTTP/1.1: a request with a body gets one as long, and the connection is kept.
// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "backend.h"

enum { MAX_HEAD = 16 << 10 };

struct http {
    char head[MAX_HEAD + 1];
    size_t head_count, length, rest; // length: of the request's body; rest: of it, what is yet to come
};

struct http *new_http(void) { return calloc(1, sizeof(struct http)); }

static void answer(struct endpoint *e, struct http *h) {
    char head[256];
    int count = snprintf(head, sizeof head,
                         "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: %zu\r\n\r\n", h->length);
    queue(e, head, (size_t)count);
    queue(e, body_pattern(), h->length);
    counters->calls++;
    h->head_count = 0;
}

// The line of the head that begins with `name`, behind its colon; NULL: there is none.
static const char *field(const char *head, const char *name) {
    for (const char *line = strstr(head, "\r\n"); line; line = strstr(line, "\r\n")) {
        line += 2;
        if (!strncasecmp(line, name, strlen(name)) && line[strlen(name)] == ':') return line + strlen(name) + 1;
    }
    return NULL;
}

// Proxies pass the length on that clients gave; a body of another shape is a mistake of the benchmark's.
static int begin(struct endpoint *e, struct http *h) {
    const char *length = field(h->head, "content-length");
    if (!length) return 0;
    h->length = h->rest = strtoul(length, NULL, 10);
    if (h->length > MAX_BODY) return 0;
    if (h->rest == 0) answer(e, h);
    return 1;
}

// Returns 0 if the connection is to be closed.
int take_http(struct endpoint *e, const char *bytes, size_t count) {
    struct http *h = e->http;
    while (count > 0) {
        if (h->rest > 0) {
            size_t piece = h->rest < count ? h->rest : count;
            h->rest -= piece;
            bytes += piece;
            count -= piece;
            if (h->rest == 0) answer(e, h);
            continue;
        }
        size_t room = MAX_HEAD - h->head_count, piece = count < room ? count : room;
        if (piece == 0) return 0;
        size_t known = h->head_count > 3 ? h->head_count - 3 : 0;
        memcpy(h->head + h->head_count, bytes, piece);
        h->head[h->head_count + piece] = 0;
        char *end = memmem(h->head + known, h->head_count + piece - known, "\r\n\r\n", 4);
        if (!end) {
            h->head_count += piece;
            return 1;
        }
        size_t used = (size_t)(end + 4 - h->head) - h->head_count;
        end[4] = 0;
        bytes += used;
        count -= used;
        if (!begin(e, h)) return 0;
        h->head_count = 0;
    }
    return 1;
}

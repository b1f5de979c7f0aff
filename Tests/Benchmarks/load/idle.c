// rtbridge: WebSocket sessions that are open and say nothing; they answer pings.
// SPDX-License-Identifier: Apache-2.0

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "load.h"

struct session {
    struct connection connection;
    struct frame_reader reader;
};

static struct session *sessions;
static unsigned long long pings;

static void refuse(void *context, const uint8_t *bytes, size_t count) {
    (void)context, (void)bytes;
    fail("a message of %zu bytes or more came, and none was sent", count);
}

static void answer(void *context, const uint8_t *bytes, size_t count) {
    struct session *s = context;
    uint8_t pong[MAX_FRAME_HEADER + MAX_CONTROL];
    size_t length = make_frame(pong, 10, bytes, count);
    if (write_some(&s->connection, pong, length) != (ssize_t)length) fail("no room for a pong");
    pings++;
}

static void receive(struct session *s) {
    static const struct frame_events ON = {refuse, answer, NULL};
    uint8_t input[4096];
    ssize_t n;
    while ((n = read_some(&s->connection, input, sizeof input)) > 0) read_frames(&s->reader, input, (size_t)n, &ON, s);
    if (n == CLOSED) fail("the peer closed an idle session");
}

void attend_idle(int milliseconds) {
    struct epoll_event events[256];
    int count = epoll_wait(poller, events, 256, milliseconds);
    if (count < 0 && errno != EINTR) fail_errno("epoll");
    for (int i = 0; i < count; i++) receive(events[i].data.ptr);
}

void prepare_idle(void) {
    sessions = calloc(options.connections, sizeof *sessions);
    if (!sessions) fail("no memory for %zu sessions", options.connections);
    for (size_t i = 0; i < options.connections; i++) {
        open_connection(&sessions[i].connection, i);
        // What a session that compresses takes, it takes from its first message on.
        if (options.is_deflating) exchange_text(&sessions[i].connection);
        watch(&sessions[i].connection, &sessions[i]);
        if (i % 256 == 0) attend_idle(0);
    }
}

void run_idle(double seconds) {
    start_figures();
    pings = 0;
    uint64_t end = now() + (uint64_t)(seconds * 1e9);
    for (uint64_t time; (time = now()) < end;) attend_idle((int)((end - time) / 1000000) + 1);
    print_figures(", \"sessions\": %zu, \"pings\": %llu", options.connections, pings);
}

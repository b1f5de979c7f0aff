// rtbridge: clients that send as much as they can and read next to nothing: what a bridge must hold off and not hold.
// SPDX-License-Identifier: Apache-2.0

#include <stdlib.h>
#include <time.h>

#include "load.h"

enum { TICK_NANOSECONDS = 10000000, READ_BYTES = 64 << 10 };

struct session {
    struct connection connection;
    size_t offset; // in the frame that is being sent
    uint64_t allowance; // bytes that may be read by now
    struct frame_reader reader;
    size_t received; // of the message that is coming back
};

static struct session *sessions;
static uint8_t *payload, *frame;
static size_t frame_bytes;
static unsigned long long sent, taken;

// At most 64 writes a tick, so that one session does not keep the others waiting.
static void push(struct session *s) {
    for (int i = 0; i < 64; i++) {
        ssize_t n = write_some(&s->connection, frame + s->offset, frame_bytes - s->offset);
        if (n == CLOSED) fail("the peer closed a slow connection");
        if (n == 0) return;
        sent += (unsigned long long)n;
        s->offset = (s->offset + (size_t)n) % frame_bytes;
    }
}

static void compare(void *context, const uint8_t *bytes, size_t count) {
    struct session *s = context;
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] != payload[s->received]) fail("what came back is not what was sent");
        s->received = (s->received + 1) % options.bytes;
    }
}

// A client that is as slow as this one is answers no ping; choose a short run, or let the bridge send none.
static void ignore(void *context, const uint8_t *bytes, size_t count) { (void)context, (void)bytes, (void)count; }

static void pull(struct session *s) {
    static uint8_t input[READ_BYTES];
    while (s->allowance > 0) {
        ssize_t n = read_some(&s->connection, input, s->allowance < READ_BYTES ? (size_t)s->allowance : READ_BYTES);
        if (n == CLOSED) fail("the peer closed a slow connection");
        if (n == 0) return;
        static const struct frame_events ON = {compare, ignore, NULL};
        if (options.is_websocket) read_frames(&s->reader, input, (size_t)n, &ON, s);
        else compare(s, input, (size_t)n);
        taken += (unsigned long long)n;
        s->allowance -= (uint64_t)n;
    }
}

void prepare_slow(void) {
    payload = make_pattern(options.bytes);
    frame = malloc(options.bytes + MAX_FRAME_HEADER);
    sessions = calloc(options.connections, sizeof *sessions);
    if (!frame || !sessions) fail("no memory for %zu sessions", options.connections);
    if (options.is_websocket) frame_bytes = make_frame(frame, 2, payload, options.bytes);
    else frame = payload, frame_bytes = options.bytes;
    for (size_t i = 0; i < options.connections; i++) {
        open_connection(&sessions[i].connection, i);
        watch(&sessions[i].connection, &sessions[i]);
    }
}

void run_slow(double seconds) {
    start_figures();
    sent = taken = 0;
    uint64_t end = now() + (uint64_t)(seconds * 1e9);
    while (now() < end) {
        for (size_t i = 0; i < options.connections; i++) {
            sessions[i].allowance += options.read_rate * (TICK_NANOSECONDS / 1000) / 1000000;
            pull(&sessions[i]);
            push(&sessions[i]);
        }
        struct timespec pause = {.tv_nsec = TICK_NANOSECONDS};
        nanosleep(&pause, NULL);
    }
    print_figures(", \"bytesSent\": %llu, \"bytesRead\": %llu", sent, taken);
}

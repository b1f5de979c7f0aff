// rtbridge: sessions that send messages to an echo over TCP, TLS or WebSocket: in closed loop (ping-pong, pipelined) or open.
// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "load.h"

enum { READ_BYTES = 256 << 10, COPIES_BYTES = 64 << 10, OPEN_LOOP_RING = 4096 };
static const uint64_t SECOND = 1000000000u, WARM_UP_LIMIT = 2 * 1000000000ull;

struct session {
    struct connection connection;
    struct frame_reader reader;
    size_t unsent, offset; // bytes that are due; where in a frame the next of them stands
    size_t received;       // of the payload of the oldest message under way
    uint64_t *times;       // a ring: when each message under way was sent, or should have been
    size_t oldest, under_way;
    uint8_t ping[MAX_CONTROL];
    size_t ping_count; // of the newest that is unanswered (RFC 6455 §5.5.3)
    int has_ping;
};

static struct session *sessions;
static uint8_t *payload, *frames; // one message's bytes; as many copies of its frame as a write may take
static size_t frame_bytes, copies, ring;
static size_t busy; // sessions with messages under way
static uint64_t end; // no message is due from then on
static int is_open_loop;
static uint64_t limit; // of round trips, for the warm-up

// Never amid a message.
static void answer_ping(struct session *s) {
    uint8_t pong[MAX_FRAME_HEADER + MAX_CONTROL];
    size_t length = make_frame(pong, 10, s->ping, s->ping_count);
    if (write_some(&s->connection, pong, length) != (ssize_t)length) fail("no room for a pong");
    s->has_ping = 0;
}

static void flush(struct session *s) {
    while (s->unsent > 0) {
        size_t room = copies * frame_bytes - s->offset, piece = s->unsent < room ? s->unsent : room;
        ssize_t n = write_some(&s->connection, frames + s->offset, piece);
        if (n == CLOSED) fail("a connection was closed");
        if (n == 0) break;
        s->unsent -= (size_t)n;
        s->offset = (s->offset + (size_t)n) % frame_bytes;
    }
    if (s->has_ping && s->unsent == 0) answer_ping(s);
    watch_room(&s->connection, s, s->unsent > 0);
}

static void launch(struct session *s, uint64_t time) {
    s->times[(s->oldest + s->under_way) % ring] = time;
    if (s->under_way++ == 0) busy++;
    s->unsent += frame_bytes;
}

static void take_payload(void *context, const uint8_t *bytes, size_t count) {
    struct session *s = context;
    while (count > 0) {
        if (s->under_way == 0) fail("more came back than was sent");
        size_t rest = options.bytes - s->received, piece = count < rest ? count : rest;
        if (memcmp(bytes, payload + s->received, piece)) fail("what came back is not what was sent");
        s->received += piece;
        bytes += piece;
        count -= piece;
        if (s->received < options.bytes) return;
        uint64_t time = now();
        record(time - s->times[s->oldest]);
        s->received = 0;
        s->oldest = (s->oldest + 1) % ring;
        if (--s->under_way == 0) busy--;
        if (!is_open_loop && time < end && recorded + busy <= limit) launch(s, time);
    }
}

static void take_ping(void *context, const uint8_t *bytes, size_t count) {
    struct session *s = context;
    memcpy(s->ping, bytes, count);
    s->ping_count = count;
    s->has_ping = 1;
}

static void receive(struct session *s) {
    static uint8_t input[READ_BYTES];
    static const struct frame_events ON = {take_payload, take_ping, NULL};
    ssize_t n;
    do {
        n = read_some(&s->connection, input, sizeof input);
        if (n == CLOSED) fail("the peer closed a connection");
        if (options.is_websocket) read_frames(&s->reader, input, (size_t)n, &ON, s);
        else take_payload(s, input, (size_t)n);
        // What OpenSSL has decrypted already, the socket tells nothing of.
    } while (n > 0 && (s->connection.ssl || n == READ_BYTES));
    if (s->unsent > 0 || s->has_ping) flush(s);
}

static void poll_once(uint64_t wait) {
    struct epoll_event events[256];
    struct timespec time = {.tv_sec = (time_t)(wait / SECOND), .tv_nsec = (long)(wait % SECOND)};
    int count = epoll_pwait2(poller, events, 256, &time, NULL);
    if (count < 0 && errno != EINTR) fail_errno("epoll");
    static uint64_t last_event;
    if (count > 0 || !busy || !last_event) last_event = now();
    else if (now() - last_event > (uint64_t)(options.timeout * 1e9)) fail("nothing came back for %g s", options.timeout);
    for (int i = 0; i < count; i++) {
        struct session *s = events[i].data.ptr;
        if (events[i].events & EPOLLOUT) flush(s);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(s);
    }
}

// Each session keeps --pipeline messages under way.
static void closed_loop(uint64_t until, uint64_t round_trips) {
    end = until;
    limit = round_trips;
    for (size_t i = 0; i < options.connections; i++) {
        uint64_t time = now();
        for (size_t j = 0; j < options.pipeline; j++) launch(&sessions[i], time);
        flush(&sessions[i]);
    }
    while (busy > 0) poll_once((uint64_t)(options.timeout * 1e9));
}

// Message k is due at k / rate, on session k modulo their number, whatever has come back. Returns how many could not be sent
// because their session had OPEN_LOOP_RING under way: for those, the wait until the end is what is recorded.
static uint64_t open_loop(uint64_t nanoseconds) {
    uint64_t start = now(), sent = 0, all = (uint64_t)(options.rate * (double)nanoseconds / 1e9);
    double gap = 1e9 / options.rate;
    while (sent < all) {
        uint64_t time = now();
        if (time > start + nanoseconds) break;
        struct session *s = NULL;
        while (sent < all && start + (uint64_t)((double)sent * gap) <= time) {
            s = &sessions[sent % options.connections];
            if (s->under_way == ring) break;
            launch(s, start + (uint64_t)((double)sent++ * gap));
            flush(s);
        }
        uint64_t due = start + (uint64_t)((double)sent * gap);
        poll_once(s && s->under_way == ring ? 1000000 : due > time ? due - time : 0);
    }
    while (busy > 0) poll_once((uint64_t)(options.timeout * 1e9));
    uint64_t unsent = all - sent;
    for (; sent < all; sent++) {
        uint64_t due = start + (uint64_t)((double)sent * gap), time = now();
        record(time > due ? time - due : 0);
    }
    return unsent;
}

void prepare_echo(void) {
    is_open_loop = 0;
    ring = options.rate > 0 ? OPEN_LOOP_RING : options.pipeline;
    payload = make_pattern(options.bytes);
    copies = COPIES_BYTES / options.bytes < 1 ? 1 : COPIES_BYTES / options.bytes;
    if (copies > ring) copies = ring;
    frames = malloc(copies * (options.bytes + MAX_FRAME_HEADER));
    sessions = calloc(options.connections, sizeof *sessions);
    if (!frames || !sessions) fail("no memory for %zu sessions", options.connections);
    for (size_t i = 0; i < copies; i++) {
        uint8_t *at = frames + i * frame_bytes;
        if (options.is_websocket) frame_bytes = make_frame(at, 2, payload, options.bytes);
        else memcpy(at, payload, frame_bytes = options.bytes);
    }
    for (size_t i = 0; i < options.connections; i++) {
        struct session *s = &sessions[i];
        if (!(s->times = malloc(ring * sizeof *s->times))) fail("no memory for %zu sessions", options.connections);
        open_connection(&s->connection, i);
        watch(&s->connection, s);
    }
    start_figures();
    if (options.warm_up > 0) closed_loop(now() + WARM_UP_LIMIT, options.warm_up * options.connections);
}

void run_echo(double seconds) {
    is_open_loop = options.rate > 0;
    start_figures();
    uint64_t nanoseconds = (uint64_t)(seconds * 1e9), unsent = 0;
    if (is_open_loop) unsent = open_loop(nanoseconds);
    else closed_loop(now() + nanoseconds, UINT64_MAX);
    print_figures(is_open_loop ? ", \"unsent\": %llu" : "", (unsigned long long)unsent);
}

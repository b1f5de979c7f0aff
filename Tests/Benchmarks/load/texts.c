// rtbridge: ping-pong with different texts over WebSocket, compressed by permessage-deflate or as they are.
// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <zlib.h>

#include "load.h"
#include "prices.h"

enum { READ_BYTES = 256 << 10, INFLATE_BYTES = 64 << 10 };

struct text { uint8_t *bytes, *frame; size_t frame_bytes; };

struct session {
    struct connection connection;
    struct frame_reader reader;
    z_stream inflater;
    size_t text, sent, received; // which text is under way, how much of its frame is sent, of itself come back
    uint64_t started;
};

static struct text texts[TEXTS];
static struct session *sessions;
static size_t busy;
static uint64_t end, limit, wire_bytes;

// RFC 7692 §7.2.1: the last four bytes of the flush are left off. Each text by itself: a client may always forget.
static void make_compressed(struct text *t) {
    z_stream deflater = {0};
    if (deflateInit2(&deflater, 6, Z_DEFLATED, -client_window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK) fail("zlib");
    size_t room = deflateBound(&deflater, options.bytes) + 16;
    uint8_t *packed = malloc(room);
    t->frame = malloc(room + MAX_FRAME_HEADER);
    if (!packed || !t->frame) fail("no memory for a text");
    deflater.next_in = t->bytes;
    deflater.avail_in = (uInt)options.bytes;
    deflater.next_out = packed;
    deflater.avail_out = (uInt)room;
    if (deflate(&deflater, Z_SYNC_FLUSH) != Z_OK || deflater.avail_in || room - deflater.avail_out < 4) fail("zlib");
    t->frame_bytes = make_frame(t->frame, 2, packed, room - deflater.avail_out - 4);
    t->frame[0] |= 0x40;
    deflateEnd(&deflater);
    free(packed);
}

// After the first handshake, which says with what window clients may compress.
static void make_texts(void) {
    for (size_t i = 0; i < TEXTS; i++) {
        struct text *t = &texts[i];
        if (!(t->bytes = malloc(options.bytes))) fail("no memory for a text");
        write_text(t->bytes, options.bytes, i);
        if (options.is_deflating) {
            make_compressed(t);
        } else {
            if (!(t->frame = malloc(options.bytes + MAX_FRAME_HEADER))) fail("no memory for a text");
            t->frame_bytes = make_frame(t->frame, 2, t->bytes, options.bytes);
        }
    }
}

static void start_session(struct session *s, size_t text) {
    if (!texts[0].frame) make_texts();
    s->text = text % TEXTS;
    if (options.is_deflating && inflateInit2(&s->inflater, -15) != Z_OK) fail("zlib");
}

static void flush(struct session *s) {
    struct text *t = &texts[s->text];
    while (s->sent < t->frame_bytes) {
        ssize_t n = write_some(&s->connection, t->frame + s->sent, t->frame_bytes - s->sent);
        if (n == CLOSED) fail("a connection was closed");
        if (n == 0) break;
        s->sent += (size_t)n;
    }
    if (s->sent < t->frame_bytes || s->connection.is_watching_room)
        watch_room(&s->connection, s, s->sent < t->frame_bytes);
}

static void compare(struct session *s, const uint8_t *bytes, size_t count) {
    if (count > options.bytes - s->received) fail("more came back than was sent");
    if (memcmp(bytes, texts[s->text].bytes + s->received, count)) fail("what came back is not what was sent");
    s->received += count;
}

static void take_compressed(struct session *s, const uint8_t *bytes, size_t count) {
    static uint8_t output[INFLATE_BYTES];
    s->inflater.next_in = (uint8_t *)bytes;
    s->inflater.avail_in = (uInt)count;
    do {
        s->inflater.next_out = output;
        s->inflater.avail_out = sizeof output;
        int result = inflate(&s->inflater, Z_SYNC_FLUSH);
        if (result != Z_OK && result != Z_BUF_ERROR) fail("what came back cannot be decompressed");
        compare(s, output, sizeof output - s->inflater.avail_out);
    } while (s->inflater.avail_out == 0 || s->inflater.avail_in > 0);
}

static void take_payload(void *context, const uint8_t *bytes, size_t count) {
    struct session *s = context;
    wire_bytes += count;
    if (s->reader.is_compressed) take_compressed(s, bytes, count);
    else compare(s, bytes, count);
}

// RFC 7692 §7.2.2.
static void message_ended(void *context) {
    struct session *s = context;
    if (s->reader.is_compressed) take_compressed(s, (const uint8_t *)"\0\0\xFF\xFF", 4);
}

static void ignore_ping(void *context, const uint8_t *bytes, size_t count) {
    (void)context, (void)bytes, (void)count;
    fail("a ping came amid a load; let the bridge send none");
}

static const struct frame_events EVENTS = {take_payload, ignore_ping, message_ended};

static void launch(struct session *s) {
    s->started = now();
    s->sent = s->received = 0;
    s->text = (s->text + 1) % TEXTS;
    busy++;
    flush(s);
}

static void receive(struct session *s) {
    static uint8_t input[READ_BYTES];
    ssize_t n;
    do {
        n = read_some(&s->connection, input, sizeof input);
        if (n == CLOSED) fail("the peer closed a connection");
        read_frames(&s->reader, input, (size_t)n, &EVENTS, s);
    } while (n > 0 && (s->connection.ssl || n == READ_BYTES));
    if (s->received < options.bytes || s->started == 0) return;
    record(now() - s->started);
    s->started = 0;
    busy--;
    if (now() < end && recorded + busy < limit) launch(s);
}

static void closed_loop(uint64_t until, uint64_t round_trips) {
    end = until;
    limit = round_trips;
    for (size_t i = 0; i < options.connections; i++) launch(&sessions[i]);
    while (busy > 0) {
        struct epoll_event events[256];
        int count = epoll_wait(poller, events, 256, (int)(options.timeout * 1e3));
        if (count == 0) fail("nothing came back for %g s", options.timeout);
        for (int i = 0; i < count; i++) {
            if (events[i].events & EPOLLOUT) flush(events[i].data.ptr);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(events[i].data.ptr);
        }
    }
}

void exchange_text(struct connection *c) {
    static size_t next;
    struct session s = {.connection = *c};
    uint8_t input[4096];
    start_session(&s, next++);
    flush(&s);
    while (s.received < options.bytes) {
        ssize_t n = read_some(&s.connection, input, sizeof input);
        if (n <= 0) fail("a message did not come back");
        read_frames(&s.reader, input, (size_t)n, &EVENTS, &s);
    }
    inflateEnd(&s.inflater);
}

void prepare_texts(void) {
    sessions = calloc(options.connections, sizeof *sessions);
    if (!sessions) fail("no memory for %zu sessions", options.connections);
    for (size_t i = 0; i < options.connections; i++) {
        open_connection(&sessions[i].connection, i);
        start_session(&sessions[i], i);
        watch(&sessions[i].connection, &sessions[i]);
    }
    start_figures();
    if (options.warm_up > 0) closed_loop(now() + 2000000000u, options.warm_up * options.connections);
}

void run_texts(double seconds) {
    start_figures();
    wire_bytes = 0;
    closed_loop(now() + (uint64_t)(seconds * 1e9), UINT64_MAX);
    print_figures(", \"wireBytes\": %llu", (unsigned long long)wire_bytes);
}

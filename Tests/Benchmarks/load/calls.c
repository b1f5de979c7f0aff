// rtbridge: gRPC calls over WebSocket: one on each (improbable-eng's grpc-websockets), or many (Deephaven's multiplexed).
// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "load.h"

// gRPC PROTOCOL-HTTP2.md: a byte of flags and four of length before a message. PROTOCOL-WEB.md: 0x80 is a block of fields.
enum { PREFIX = 5, FIELDS = 0x80, READ_BYTES = 256 << 10, MAX_ANSWER = MAX_CALL_BYTES + 4096 };
static const uint32_t FINAL = 1u << 31; // of a stream's number: its sender has ended it

struct call {
    uint32_t number;
    uint64_t started; // 0: none is under way
    size_t count;     // of the answer, as far as it has come
    uint8_t *answer;  // frames of gRPC-Web
};

struct session {
    struct connection connection;
    struct frame_reader reader;
    struct call *calls; // a call's place is its number modulo --pipeline
    uint8_t number[4];  // of the message that is coming
    size_t number_count;
    uint8_t *unsent;
    size_t unsent_start, unsent_end, unsent_room;
};

static struct session *sessions;
static uint8_t *payload, *frame; // a message; its prefix and itself behind the 0 that says so
static size_t busy, opened;
static uint64_t end, limit;

// MARK: Output

static void flush(struct session *s) {
    while (s->unsent_start < s->unsent_end) {
        ssize_t n = write_some(&s->connection, s->unsent + s->unsent_start, s->unsent_end - s->unsent_start);
        if (n == CLOSED) fail("a connection was closed");
        if (n == 0) break;
        s->unsent_start += (size_t)n;
    }
    if (s->unsent_start == s->unsent_end) s->unsent_start = s->unsent_end = 0;
    watch_room(&s->connection, s, s->unsent_end > 0);
}

static void queue(struct session *s, uint32_t number, const void *bytes, size_t count) {
    static uint8_t message[MAX_CALL_BYTES + 1024];
    size_t head = options.is_multiplexed ? 4 : 0, room = s->unsent_end + count + head + MAX_FRAME_HEADER;
    number = htonl(number);
    memcpy(message, &number, head);
    memcpy(message + head, bytes, count);
    if (room > s->unsent_room && !(s->unsent = realloc(s->unsent, s->unsent_room = 2 * room))) fail("no memory for a call");
    s->unsent_end += make_frame(s->unsent + s->unsent_end, 2, message, head + count);
}

static void launch(struct session *s, struct call *call) {
    char block[1200];
    int length = snprintf(block, sizeof block, "content-type: application/grpc-web+proto\r\nx-grpc-web: 1\r\n");
    if (options.is_multiplexed)
        length += snprintf(block + length, sizeof block - (size_t)length, "grpc-websockets-path: %s\r\n", options.path);
    call->number = (call->number + (uint32_t)options.pipeline) & ~FINAL;
    call->started = now();
    call->count = 0;
    busy++;
    queue(s, call->number, block, (size_t)length);
    queue(s, call->number | FINAL, frame, 1 + PREFIX + options.bytes);
    // The half-close of a WebSocket's only call is a message of its own.
    if (!options.is_multiplexed) queue(s, 0, "\1", 1);
}

// MARK: Input

static size_t length_of(const uint8_t *prefix) {
    uint32_t length;
    memcpy(&length, prefix + 1, sizeof length);
    return ntohl(length);
}

// Fields, one message, fields with the status: 0 is said in lines of both spellings.
static int is_complete(const struct call *call) {
    const uint8_t *at = call->answer, *last = call->answer + call->count;
    size_t messages = 0;
    while (last - at >= PREFIX && (size_t)(last - at) - PREFIX >= length_of(at)) {
        size_t length = length_of(at);
        const uint8_t *body = at + PREFIX;
        if (*at == 0) {
            if (length != options.bytes || memcmp(body, payload, length)) fail("what came back is not what was sent");
            messages++;
        } else if (*at != FIELDS) {
            fail("a frame of an answer begins with %d", *at);
        } else if (memmem(body, length, "grpc-status", 11)) {
            if (!memmem(body, length, "grpc-status:0", 13) && !memmem(body, length, "grpc-status: 0", 14))
                fail("a call failed: %.*s", (int)length, (const char *)body);
            if (messages != 1) fail("a call was answered with %zu messages", messages);
            return 1;
        }
        at = body + length;
    }
    return 0;
}

static struct call *call_of(struct session *s) {
    if (!options.is_multiplexed) return &s->calls[0];
    uint32_t number;
    memcpy(&number, s->number, sizeof number);
    number = ntohl(number) & ~FINAL;
    struct call *call = &s->calls[number % options.pipeline];
    if (call->number != number || !call->started) fail("a message came for the unknown stream %u", number);
    return call;
}

static void take_payload(void *context, const uint8_t *bytes, size_t count) {
    struct session *s = context;
    for (; options.is_multiplexed && s->number_count < 4 && count > 0; count--) s->number[s->number_count++] = *bytes++;
    if (count == 0) return;
    struct call *call = call_of(s);
    if (!call->started) fail("more came than the answer");
    if (call->count + count > MAX_ANSWER) fail("an answer has more than %d bytes", MAX_ANSWER);
    memcpy(call->answer + call->count, bytes, count);
    call->count += count;
}

static void message_ended(void *context) {
    struct session *s = context;
    struct call *call = call_of(s);
    s->number_count = 0;
    if (!call->started || !is_complete(call)) return;
    record(now() - call->started);
    call->started = 0;
    busy--;
    if (options.is_multiplexed && now() < end && recorded + busy < limit) launch(s, call);
}

static void ignore_ping(void *context, const uint8_t *bytes, size_t count) {
    (void)context, (void)bytes, (void)count;
    fail("a ping came amid a load; let the bridge send none");
}

// RFC 6455 §5.5.1: a call that is over closes its WebSocket; the other side's close frame has code 1000.
static int is_close(const struct session *s, const uint8_t *bytes, size_t count) {
    return !options.is_multiplexed && !s->calls[0].started && count > 0 && bytes[0] == 0x88;
}

static void open_session(struct session *s) {
    memset(&s->connection, 0, sizeof s->connection);
    memset(&s->reader, 0, sizeof s->reader);
    open_connection(&s->connection, opened++);
    watch(&s->connection, s);
}

static void close_session(struct session *s) {
    if (s->connection.ssl) SSL_free(s->connection.ssl);
    close(s->connection.fd);
}

static void receive(struct session *s) {
    static uint8_t input[READ_BYTES];
    static const struct frame_events ON = {take_payload, ignore_ping, message_ended};
    ssize_t n;
    do {
        n = read_some(&s->connection, input, sizeof input);
        if (n == CLOSED) fail("the peer closed a connection");
        for (ssize_t at = 0, piece; at < n; at += piece) {
            // Frame by frame where a close frame may follow: a call that is over has no further business here.
            piece = options.is_multiplexed ? n : 1;
            if (is_close(s, input + at, (size_t)(n - at))) break;
            read_frames(&s->reader, input + at, (size_t)piece, &ON, s);
        }
    } while (n > 0 && (s->connection.ssl || n == READ_BYTES));
    if (s->unsent_end > 0) flush(s);
    if (options.is_multiplexed || s->calls[0].started) return;
    close_session(s);
    if (now() >= end || recorded + busy >= limit) return;
    uint64_t started = now();
    open_session(s);
    launch(s, &s->calls[0]);
    s->calls[0].started = started;
    flush(s);
}

// MARK: What is run

static void closed_loop(uint64_t until, uint64_t calls) {
    end = until;
    limit = calls;
    for (size_t i = 0; i < options.connections; i++) {
        struct session *s = &sessions[i];
        if (!options.is_multiplexed) open_session(s);
        for (size_t j = 0; j < options.pipeline; j++) launch(s, &s->calls[j]);
        flush(s);
    }
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

void prepare_calls(void) {
    payload = make_pattern(options.bytes);
    frame = malloc(1 + PREFIX + options.bytes);
    sessions = calloc(options.connections, sizeof *sessions);
    if (!frame || !sessions) fail("no memory for %zu sessions", options.connections);
    uint32_t length = htonl((uint32_t)options.bytes);
    frame[0] = frame[1] = 0;
    memcpy(frame + 2, &length, sizeof length);
    memcpy(frame + 1 + PREFIX, payload, options.bytes);
    for (size_t i = 0; i < options.connections; i++) {
        struct session *s = &sessions[i];
        if (!(s->calls = calloc(options.pipeline, sizeof *s->calls))) fail("no memory for %zu sessions", options.connections);
        for (size_t j = 0; j < options.pipeline; j++) {
            s->calls[j].number = (uint32_t)j;
            if (!(s->calls[j].answer = malloc(MAX_ANSWER))) fail("no memory for %zu sessions", options.connections);
        }
        if (options.is_multiplexed) open_session(s);
    }
    start_figures();
    if (options.warm_up > 0)
        closed_loop(now() + 2000000000u, options.warm_up * options.connections * options.pipeline);
}

void run_calls(double seconds) {
    start_figures();
    closed_loop(now() + (uint64_t)(seconds * 1e9), UINT64_MAX);
    print_figures("%s", "");
}

// rtbridge: idle WebSocket sessions over HTTP/2 (RFC 8441), many on a connection; they answer pings.
// SPDX-License-Identifier: Apache-2.0

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "load.h"

enum { UNSENT = 640, READ_BYTES = 64 << 10, MAX_PATH = 200 };

struct tunnel {
    struct frame_reader reader;
    struct carrier *carrier;
    int32_t id;
    int is_open, is_answered; // 200 has come; what its call is answered with has begun to come
    uint16_t unsent_start, unsent_end;
    uint8_t unsent[UNSENT]; // frames
};

struct carrier {
    struct connection connection;
    nghttp2_session *session;
    const uint8_t *unsent; // of nghttp2's, until it is asked again
    size_t unsent_count;
};

static struct carrier *carriers;
static struct tunnel *tunnels;
static size_t carrier_count, opened, answered;
static unsigned long long pings;

// MARK: Output

static void flush(struct carrier *c) {
    for (;;) {
        if (c->unsent_count == 0) {
            ssize_t n = nghttp2_session_mem_send(c->session, &c->unsent);
            if (n < 0) fail("HTTP/2: %s", nghttp2_strerror((int)n));
            if (n == 0) break;
            c->unsent_count = (size_t)n;
        }
        ssize_t n = write_some(&c->connection, c->unsent, c->unsent_count);
        if (n == CLOSED) fail("the peer closed a connection");
        if (n == 0) break;
        c->unsent += n;
        c->unsent_count -= (size_t)n;
    }
    watch_room(&c->connection, c, c->unsent_count > 0);
}

static ssize_t give(nghttp2_session *session, int32_t id, uint8_t *out, size_t room, uint32_t *flags,
                    nghttp2_data_source *source, void *user) {
    (void)session, (void)id, (void)flags, (void)user;
    struct tunnel *t = source->ptr;
    size_t count = (size_t)(t->unsent_end - t->unsent_start);
    if (count == 0) return NGHTTP2_ERR_DEFERRED;
    if (count > room) count = room;
    memcpy(out, t->unsent + t->unsent_start, count);
    t->unsent_start += (uint16_t)count;
    if (t->unsent_start == t->unsent_end) t->unsent_start = t->unsent_end = 0;
    return (ssize_t)count;
}

static void say(struct tunnel *t, uint8_t opcode, const uint8_t *bytes, size_t count) {
    if (t->unsent_end + count + MAX_FRAME_HEADER > UNSENT) fail("no room for a frame");
    t->unsent_end += (uint16_t)make_frame(t->unsent + t->unsent_end, opcode, bytes, count);
    nghttp2_session_resume_data(t->carrier->session, t->id);
}

// Stream 1 of the WebSocket: its header block, then one message of gRPC, which ends the request.
static void begin_call(struct tunnel *t) {
    uint8_t message[MAX_PATH + 200] = {0, 0, 0, 1};
    int length = snprintf((char *)message + 4, sizeof message - 4,
                          "content-type: application/grpc-web+proto\r\nx-grpc-web: 1\r\ngrpc-websockets-path: %s\r\n",
                          options.path);
    say(t, 2, message, 4 + (size_t)length);
    message[0] = 0x80;
    uint32_t count = htonl((uint32_t)options.bytes);
    message[4] = message[5] = 0;
    memcpy(message + 6, &count, sizeof count);
    memset(message + 10, 7, options.bytes);
    say(t, 2, message, 10 + options.bytes);
}

// MARK: Input

static void take_payload(void *context, const uint8_t *bytes, size_t count) {
    struct tunnel *t = context;
    (void)bytes;
    if (!options.is_multiplexed) fail("a message of %zu bytes or more came, and none was sent", count);
    if (!t->is_answered) answered++;
    t->is_answered = 1;
}

static void answer_ping(void *context, const uint8_t *bytes, size_t count) {
    say(context, 10, bytes, count);
    pings++;
}

static int take_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes, size_t count, void *user) {
    static const struct frame_events ON = {take_payload, answer_ping, NULL};
    (void)flags, (void)user;
    struct tunnel *t = nghttp2_session_get_stream_user_data(session, id);
    if (t) read_frames(&t->reader, bytes, count, &ON, t);
    return 0;
}

static int take_field(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_count,
                      const uint8_t *value, size_t count, uint8_t flags, void *user) {
    (void)flags, (void)user;
    struct tunnel *t = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!t || name_count != 7 || memcmp(name, ":status", 7)) return 0;
    // RFC 8441 §5: 200 where HTTP/1.1 has 101.
    if (count != 3 || memcmp(value, "200", 3)) fail("no WebSocket at %s: the status is %.*s", options.path, (int)count, value);
    opened += !t->is_open;
    t->is_open = 1;
    if (options.is_multiplexed) begin_call(t);
    return 0;
}

static int ended(nghttp2_session *session, int32_t id, uint32_t code, void *user) {
    (void)session, (void)user;
    fail("the peer closed the session on stream %d (%s)", id, nghttp2_http2_strerror(code));
}

static void receive(struct carrier *c) {
    static uint8_t input[READ_BYTES];
    ssize_t n;
    while ((n = read_some(&c->connection, input, sizeof input)) > 0) {
        ssize_t taken = nghttp2_session_mem_recv(c->session, input, (size_t)n);
        if (taken < 0) fail("HTTP/2: %s", nghttp2_strerror((int)taken));
        if (n < READ_BYTES && !c->connection.ssl) break;
    }
    if (n == CLOSED) fail("the peer closed a connection");
    flush(c);
}

void attend_tunnels(int milliseconds) {
    struct epoll_event events[256];
    int count = epoll_wait(poller, events, 256, milliseconds);
    if (count < 0 && errno != EINTR) fail_errno("epoll");
    for (int i = 0; i < count; i++) receive(events[i].data.ptr);
}

// MARK: Opening

static nghttp2_nv field(const char *name, const char *value) {
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static void open_carrier(struct carrier *c, size_t index) {
    nghttp2_session_callbacks *callbacks;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, take_data);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, take_field);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, ended);
    nghttp2_session_client_new(&c->session, callbacks, c);
    nghttp2_session_callbacks_del(callbacks);
    open_connection(&c->connection, index);
    watch(&c->connection, c);
    nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, NULL, 0);
    flush(c);
    // RFC 8441 §3: not before the server has said that it takes them.
    uint64_t end = now() + (uint64_t)(options.timeout * 1e9);
    while (nghttp2_session_get_remote_settings(c->session, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) != 1) {
        if (now() > end) fail("the peer takes no WebSockets over HTTP/2 (RFC 8441 §3)");
        attend_tunnels(20);
    }
}

static void open_tunnel(struct tunnel *t, struct carrier *c) {
    char authority[300];
    snprintf(authority, sizeof authority, "%s:%d", options.host, options.port);
    nghttp2_nv head[] = {field(":method", "CONNECT"), field(":protocol", "websocket"),
                         field(":scheme", options.transport == TLS ? "https" : "http"), field(":path", options.path),
                         field(":authority", authority), field("sec-websocket-version", "13"),
                         field("sec-websocket-protocol", "grpc-websockets-multiplex")};
    nghttp2_data_provider body = {.source.ptr = t, .read_callback = give};
    t->carrier = c;
    t->id = nghttp2_submit_request(c->session, NULL, head, sizeof head / sizeof *head, &body, t);
    if (t->id < 0) fail("HTTP/2: %s", nghttp2_strerror(t->id));
}

void prepare_tunnels(void) {
    if (strlen(options.path) > MAX_PATH || options.bytes > 128) fail("the path or --bytes is too long for this mode");
    carrier_count = (options.connections + options.streams - 1) / options.streams;
    carriers = calloc(carrier_count, sizeof *carriers);
    tunnels = calloc(options.connections, sizeof *tunnels);
    if (!carriers || !tunnels) fail("no memory for %zu sessions", options.connections);
    for (size_t i = 0; i < options.connections; i++) {
        struct carrier *c = &carriers[i / options.streams];
        if (i % options.streams == 0) open_carrier(c, i / options.streams);
        open_tunnel(&tunnels[i], c);
        flush(c);
        // A hundred at a time, so that nobody's queue gets long.
        uint64_t end = now() + (uint64_t)(options.timeout * 1e9);
        while ((i % 100 == 99 || i + 1 == options.connections) &&
               (opened <= i || (options.is_multiplexed && answered <= i))) {
            if (now() > end) fail("only %zu of %zu sessions are open, %zu answered", opened, i + 1, answered);
            attend_tunnels(20);
        }
    }
}

void run_tunnels(double seconds) {
    start_figures();
    pings = 0;
    uint64_t end = now() + (uint64_t)(seconds * 1e9);
    for (uint64_t time; (time = now()) < end;) attend_tunnels((int)((end - time) / 1000000) + 1);
    print_figures(", \"sessions\": %zu, \"pings\": %llu", options.connections, pings);
}

// rtbridge: the back-end's gRPC over cleartext HTTP/2.
// SPDX-License-Identifier: Apache-2.0

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"

enum { WINDOW = 16 << 20, MAX_STREAMS = 1000, QUEUE_BYTES = 256 << 10, BULK_BYTES = 1 << 20 };

// A call: what of its request has come, then what of its answer has gone.
struct call {
    size_t length, answer_length, sent;
    int32_t id;
    int is_bulk, is_held;
    struct endpoint *endpoint;
    struct call *previous, *next;           // of the connection's
    struct call *previous_held, *next_held; // of all that are held; else NULL
};

static struct call held = {.previous_held = &held, .next_held = &held};

static void answer_prefix(const struct call *call, uint8_t prefix[5]) {
    uint32_t length = htonl((uint32_t)(call->answer_length - 5));
    prefix[0] = 0;
    memcpy(prefix + 1, &length, 4);
}

static nghttp2_nv field(const char *name, const char *value) {
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static ssize_t read_answer(nghttp2_session *s, int32_t id, uint8_t *buffer, size_t room, uint32_t *flags,
                           nghttp2_data_source *source, void *user) {
    struct call *call = source->ptr;
    size_t rest = call->answer_length - call->sent;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (rest > room) return (ssize_t)room;
    if (call->is_held) return rest > 0 ? (ssize_t)rest : NGHTTP2_ERR_DEFERRED;
    nghttp2_nv status = field("grpc-status", "0");
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    if (nghttp2_submit_trailer(s, id, &status, 1)) return NGHTTP2_ERR_CALLBACK_FAILURE;
    return (ssize_t)rest;
}

static int send_answer(nghttp2_session *s, nghttp2_frame *frame, const uint8_t *header, size_t count,
                       nghttp2_data_source *source, void *user) {
    struct endpoint *e = user;
    struct call *call = source->ptr;
    queue(e, header, 9);
    uint8_t prefix[5];
    answer_prefix(call, prefix);
    while (count > 0 && call->sent < 5) {
        queue(e, prefix + call->sent, 1);
        call->sent++;
        count--;
    }
    if (count > 0) queue(e, body_pattern() + call->sent - 5, count);
    call->sent += count;
    return 0;
}

static ssize_t send_bytes(nghttp2_session *s, const uint8_t *bytes, size_t count, int flags, void *user) {
    struct endpoint *e = user;
    e->has_more = e->queue_end - e->queue_start > QUEUE_BYTES;
    if (e->has_more) return NGHTTP2_ERR_WOULDBLOCK;
    queue(e, bytes, count);
    return (ssize_t)count;
}

static int began(nghttp2_session *s, const nghttp2_frame *frame, void *user) {
    struct endpoint *e = user;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    struct call *call = calloc(1, sizeof *call);
    if (!call) fail("calloc");
    call->id = frame->hd.stream_id;
    call->endpoint = e;
    call->next = e->calls;
    if (e->calls) e->calls->previous = call;
    e->calls = call;
    nghttp2_session_set_stream_user_data(s, frame->hd.stream_id, call);
    return 0;
}

static int has_end(const uint8_t *text, size_t count, const char *end) {
    size_t length = strlen(end);
    return count >= length && !memcmp(text + count - length, end, length);
}

static int field_came(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name, size_t name_count,
                      const uint8_t *value, size_t value_count, uint8_t flags, void *user) {
    if (name_count != 5 || memcmp(name, ":path", 5)) return 0;
    struct call *call = nghttp2_session_get_stream_user_data(s, frame->hd.stream_id);
    if (!call) return 0;
    call->is_bulk = has_end(value, value_count, "/Bulk");
    call->is_held = has_end(value, value_count, "/Hold");
    return 0;
}

static int received(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *data, size_t count, void *user) {
    struct call *call = nghttp2_session_get_stream_user_data(s, id);
    if (call) call->length += count;
    return !call || call->length <= MAX_BODY ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static void hold(struct call *call) {
    call->next_held = held.next_held;
    call->previous_held = &held;
    call->next_held->previous_held = held.next_held = call;
    counters->held++;
}

static void let_go(struct call *call) {
    call->previous_held->next_held = call->next_held;
    call->next_held->previous_held = call->previous_held;
    call->previous_held = call->next_held = NULL;
    call->is_held = 0;
    counters->held--;
}

static int ended(nghttp2_session *s, const nghttp2_frame *frame, void *user) {
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
    struct call *call = nghttp2_session_get_stream_user_data(s, frame->hd.stream_id);
    if (!call) return 0;
    nghttp2_nv head[] = {field(":status", "200"), field("content-type", "application/grpc+proto")};
    nghttp2_data_provider body = {.source.ptr = call, .read_callback = read_answer};
    call->answer_length = call->is_bulk ? BULK_BYTES + 5 : call->length < 5 ? 5 : call->length;
    if (call->is_held) hold(call);
    counters->calls++;
    return nghttp2_submit_response(s, frame->hd.stream_id, head, 2, &body);
}

static void forget(struct call *call) {
    if (call->next_held) let_go(call);
    if (call->next) call->next->previous = call->previous;
    if (call->previous) call->previous->next = call->next;
    else call->endpoint->calls = call->next;
    free(call);
}

static int closed(nghttp2_session *s, int32_t id, uint32_t code, void *user) {
    struct call *call = nghttp2_session_get_stream_user_data(s, id);
    if (call) forget(call);
    return 0;
}

struct endpoint *release_one(void) {
    struct call *call = held.next_held;
    if (call == &held) return NULL;
    struct endpoint *e = call->endpoint;
    let_go(call);
    nghttp2_session_resume_data(e->session, call->id);
    return e;
}

void start_session(struct endpoint *e) {
    nghttp2_session_callbacks *callbacks;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, began);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, field_came);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, received);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, ended);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, closed);
    nghttp2_session_callbacks_set_send_callback(callbacks, send_bytes);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, send_answer);
    nghttp2_session_server_new(&e->session, callbacks, e);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, MAX_STREAMS},
                                         {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW}};
    nghttp2_submit_settings(e->session, NGHTTP2_FLAG_NONE, settings, 2);
    nghttp2_session_set_local_window_size(e->session, NGHTTP2_FLAG_NONE, 0, WINDOW);
}

void end_session(struct endpoint *e) {
    nghttp2_session_del(e->session);
    while (e->calls) forget(e->calls);
}

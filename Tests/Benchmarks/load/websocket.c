// rtbridge: the client's side of RFC 6455, as much as rtbridge-load needs of it.
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

// RFC 6455 §1.3's own example: every handshake may have the same key, nothing is secret about it.
static const char KEY[] = "dGhlIHNhbXBsZSBub25jZQ==", ACCEPT[] = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
static const uint8_t MASK[4] = {0x5A, 0xA7, 0x13, 0xE4};

int client_window_bits;

static const char *extensions(void) {
    return options.is_deflating ? "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n" : "";
}

// What improbable-eng's and Deephaven's clients offer.
static const char *subprotocol(void) {
    if (options.mode != CALLS_MODE) return "";
    return options.is_multiplexed ? "Sec-WebSocket-Protocol: grpc-websockets-multiplex\r\n"
                                  : "Sec-WebSocket-Protocol: grpc-websockets\r\n";
}

static void take_extensions(const char *answer) {
    if (!options.is_deflating) return;
    if (!strstr(answer, "permessage-deflate")) fail("permessage-deflate was offered, and not taken");
    const char *bits = strstr(answer, "client_max_window_bits=");
    client_window_bits = bits ? atoi(strchr(bits, '=') + 1) : 15;
    // zlib has no raw window of 8 bits.
    if (client_window_bits < 9 || client_window_bits > 15) fail("client_max_window_bits=%d is no use", client_window_bits);
}

void upgrade(struct connection *c) {
    char text[4096];
    // RFC 3986 §3.2.2: an IPv6 address is in brackets.
    int is_v6 = strchr(options.host, ':') != NULL;
    int length = snprintf(text, sizeof text,
                          "GET %s HTTP/1.1\r\nHost: %s%s%s:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n%s%s\r\n",
                          options.path, is_v6 ? "[" : "", options.host, is_v6 ? "]" : "", options.port, KEY,
                          extensions(), subprotocol());
    if (write_some(c, text, (size_t)length) != length) fail("the WebSocket handshake could not be sent");
    // Byte by byte, so that nothing after the answer is taken.
    size_t count = 0;
    while (count < 4 || memcmp(text + count - 4, "\r\n\r\n", 4)) {
        if (count == sizeof text - 1) fail("the answer to the WebSocket handshake is longer than 4 KiB");
        ssize_t n = read_some(c, text + count, 1);
        if (n == CLOSED) fail("the connection was closed in the WebSocket handshake");
        if (n == 0) fail("no answer to the WebSocket handshake within %g s", options.timeout);
        text[++count] = 0;
    }
    if (strncmp(text, "HTTP/1.1 101", 12))
        fail("no WebSocket at %s: the answer is \"%.*s\"", options.path, (int)strcspn(text, "\r"), text);
    if (!strstr(text, ACCEPT)) fail("the answer to the WebSocket handshake has a wrong Sec-WebSocket-Accept");
    take_extensions(text);
}

// RFC 6455 §5.2: FIN and opcode, mask bit and length, masking key, masked payload.
size_t make_frame(uint8_t *out, uint8_t opcode, const uint8_t *payload, size_t count) {
    int length_bytes = count <= 125 ? 0 : count <= 65535 ? 2 : 8;
    size_t at = 0;
    out[at++] = 0x80 | opcode;
    out[at++] = 0x80 | (length_bytes == 0 ? (uint8_t)count : length_bytes == 2 ? 126 : 127);
    for (int i = length_bytes - 1; i >= 0; i--) out[at++] = (uint8_t)((uint64_t)count >> (8 * i));
    memcpy(out + at, MASK, sizeof MASK);
    at += sizeof MASK;
    for (size_t i = 0; i < count; i++) out[at++] = payload[i] ^ MASK[i % 4];
    return at;
}

static int is_control(const struct frame_reader *r) { return r->header[0] & 8; }

static void take_control(struct frame_reader *r, const struct frame_events *on, void *context) {
    int opcode = r->header[0] & 15;
    if (opcode == 8) {
        int code = r->control_count >= 2 ? r->control[0] << 8 | r->control[1] : 1005;
        fail("the peer closed a WebSocket session with code %d \"%.*s\"", code,
             r->control_count > 2 ? (int)r->control_count - 2 : 0, (char *)r->control + 2);
    }
    if (opcode == 9) on->ping(context, r->control, r->control_count);
}

// Takes one byte of a frame's header. §5.2: a server's frames are not masked.
static void take_header(struct frame_reader *r, uint8_t byte, const struct frame_events *on, void *context) {
    r->header[r->header_count++] = byte;
    if (r->header_count < 2) return;
    uint8_t first = r->header[0], short_length = r->header[1];
    size_t length_bytes = short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
    if (r->header_count < 2 + length_bytes) return;
    int opcode = first & 15;
    if (short_length & 0x80) fail("a frame from the server is masked (RFC 6455 §5.1)");
    // RFC 7692 §6: RSV1 of a message's first frame.
    int may_be_compressed = options.is_deflating && (opcode == 1 || opcode == 2);
    if (first & (may_be_compressed ? 0x30 : 0x70)) fail("a frame has reserved bits set (RFC 6455 §5.2)");
    if (opcode == 1) fail("a text message came; binary ones were sent");
    if ((opcode > 2 && opcode < 8) || opcode > 10) fail("a frame has the unknown opcode %d", opcode);
    uint64_t length = length_bytes ? 0 : short_length;
    for (size_t i = 0; i < length_bytes; i++) length = length << 8 | r->header[2 + i];
    if (is_control(r) && length > MAX_CONTROL) fail("a control frame is longer than 125 bytes (RFC 6455 §5.5)");
    r->rest = length;
    r->header_count = r->control_count = 0;
    if (is_control(r)) {
        if (length == 0) take_control(r, on, context);
        return;
    }
    if (opcode != 0) r->is_compressed = first & 0x40;
    r->is_last = first & 0x80;
    if (length == 0 && r->is_last && on->ended) on->ended(context);
}

void read_frames(struct frame_reader *r, const uint8_t *bytes, size_t count, const struct frame_events *on, void *context) {
    while (count > 0) {
        if (r->rest == 0) {
            take_header(r, *bytes++, on, context);
            count--;
            continue;
        }
        size_t piece = r->rest < count ? (size_t)r->rest : count;
        r->rest -= piece;
        if (is_control(r)) {
            memcpy(r->control + r->control_count, bytes, piece);
            r->control_count += piece;
            if (r->rest == 0) take_control(r, on, context);
        } else {
            on->payload(context, bytes, piece);
            if (r->rest == 0 && r->is_last && on->ended) on->ended(context);
        }
        bytes += piece;
        count -= piece;
    }
}

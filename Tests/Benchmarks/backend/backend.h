// rtbridge: what the parts of the benchmarks' back-end share.
// SPDX-License-Identifier: Apache-2.0
#ifndef RTBRIDGE_BENCHMARK_BACKEND_H
#define RTBRIDGE_BENCHMARK_BACKEND_H

#include <nghttp2/nghttp2.h>
#include <stddef.h>
#include <stdint.h>

enum { READ_BYTES = 256 << 10, MAX_BODY = 16 << 20 };

// A file of numbers of 64 bits in the machine's order, mapped; compare.py writes `release` and reads the others.
struct counters {
    uint64_t calls, echoed, datagrams; // calls and HTTP/1.1 requests answered, bytes echoed over TCP, datagrams echoed
    uint64_t held;                     // calls that wait for `release`
    uint64_t release;                  // not 0: held calls are answered
    uint64_t fed;                      // texts that the feed was asked for
};
extern struct counters *counters;

enum kind { GRPC_LISTENER, TCP_LISTENER, HTTP_LISTENER, FEED_LISTENER, DATAGRAMS, GRPC, ECHO, HTTP, FEED };

struct call;
struct http;
struct feed;

struct endpoint {
    enum kind kind;
    int fd, is_waiting_for_room, has_more; // has_more: the session was stopped because the queue is full
    nghttp2_session *session;
    struct call *calls; // those that are open: nghttp2_session_del tells of none
    struct http *http;
    struct feed *feed;
    uint8_t *queue;
    size_t queue_start, queue_end, queue_room;
};

__attribute__((noreturn)) void fail(const char *what);
void queue(struct endpoint *e, const void *bytes, size_t count);
const uint8_t *body_pattern(void); // MAX_BODY bytes: byte i is i * 7 + 3

// http.c
struct http *new_http(void);
int take_http(struct endpoint *e, const char *bytes, size_t count); // 0: the connection is to be closed

// feed.c
struct feed *new_feed(void);
int take_question(struct feed *f, const uint8_t *bytes, size_t count); // 0: the connection is to be closed
size_t feed_bytes(const struct feed *f, const uint8_t **bytes);        // what is due, up to the ring's end
void feed_sent(struct feed *f, size_t count);

// grpc.c
void start_session(struct endpoint *e);
void end_session(struct endpoint *e);
struct endpoint *release_one(void); // ends a held call: what it says is then to be sent; NULL: none is held

#endif

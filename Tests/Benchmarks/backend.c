// rtbridge: the back-end of the benchmarks: gRPC over cleartext HTTP/2 and a TCP echo, in one thread.
// SPDX-License-Identifier: Apache-2.0
//
//   backend COUNTERS
//
// Prints `grpc PORT` and `tcp PORT`, both on 127.0.0.1, and serves until it is killed. A gRPC call is answered, once its
// request has ended, with one message as long as the request's body, then grpc-status 0. COUNTERS is a file of two numbers
// of 64 bits in the machine's order, mapped and kept up to date: calls answered, and bytes echoed.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_BODY = 16 << 20, WINDOW = 16 << 20, MAX_STREAMS = 1000, READ_BYTES = 256 << 10, QUEUE_BYTES = 256 << 10 };

static struct { uint64_t calls, echoed; } *counters;
static uint8_t pattern[MAX_BODY]; // byte i is i * 7 + 3: what a message consists of

// A call: what of its request has come, then what of its answer has gone.
struct call {
    size_t length, sent;
    struct call *previous, *next;
};

enum kind { GRPC_LISTENER, TCP_LISTENER, GRPC, ECHO };

struct endpoint {
    enum kind kind;
    int fd, is_waiting_for_room, has_more; // has_more: the session was stopped because the queue is full
    nghttp2_session *session;
    struct call calls; // head of the ring of those that are open: nghttp2_session_del tells of none
    uint8_t *queue;
    size_t queue_start, queue_end, queue_room;
};

static int poller;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

// MARK: Output

static void queue(struct endpoint *e, const void *bytes, size_t count) {
    if (e->queue_start == e->queue_end) e->queue_start = e->queue_end = 0;
    if (e->queue_end + count > e->queue_room) {
        e->queue_room = 2 * (e->queue_end + count);
        if (!(e->queue = realloc(e->queue, e->queue_room))) fail("realloc");
    }
    memcpy(e->queue + e->queue_end, bytes, count);
    e->queue_end += count;
}

static void wait_for_room(struct endpoint *e, int wanted) {
    if (e->is_waiting_for_room == wanted) return;
    e->is_waiting_for_room = wanted;
    // An echo whose peer does not read is read no further.
    uint32_t events = wanted ? EPOLLOUT | (e->kind == ECHO ? 0 : EPOLLIN) : EPOLLIN;
    struct epoll_event event = {.events = events, .data.ptr = e};
    epoll_ctl(poller, EPOLL_CTL_MOD, e->fd, &event);
}

// Returns 0 if the connection is broken.
static int send_queue(struct endpoint *e) {
    while (e->queue_start < e->queue_end) {
        ssize_t n = send(e->fd, e->queue + e->queue_start, e->queue_end - e->queue_start, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0) return 0;
        e->queue_start += n;
    }
    wait_for_room(e, e->queue_start < e->queue_end);
    return 1;
}

// MARK: gRPC

static size_t answer_length(const struct call *call) { return call->length < 5 ? 5 : call->length; }

static void answer_prefix(const struct call *call, uint8_t prefix[5]) {
    uint32_t length = htonl((uint32_t)(answer_length(call) - 5));
    prefix[0] = 0;
    memcpy(prefix + 1, &length, 4);
}

static nghttp2_nv field(const char *name, const char *value) {
    return (nghttp2_nv){(uint8_t *)name, (uint8_t *)value, strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static ssize_t read_answer(nghttp2_session *s, int32_t id, uint8_t *buffer, size_t room, uint32_t *flags,
                           nghttp2_data_source *source, void *user) {
    struct call *call = source->ptr;
    size_t rest = answer_length(call) - call->sent;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (rest > room) return (ssize_t)room;
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
    if (count > 0) queue(e, pattern + call->sent - 5, count);
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
    call->previous = &e->calls;
    call->next = e->calls.next;
    call->next->previous = e->calls.next = call;
    nghttp2_session_set_stream_user_data(s, frame->hd.stream_id, call);
    return 0;
}

static int received(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *data, size_t count, void *user) {
    struct call *call = nghttp2_session_get_stream_user_data(s, id);
    if (call) call->length += count;
    return !call || call->length <= MAX_BODY ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int ended(nghttp2_session *s, const nghttp2_frame *frame, void *user) {
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
    struct call *call = nghttp2_session_get_stream_user_data(s, frame->hd.stream_id);
    if (!call) return 0;
    nghttp2_nv head[] = {field(":status", "200"), field("content-type", "application/grpc+proto")};
    nghttp2_data_provider body = {.source.ptr = call, .read_callback = read_answer};
    counters->calls++;
    return nghttp2_submit_response(s, frame->hd.stream_id, head, 2, &body);
}

static int closed(nghttp2_session *s, int32_t id, uint32_t code, void *user) {
    struct call *call = nghttp2_session_get_stream_user_data(s, id);
    if (!call) return 0;
    call->previous->next = call->next;
    call->next->previous = call->previous;
    free(call);
    return 0;
}

static void start_session(struct endpoint *e) {
    nghttp2_session_callbacks *callbacks;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, began);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, received);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, ended);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, closed);
    nghttp2_session_callbacks_set_send_callback(callbacks, send_bytes);
    nghttp2_session_callbacks_set_send_data_callback(callbacks, send_answer);
    e->calls.previous = e->calls.next = &e->calls;
    nghttp2_session_server_new(&e->session, callbacks, e);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, MAX_STREAMS},
                                         {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW}};
    nghttp2_submit_settings(e->session, NGHTTP2_FLAG_NONE, settings, 2);
    nghttp2_session_set_local_window_size(e->session, NGHTTP2_FLAG_NONE, 0, WINDOW);
}

// MARK: Connections

static void add(struct endpoint *e) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = e};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, e->fd, &event)) fail("epoll_ctl");
}

static struct endpoint *new_endpoint(enum kind kind, int fd) {
    struct endpoint *e = calloc(1, sizeof *e);
    if (!e) fail("calloc");
    e->kind = kind;
    e->fd = fd;
    return e;
}

static void accept_one(const struct endpoint *listener) {
    int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct endpoint *e = new_endpoint(listener->kind == GRPC_LISTENER ? GRPC : ECHO, fd);
    if (e->kind == GRPC) start_session(e);
    add(e);
}

static void end(struct endpoint *e) {
    close(e->fd);
    if (e->session) {
        nghttp2_session_del(e->session);
        while (e->calls.next != &e->calls) {
            struct call *call = e->calls.next;
            e->calls.next = call->next;
            free(call);
        }
    }
    free(e->queue);
    free(e);
}

// Returns 0 at the connection's end.
static int handle(struct endpoint *e, uint32_t events) {
    static uint8_t input[READ_BYTES];
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        ssize_t n = recv(e->fd, input, sizeof input, 0);
        if (n == 0 || (n < 0 && errno != EAGAIN)) return 0;
        if (n > 0 && e->kind == ECHO) {
            counters->echoed += (uint64_t)n;
            queue(e, input, (size_t)n);
        } else if (n > 0 && nghttp2_session_mem_recv(e->session, input, (size_t)n) < 0) {
            return 0;
        }
    }
    do {
        e->has_more = 0;
        if (e->session && nghttp2_session_send(e->session)) return 0;
        if (!send_queue(e)) return 0;
    } while (e->has_more && !e->is_waiting_for_room);
    return 1;
}

static void serve(enum kind kind, const char *name) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) || listen(fd, 4096)) fail(name);
    if (getsockname(fd, (struct sockaddr *)&address, &length)) fail("getsockname");
    add(new_endpoint(kind, fd));
    printf("%s %d\n", name, ntohs(address.sin_port));
}

int main(int argc, char **argv) {
    if (argc != 2) return fprintf(stderr, "usage: backend COUNTERS\n"), 2;
    int file = open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0 || ftruncate(file, sizeof *counters)) fail(argv[1]);
    counters = mmap(NULL, sizeof *counters, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (counters == MAP_FAILED) fail("mmap");
    for (size_t i = 0; i < sizeof pattern; i++) pattern[i] = (uint8_t)(i * 7 + 3);
    poller = epoll_create1(EPOLL_CLOEXEC);
    serve(GRPC_LISTENER, "grpc");
    serve(TCP_LISTENER, "tcp");
    fflush(stdout);
    for (;;) {
        struct epoll_event events[64];
        int count = epoll_wait(poller, events, 64, -1);
        if (count < 0 && errno != EINTR) fail("epoll_wait");
        for (int i = 0; i < count; i++) {
            struct endpoint *e = events[i].data.ptr;
            if (e->kind == GRPC_LISTENER || e->kind == TCP_LISTENER) accept_one(e);
            else if (!handle(e, events[i].events)) end(e);
        }
    }
}

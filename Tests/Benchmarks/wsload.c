// rtbridge: a load of WebSocket sessions that play ping-pong with an echo, for the benchmarks.
// SPDX-License-Identifier: Apache-2.0
//
//   wsload PORT PATH SESSIONS BYTES [raw]
//
// Opens SESSIONS sessions to ws://127.0.0.1:PORT/PATH, and lets each have some round trips; then prints `ready`. For each
// line on standard input, a number of seconds, every session sends a binary message of BYTES bytes, waits until all of them
// have come back, and so on, for that long; then a line of JSON says how many round trips there were and how long they took.
// Standard input's end closes the sessions. Every byte that comes back is compared. `raw`: plain TCP without WebSocket, for
// relays that know none.

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { WARM_UP_ROUND_TRIPS = 50, READ_BYTES = 256 << 10, MAX_SAMPLES = 1 << 20 };

struct session {
    int fd;
    size_t sent;     // of the frame
    size_t received; // of the payload
    uint8_t header[10];
    size_t header_count;
    uint64_t frame_rest; // payload of the frame under way that has not come
    uint64_t started;
    int is_waiting_for_room;
};

static struct session *sessions;
static size_t session_count, payload_bytes, frame_bytes;
static uint8_t *payload, *frame;
static int is_raw, poller;
static uint32_t *samples; // nanoseconds of round trips, the first MAX_SAMPLES of a run
static uint64_t round_trips;
static size_t running;

static void fail(const char *what) {
    fprintf(stderr, "wsload: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(1);
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

// RFC 6455 §5.2: FIN and opcode 2, mask bit and length, masking key, masked payload. One frame serves for every message.
static void make_frame(void) {
    static const uint8_t key[4] = {0x5A, 0xA7, 0x13, 0xE4};
    payload = malloc(payload_bytes);
    frame = malloc(payload_bytes + 14);
    if (!payload || !frame) fail("malloc");
    for (size_t i = 0; i < payload_bytes; i++) payload[i] = (uint8_t)(i * 7 + 3);
    size_t at = 0;
    if (!is_raw) {
        frame[at++] = 0x82;
        int bytes = payload_bytes <= 125 ? 0 : payload_bytes <= 65535 ? 2 : 8;
        frame[at++] = 0x80 | (bytes == 0 ? (uint8_t)payload_bytes : bytes == 2 ? 126 : 127);
        for (int i = bytes - 1; i >= 0; i--) frame[at++] = (uint8_t)((uint64_t)payload_bytes >> (8 * i));
        for (int i = 0; i < 4; i++) frame[at++] = key[i];
    }
    for (size_t i = 0; i < payload_bytes; i++) frame[at++] = payload[i] ^ (is_raw ? 0 : key[i % 4]);
    frame_bytes = at;
}

static void open_session(struct session *s, int port, const char *path) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (s->fd < 0 || connect(s->fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    char text[1024] = "";
    if (!is_raw) {
        int length = snprintf(text, sizeof text,
                              "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", path, port);
        if (send(s->fd, text, (size_t)length, MSG_NOSIGNAL) != length) fail("handshake");
        // Byte by byte, so that nothing after the answer is taken.
        size_t count = 0;
        while (count < 4 || memcmp(text + count - 4, "\r\n\r\n", 4)) {
            if (count == sizeof text - 1 || recv(s->fd, text + count, 1, 0) != 1) fail("no answer to the handshake");
            text[++count] = 0;
        }
        // The accept value of RFC 6455 §1.3's key.
        if (strncmp(text, "HTTP/1.1 101", 12) || !strstr(text, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")) fail(text);
    }
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = s};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, s->fd, &event)) fail("epoll_ctl");
}

static void send_frame(struct session *s) {
    while (s->sent < frame_bytes) {
        ssize_t n = send(s->fd, frame + s->sent, frame_bytes - s->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0) fail("send");
        s->sent += (size_t)n;
    }
    int wants_room = s->sent < frame_bytes;
    if (wants_room == s->is_waiting_for_room) return;
    s->is_waiting_for_room = wants_room;
    struct epoll_event event = {.events = EPOLLIN | (wants_room ? EPOLLOUT : 0), .data.ptr = s};
    epoll_ctl(poller, EPOLL_CTL_MOD, s->fd, &event);
}

static void start(struct session *s) {
    s->sent = s->received = 0;
    s->started = now();
    send_frame(s);
}

static void take_payload(struct session *s, const uint8_t *bytes, size_t count) {
    errno = 0;
    if (s->received + count > payload_bytes) fail("more came back than was sent");
    if (memcmp(bytes, payload + s->received, count)) fail("what came back is not what was sent");
    s->received += count;
}

// RFC 6455 §5.2: a server's frames are not masked. A message may come back as many.
static void take(struct session *s, const uint8_t *bytes, size_t count) {
    if (is_raw) return take_payload(s, bytes, count);
    while (count > 0) {
        if (s->frame_rest > 0) {
            size_t piece = s->frame_rest < count ? (size_t)s->frame_rest : count;
            take_payload(s, bytes, piece);
            s->frame_rest -= piece;
            bytes += piece;
            count -= piece;
            continue;
        }
        s->header[s->header_count++] = *bytes++;
        count--;
        if (s->header_count < 2) continue;
        uint8_t short_length = s->header[1];
        size_t length_bytes = short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
        if (s->header_count < 2 + length_bytes) continue;
        errno = 0;
        if ((s->header[0] & 0x7F) != 2 && (s->header[0] & 0x7F) != 0) fail("a frame that is not binary data");
        uint64_t length = length_bytes ? 0 : short_length;
        for (size_t i = 0; i < length_bytes; i++) length = length << 8 | s->header[2 + i];
        s->frame_rest = length;
        s->header_count = 0;
    }
}

// Returns whether the round trip is complete.
static int receive(struct session *s) {
    static uint8_t input[READ_BYTES];
    ssize_t n = recv(s->fd, input, sizeof input, 0);
    if (n < 0 && errno == EAGAIN) return 0;
    if (n <= 0) fail("the connection was closed");
    take(s, input, (size_t)n);
    return s->received == payload_bytes;
}

// Each session plays until `limit` round trips in all are done or the time is over.
static void play(uint64_t limit, uint64_t nanoseconds) {
    uint64_t end = now() + nanoseconds;
    round_trips = 0;
    running = session_count;
    for (size_t i = 0; i < session_count; i++) start(&sessions[i]);
    while (running > 0) {
        struct epoll_event events[256];
        int count = epoll_wait(poller, events, 256, 10000);
        if (count == 0) errno = 0, fail("nothing came back for ten seconds");
        for (int i = 0; i < count; i++) {
            struct session *s = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) send_frame(s);
            if (!(events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) || !receive(s)) continue;
            uint64_t time = now();
            if (round_trips < MAX_SAMPLES) samples[round_trips] = (uint32_t)(time - s->started);
            round_trips++;
            if (round_trips + running <= limit && time < end) start(s);
            else running--;
        }
    }
}

static int compare(const void *left, const void *right) {
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

static double microseconds(double quantile) {
    uint64_t count = round_trips < MAX_SAMPLES ? round_trips : MAX_SAMPLES;
    return samples[(uint64_t)(quantile * (double)(count - 1))] / 1e3;
}

int main(int argc, char **argv) {
    if (argc < 5) return fprintf(stderr, "usage: wsload PORT PATH SESSIONS BYTES [raw]\n"), 2;
    is_raw = argc > 5 && !strcmp(argv[5], "raw");
    session_count = strtoul(argv[3], NULL, 10);
    payload_bytes = strtoul(argv[4], NULL, 10);
    errno = 0;
    if (!session_count || !payload_bytes) fail("SESSIONS and BYTES are at least 1");
    sessions = calloc(session_count, sizeof *sessions);
    samples = malloc(MAX_SAMPLES * sizeof *samples);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (!sessions || !samples || poller < 0) fail("start");
    make_frame();
    for (size_t i = 0; i < session_count; i++) open_session(&sessions[i], atoi(argv[1]), argv[2]);
    play(session_count * WARM_UP_ROUND_TRIPS, 2000000000u);
    printf("ready\n");
    fflush(stdout);
    double seconds;
    while (scanf("%lf", &seconds) == 1) {
        uint64_t start = now();
        play(UINT64_MAX, (uint64_t)(seconds * 1e9));
        double elapsed = (double)(now() - start) / 1e9;
        uint64_t count = round_trips < MAX_SAMPLES ? round_trips : MAX_SAMPLES;
        qsort(samples, count, sizeof *samples, compare);
        printf("{\"completed\": %llu, \"seconds\": %.6f, \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f}\n",
               (unsigned long long)round_trips, elapsed, microseconds(0.5), microseconds(0.99), microseconds(0.999));
        fflush(stdout);
    }
}

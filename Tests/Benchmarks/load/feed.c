// rtbridge: texts that a back-end feeds to WebSockets: all are counted, some are decompressed and compared.
// SPDX-License-Identifier: Apache-2.0

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <zlib.h>

#include "load.h"
#include "prices.h"

// One session of so many decompresses what comes, and compares it: a client that only counts takes next to nothing.
enum { CHECKED_OF = 32, READ_BYTES = 256 << 10, INFLATE_BYTES = 64 << 10 };

static const double WARM_UP_SECONDS = 0.1;
static const struct timespec REST = {.tv_nsec = 2000000};

struct session {
    struct connection connection;
    struct frame_reader reader;
    z_stream inflater;
    int is_checked;
    size_t awaited;        // messages that were asked for, and have not come
    size_t text, received; // which text comes, and how much of it has
    uint64_t asked;
};

static struct session *sessions;
static uint8_t texts[TEXTS][FEED_BYTES], question[MAX_FRAME_HEADER + 4];
static size_t question_bytes;
static uint64_t wire_bytes, compared;

// So few bytes that there is room for them: nothing else is sent.
static void ask(struct session *s) {
    if (write_some(&s->connection, question, question_bytes) != (ssize_t)question_bytes) fail("no room for a question");
    s->awaited = options.pipeline;
    s->asked = now();
}

static void compare(struct session *s, const uint8_t *bytes, size_t count) {
    if (count > FEED_BYTES - s->received) fail("a text is longer than it was sent");
    if (memcmp(bytes, texts[s->text] + s->received, count)) fail("what came is not what was sent");
    s->received += count;
}

static void decompress(struct session *s, const uint8_t *bytes, size_t count) {
    static uint8_t output[INFLATE_BYTES];
    s->inflater.next_in = (uint8_t *)bytes;
    s->inflater.avail_in = (uInt)count;
    do {
        s->inflater.next_out = output;
        s->inflater.avail_out = sizeof output;
        int result = inflate(&s->inflater, Z_SYNC_FLUSH);
        if (result != Z_OK && result != Z_BUF_ERROR) fail("what came cannot be decompressed");
        compare(s, output, sizeof output - s->inflater.avail_out);
    } while (s->inflater.avail_out == 0 || s->inflater.avail_in > 0);
}

static void take_payload(void *context, const uint8_t *bytes, size_t count) {
    struct session *s = context;
    wire_bytes += count;
    if (!s->is_checked) s->received += count;
    else if (s->reader.is_compressed) decompress(s, bytes, count);
    else compare(s, bytes, count);
}

static void message_ended(void *context) {
    struct session *s = context;
    if (s->awaited == 0) fail("more came than was asked for");
    if (options.is_deflating && !s->reader.is_compressed) fail("a text came uncompressed");
    // RFC 7692 §7.2.2.
    if (s->is_checked && s->reader.is_compressed) decompress(s, (const uint8_t *)"\0\0\xFF\xFF", 4);
    if (s->received != FEED_BYTES && (s->is_checked || !options.is_deflating || !s->received)) fail("a text is not whole");
    compared += (uint64_t)s->is_checked;
    s->text = (s->text + 1) % TEXTS;
    s->received = 0;
    record(now() - s->asked);
    if (--s->awaited == 0) ask(s);
}

static void refuse_ping(void *context, const uint8_t *bytes, size_t count) {
    (void)context, (void)bytes, (void)count;
    fail("a ping came amid a load; let the bridge send none");
}

static void receive(struct session *s) {
    static const struct frame_events ON = {take_payload, refuse_ping, message_ended};
    static uint8_t input[READ_BYTES];
    ssize_t n;
    do {
        n = read_some(&s->connection, input, sizeof input);
        if (n == CLOSED) fail("the peer closed a connection");
        read_frames(&s->reader, input, (size_t)n, &ON, s);
    } while (n > 0 && (s->connection.ssl || n == READ_BYTES));
}

void attend_feed(int milliseconds) {
    struct epoll_event events[256];
    int count = epoll_wait(poller, events, 256, milliseconds);
    if (count < 0 && errno != EINTR) fail_errno("epoll");
    for (int i = 0; i < count; i++) receive(events[i].data.ptr);
    // So that much has come by the next time: what was asked for ahead keeps the proxy busy.
    nanosleep(&REST, NULL);
}

static void run(double seconds) {
    start_figures();
    wire_bytes = compared = 0;
    uint64_t end = now() + (uint64_t)(seconds * 1e9);
    for (uint64_t time; (time = now()) < end;) attend_feed((int)((end - time) / 1000000) + 1);
    if (recorded == 0) fail("nothing came for %g s", seconds);
}

void prepare_feed(void) {
    uint32_t number = htonl((uint32_t)options.pipeline);
    question_bytes = make_frame(question, 2, (const uint8_t *)&number, sizeof number);
    for (size_t i = 0; i < TEXTS; i++) write_text(texts[i], FEED_BYTES, i);
    sessions = calloc(options.connections, sizeof *sessions);
    if (!sessions) fail("no memory for %zu sessions", options.connections);
    for (size_t i = 0; i < options.connections; i++) {
        struct session *s = &sessions[i];
        open_connection(&s->connection, i);
        s->is_checked = i % CHECKED_OF == 0;
        if (s->is_checked && inflateInit2(&s->inflater, -15) != Z_OK) fail("zlib");
        watch(&s->connection, s);
    }
    for (size_t i = 0; i < options.connections; i++) ask(&sessions[i]);
    run(WARM_UP_SECONDS);
}

// The feed goes on before and after, so what is under way at either end is about as much.
void run_feed(double seconds) {
    run(seconds);
    print_figures(", \"wireBytes\": %llu, \"compared\": %llu", (unsigned long long)wire_bytes, (unsigned long long)compared);
}

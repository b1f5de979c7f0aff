// rtbridge: messages to an echo straight over UDP, where some may be lost.
// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "load.h"

enum { MAX_DATAGRAM = 65507 };

// A message begins with its number, 4 bytes in the machine's order; its slot is that number modulo the slots.
struct slot { uint32_t number; uint64_t sent; int is_under_way; };

struct session {
    struct connection connection;
    struct slot *slots;
};

static struct session *sessions;
static uint8_t *message;
static size_t slot_count;
static uint64_t under_way, lost, end;

static void send_message(struct session *s, struct slot *slot, uint64_t time) {
    slot->number = slot->number + (uint32_t)slot_count;
    slot->sent = time;
    slot->is_under_way = 1;
    under_way++;
    memcpy(message, &slot->number, sizeof slot->number);
    // A full queue is a loss like any other: the time-out finds it.
    if (send(s->connection.fd, message, options.bytes, 0) < 0 && errno != EAGAIN && errno != ENOBUFS) fail_errno("send");
}

static void receive(struct session *s) {
    static uint8_t input[MAX_DATAGRAM + 1];
    ssize_t n;
    while ((n = recv(s->connection.fd, input, sizeof input, 0)) >= 0) {
        uint32_t number;
        if ((size_t)n != options.bytes) fail("a datagram of %zd bytes came back, not of %zu", n, options.bytes);
        memcpy(&number, input, sizeof number);
        if (memcmp(input + 4, message + 4, options.bytes - 4)) fail("what came back is not what was sent");
        struct slot *slot = &s->slots[number % slot_count];
        // Given up, or doubled.
        if (!slot->is_under_way || slot->number != number) continue;
        uint64_t time = now();
        record(time - slot->sent);
        slot->is_under_way = 0;
        under_way--;
        if (time < end && options.rate == 0) send_message(s, slot, time);
    }
    if (errno != EAGAIN) fail_errno("receive");
}

static void give_up_late(uint64_t time) {
    for (size_t i = 0; i < options.connections; i++)
        for (size_t j = 0; j < slot_count; j++) {
            struct slot *slot = &sessions[i].slots[j];
            if (!slot->is_under_way || time - slot->sent < (uint64_t)(options.timeout * 1e9)) continue;
            slot->is_under_way = 0;
            under_way--;
            lost++;
            if (time < end && options.rate == 0) send_message(&sessions[i], slot, time);
        }
}

static void poll_once(uint64_t wait) {
    static uint64_t last_look;
    struct epoll_event events[256];
    struct timespec time = {.tv_sec = (time_t)(wait / 1000000000u), .tv_nsec = (long)(wait % 1000000000u)};
    int count = epoll_pwait2(poller, events, 256, &time, NULL);
    for (int i = 0; i < count; i++) receive(events[i].data.ptr);
    if (now() - last_look > 20000000) give_up_late(last_look = now());
}

static void closed_loop(uint64_t nanoseconds) {
    end = now() + nanoseconds;
    for (size_t i = 0; i < options.connections; i++)
        for (size_t j = 0; j < options.pipeline; j++) send_message(&sessions[i], &sessions[i].slots[j], now());
    while (under_way > 0) poll_once(20000000);
}

// As in echo.c. A slot that is still taken, thousands of messages later, makes its message wait.
static void open_loop(uint64_t nanoseconds) {
    uint64_t start = now(), all = (uint64_t)(options.rate * (double)nanoseconds / 1e9);
    double gap = 1e9 / options.rate;
    end = start + nanoseconds;
    for (uint64_t sent = 0; sent < all;) {
        uint64_t time = now(), due = start + (uint64_t)((double)sent * gap);
        struct session *s = &sessions[sent % options.connections];
        struct slot *slot = &s->slots[sent / options.connections % slot_count];
        if (due > time || slot->is_under_way) {
            poll_once(due > time ? due - time : 1000000);
            continue;
        }
        send_message(s, slot, due);
        sent++;
    }
    while (under_way > 0) poll_once(20000000);
}

void prepare_datagrams(void) {
    slot_count = options.rate > 0 ? 4096 : options.pipeline;
    message = make_pattern(options.bytes);
    sessions = calloc(options.connections, sizeof *sessions);
    if (!sessions) fail("no memory for %zu sessions", options.connections);
    for (size_t i = 0; i < options.connections; i++) {
        struct session *s = &sessions[i];
        if (!(s->slots = calloc(slot_count, sizeof *s->slots))) fail("no memory for %zu sessions", options.connections);
        for (size_t j = 0; j < slot_count; j++) s->slots[j].number = (uint32_t)j;
        open_connection(&s->connection, i);
        watch(&s->connection, s);
    }
}

void run_datagrams(double seconds) {
    start_figures();
    lost = 0;
    if (options.rate > 0) open_loop((uint64_t)(seconds * 1e9));
    else closed_loop((uint64_t)(seconds * 1e9));
    print_figures(", \"lost\": %llu", (unsigned long long)lost);
}

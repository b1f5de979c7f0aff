// rtbridge: the back-end's feed: asked for a number of texts, it sends as many, each with its length before it.
// SPDX-License-Identifier: Apache-2.0

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "../load/prices.h"
#include "backend.h"

// A question is its length, which is four, and the number, both big-endian.
enum { QUESTION_BYTES = 8, MAX_DUE = 4096, ITEM_BYTES = 4 + FEED_BYTES, RING_BYTES = TEXTS * ITEM_BYTES };

struct feed {
    uint8_t question[QUESTION_BYTES];
    size_t question_count;
    size_t due, at; // bytes; where in the ring the next of them stands
};

static uint8_t ring[RING_BYTES];

struct feed *new_feed(void) {
    static int is_written;
    uint32_t length = htonl(FEED_BYTES);
    for (size_t i = 0; !is_written && i < TEXTS; i++) {
        memcpy(ring + i * ITEM_BYTES, &length, sizeof length);
        write_text(ring + i * ITEM_BYTES + sizeof length, FEED_BYTES, i);
    }
    is_written = 1;
    return calloc(1, sizeof(struct feed));
}

int take_question(struct feed *f, const uint8_t *bytes, size_t count) {
    for (; count > 0; bytes++, count--) {
        f->question[f->question_count++] = *bytes;
        if (f->question_count < QUESTION_BYTES) continue;
        uint32_t words[2];
        memcpy(words, f->question, sizeof words);
        size_t number = ntohl(words[1]);
        if (ntohl(words[0]) != 4 || number > MAX_DUE || f->due > MAX_DUE * ITEM_BYTES) return 0;
        f->due += number * ITEM_BYTES;
        f->question_count = 0;
        counters->fed += number;
    }
    return 1;
}

size_t feed_bytes(const struct feed *f, const uint8_t **bytes) {
    *bytes = ring + f->at;
    return f->due < RING_BYTES - f->at ? f->due : RING_BYTES - f->at;
}

void feed_sent(struct feed *f, size_t count) {
    f->due -= count;
    f->at = (f->at + count) % RING_BYTES;
}

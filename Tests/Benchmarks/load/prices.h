// rtbridge: texts that load and back-end can both write, so that either knows what the other sends.
// SPDX-License-Identifier: Apache-2.0
#ifndef RTBRIDGE_PRICES_H
#define RTBRIDGE_PRICES_H

#include <stddef.h>
#include <stdint.h>

// Different ones, since a compressor remembers what it has seen: the same text again would cost next to nothing.
enum { TEXTS = 64, FEED_BYTES = 16 << 10 }; // FEED_BYTES: of a text of the feed
void write_text(uint8_t *out, size_t count, size_t number); // the same for a number in every run

#endif

// rtbridge: texts for the loads, and for the back-end that feeds them: prices, as JSON.
// SPDX-License-Identifier: Apache-2.0

#include <stdio.h>
#include <string.h>

#include "prices.h"

void write_text(uint8_t *out, size_t count, size_t number) {
    static const char *const NAMES[] = {"ACME", "GLOBEX", "INITECH", "UMBRELLA", "HOOLI", "STARK", "WAYNE", "TYRELL"};
    char line[160];
    uint32_t seed = (uint32_t)number * 2654435761u + 1;
    for (size_t at = 0; at < count;) {
        seed = seed * 1664525 + 1013904223;
        int length = snprintf(line, sizeof line, "{\"symbol\":\"%s\",\"bid\":%u.%02u,\"ask\":%u.%02u,\"size\":%u,\"sequence\":%u},\n",
                              NAMES[seed >> 29], seed >> 16 & 1023, seed >> 8 & 63, (seed >> 16 & 1023) + 1, seed >> 10 & 63,
                              seed >> 20 & 4095, seed >> 3 & 0xFFFFFF);
        size_t piece = (size_t)length < count - at ? (size_t)length : count - at;
        memcpy(out + at, line, piece);
        at += piece;
    }
}

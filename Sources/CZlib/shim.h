// rtbridge: zlib, with its initialising macros as functions.
// SPDX-License-Identifier: Apache-2.0
#ifndef RTBRIDGE_CZLIB_H
#define RTBRIDGE_CZLIB_H

#include <zlib.h>

static inline int rtb_inflateInit2(z_streamp stream, int windowBits) {
    return inflateInit2(stream, windowBits);
}

static inline int rtb_deflateInit2(z_streamp stream, int level, int windowBits) {
    return deflateInit2(stream, level, Z_DEFLATED, windowBits, 8, Z_DEFAULT_STRATEGY);
}

static inline int rtb_deflateInit2Memory(z_streamp stream, int level, int windowBits, int memLevel) {
    return deflateInit2(stream, level, Z_DEFLATED, windowBits, memLevel, Z_DEFAULT_STRATEGY);
}

#endif

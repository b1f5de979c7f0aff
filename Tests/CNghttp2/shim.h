// rtbridge: libnghttp2, another implementation of HTTP/2, which tests hold the bridge's own against.
// SPDX-License-Identifier: Apache-2.0
#ifndef RTBRIDGE_CNGHTTP2_H
#define RTBRIDGE_CNGHTTP2_H

#include <nghttp2/nghttp2.h>

#endif

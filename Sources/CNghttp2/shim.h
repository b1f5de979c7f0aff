// rtbridge: libnghttp2, as Debian 12 (1.52) and later ship it.
// SPDX-License-Identifier: Apache-2.0
#ifndef RTBRIDGE_CNGHTTP2_H
#define RTBRIDGE_CNGHTTP2_H

#include <nghttp2/nghttp2.h>

#include "pool.h"

#endif

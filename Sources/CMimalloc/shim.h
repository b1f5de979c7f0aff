// rtbridge: mimalloc, which takes the place of the C library's malloc by being linked.
// SPDX-License-Identifier: Apache-2.0
#ifndef RTBRIDGE_CMIMALLOC_H
#define RTBRIDGE_CMIMALLOC_H

#include <mimalloc.h>

#endif

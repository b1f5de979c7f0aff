// rtbridge: the C library's knobs of malloc, which Swift's Glibc leaves out.
// SPDX-License-Identifier: Apache-2.0
#ifndef RTBRIDGE_CMALLOC_H
#define RTBRIDGE_CMALLOC_H

#include <malloc.h>

#endif

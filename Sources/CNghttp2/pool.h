// rtbridge: memory for libnghttp2's small and short-lived objects, kept by an event loop.
// SPDX-License-Identifier: Apache-2.0
#ifndef RTBRIDGE_CNGHTTP2_POOL_H
#define RTBRIDGE_CNGHTTP2_POOL_H

#include <nghttp2/nghttp2.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

// A stream costs libnghttp2 about a dozen blocks of up to a few hundred bytes, which live as long as the stream. With
// hundreds of streams in flight they overflow the seven blocks a size that glibc keeps at hand a thread (tcache), and
// every one takes malloc's long way. Here blocks that are free wait in a list a size, and belong to one thread alone.

enum {
    CNghttp2_pool_step = 64,        // bytes between two sizes
    CNghttp2_pool_sizes = 16,       // so blocks of up to 1 KiB, header included; larger ones are malloc's
    CNghttp2_pool_kept = 512 << 10, // bytes that free blocks may have in all; further ones go back to malloc
    CNghttp2_pool_header = 16,      // before each block: its size's number; keeps the alignment of malloc
};

typedef struct CNghttp2_pool {
    void *free[CNghttp2_pool_sizes];
    size_t kept;
} CNghttp2_pool;

static inline void *CNghttp2_pool_block(void *memory, size_t number) {
    *(size_t *)memory = number;
    return (char *)memory + CNghttp2_pool_header;
}

static inline void *CNghttp2_pool_malloc(size_t size, void *user) {
    CNghttp2_pool *pool = (CNghttp2_pool *)user;
    if (size > SIZE_MAX - CNghttp2_pool_header) return NULL;
    size += CNghttp2_pool_header;
    size_t number = (size - 1) / CNghttp2_pool_step;
    if (number >= CNghttp2_pool_sizes) {
        void *memory = malloc(size);
        return memory ? CNghttp2_pool_block(memory, CNghttp2_pool_sizes) : NULL;
    }
    void *memory = pool->free[number];
    if (memory) {
        pool->free[number] = *(void **)memory;
        pool->kept -= (number + 1) * CNghttp2_pool_step;
    } else if (!(memory = malloc((number + 1) * CNghttp2_pool_step))) {
        return NULL;
    }
    return CNghttp2_pool_block(memory, number);
}

static inline void CNghttp2_pool_free(void *block, void *user) {
    CNghttp2_pool *pool = (CNghttp2_pool *)user;
    if (!block) return;
    void *memory = (char *)block - CNghttp2_pool_header;
    size_t number = *(size_t *)memory, size = (number + 1) * CNghttp2_pool_step;
    if (number >= CNghttp2_pool_sizes || pool->kept + size > CNghttp2_pool_kept) {
        free(memory);
        return;
    }
    *(void **)memory = pool->free[number];
    pool->free[number] = memory;
    pool->kept += size;
}

static inline void *CNghttp2_pool_calloc(size_t count, size_t size, void *user) {
    if (size && count > SIZE_MAX / size) return NULL;
    void *block = CNghttp2_pool_malloc(count * size, user);
    return block ? memset(block, 0, count * size) : NULL;
}

static inline void *CNghttp2_pool_realloc(void *block, size_t size, void *user) {
    if (!block) return CNghttp2_pool_malloc(size, user);
    if (size > SIZE_MAX - CNghttp2_pool_header) return NULL;
    void *memory = (char *)block - CNghttp2_pool_header;
    size_t number = *(size_t *)memory;
    if (number >= CNghttp2_pool_sizes) {
        memory = realloc(memory, size + CNghttp2_pool_header);
        return memory ? CNghttp2_pool_block(memory, CNghttp2_pool_sizes) : NULL;
    }
    size_t room = (number + 1) * CNghttp2_pool_step - CNghttp2_pool_header;
    if (size <= room) return block;
    void *larger = CNghttp2_pool_malloc(size, user);
    if (!larger) return NULL;
    memcpy(larger, block, room);
    CNghttp2_pool_free(block, user);
    return larger;
}

static inline CNghttp2_pool *CNghttp2_pool_new(void) { return (CNghttp2_pool *)calloc(1, sizeof(CNghttp2_pool)); }

/// All sessions that used the pool must be gone.
static inline void CNghttp2_pool_del(CNghttp2_pool *pool) {
    for (size_t number = 0; number < CNghttp2_pool_sizes; number++) {
        for (void *memory = pool->free[number], *next; memory; memory = next) {
            next = *(void **)memory;
            free(memory);
        }
    }
    free(pool);
}

/// What `nghttp2_session_server_new3` and `nghttp2_session_client_new3` take; it is copied there.
static inline nghttp2_mem CNghttp2_pool_mem(CNghttp2_pool *pool) {
    nghttp2_mem mem = {pool, CNghttp2_pool_malloc, CNghttp2_pool_free, CNghttp2_pool_calloc, CNghttp2_pool_realloc};
    return mem;
}

#endif

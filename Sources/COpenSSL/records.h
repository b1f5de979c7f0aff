// rtbridge: memory that OpenSSL takes for each record, kept by a thread.
// SPDX-License-Identifier: Apache-2.0
#ifndef RTBRIDGE_COPENSSL_RECORDS_H
#define RTBRIDGE_COPENSSL_RECORDS_H

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>

// With SSL_MODE_RELEASE_BUFFERS a connection has no buffer while it is idle, and takes one of some 16.5 KiB for every
// record. Blocks of that size are none that malloc keeps at hand. Here those that are free wait for the thread's next
// record, whichever connection it belongs to.
//
// A record also takes some blocks of a few words each, for the packet that it is written as (WPACKET). They are given back
// at once, and wait in lists here, the next one's address in each: that is less than half of what malloc and free cost.

enum {
    COpenSSL_record_least = 16 << 10, // bytes: a record's plaintext (RFC 8446 section 5.1) and more
    COpenSSL_record_block = 18 << 10, // what is taken for anything between
    COpenSSL_record_spares = 16,      // blocks that wait, for each thread
    COpenSSL_small_least = 24,        // bytes: the smallest block that malloc makes
    COpenSSL_small_step = 16,         // bytes from one size to the next
    COpenSSL_small_sizes = 3,         // 24, 40 and 56 bytes
    COpenSSL_small_spares = 32,       // blocks that wait, of each size, for each thread
};

typedef struct COpenSSL_records {
    void *spare[COpenSSL_record_spares];
    int count;
    void *small[COpenSSL_small_sizes];
    int small_count[COpenSSL_small_sizes];
} COpenSSL_records;

static inline COpenSSL_records *COpenSSL_records_of_thread(void) {
    static _Thread_local COpenSSL_records records;
    return &records;
}

static inline void *COpenSSL_small_malloc(size_t size) {
    size_t index = size <= COpenSSL_small_least
        ? 0
        : (size - COpenSSL_small_least + COpenSSL_small_step - 1) / COpenSSL_small_step;
    COpenSSL_records *records = COpenSSL_records_of_thread();
    void *block = records->small[index];
    if (!block) return malloc(size);
    records->small[index] = *(void **)block;
    records->small_count[index]--;
    return block;
}

// 1 if the block waits now.
static inline int COpenSSL_small_free(void *block, size_t usable) {
    size_t index = (usable - COpenSSL_small_least) / COpenSSL_small_step;
    COpenSSL_records *records = COpenSSL_records_of_thread();
    if (records->small_count[index] == COpenSSL_small_spares) return 0;
    *(void **)block = records->small[index];
    records->small[index] = block;
    records->small_count[index]++;
    return 1;
}

static inline void *COpenSSL_record_malloc(size_t size, const char *file, int line) {
    (void)file, (void)line;
    if (size == 0) return NULL;
    if (size <= COpenSSL_small_least + COpenSSL_small_step * (COpenSSL_small_sizes - 1)) return COpenSSL_small_malloc(size);
    if (size < COpenSSL_record_least || size > COpenSSL_record_block) return malloc(size);
    COpenSSL_records *records = COpenSSL_records_of_thread();
    if (records->count > 0) return records->spare[--records->count];
    return malloc(COpenSSL_record_block);
}

// Any block of the right size will do, whatever it was before.
static inline void COpenSSL_record_free(void *block, const char *file, int line) {
    (void)file, (void)line;
    if (!block) return;
    size_t size = malloc_usable_size(block);
    if (size >= COpenSSL_small_least && size < COpenSSL_small_least + COpenSSL_small_step * COpenSSL_small_sizes) {
        if (COpenSSL_small_free(block, size)) return;
        free(block);
        return;
    }
    if (size >= COpenSSL_record_block && size < COpenSSL_record_block + 64) {
        COpenSSL_records *records = COpenSSL_records_of_thread();
        if (records->count < COpenSSL_record_spares) {
            records->spare[records->count++] = block;
            return;
        }
    }
    free(block);
}

static inline void *COpenSSL_record_realloc(void *block, size_t size, const char *file, int line) {
    if (!block) return COpenSSL_record_malloc(size, file, line);
    if (size == 0) {
        COpenSSL_record_free(block, file, line);
        return NULL;
    }
    return realloc(block, size);
}

// 1 if OpenSSL takes its memory from here now; 0 if it has taken some elsewhere already (OPENSSL_malloc(3)).
static inline int COpenSSL_keep_records(void) {
    return CRYPTO_set_mem_functions(COpenSSL_record_malloc, COpenSSL_record_realloc, COpenSSL_record_free);
}

#endif

// rtbridge: memory for OpenSSL's record buffers, kept by a thread.
// SPDX-License-Identifier: Apache-2.0
#ifndef RTBRIDGE_COPENSSL_RECORDS_H
#define RTBRIDGE_COPENSSL_RECORDS_H

#include <malloc.h>
#include <openssl/crypto.h>
#include <stdlib.h>

// With SSL_MODE_RELEASE_BUFFERS a connection has no buffer while it is idle, and takes one of some 16.5 KiB for every
// record. Blocks of that size are none that malloc keeps at hand. Here those that are free wait for the thread's next
// record, whichever connection it belongs to.

enum {
    COpenSSL_record_least = 16 << 10, // bytes: a record's plaintext (RFC 8446 section 5.1) and more
    COpenSSL_record_block = 18 << 10, // what is taken for anything between
    COpenSSL_record_spares = 16,      // blocks that wait, for each thread
};

typedef struct COpenSSL_records {
    void *spare[COpenSSL_record_spares];
    int count;
} COpenSSL_records;

static inline COpenSSL_records *COpenSSL_records_of_thread(void) {
    static _Thread_local COpenSSL_records records;
    return &records;
}

static inline void *COpenSSL_record_malloc(size_t size, const char *file, int line) {
    (void)file, (void)line;
    if (size == 0) return NULL;
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

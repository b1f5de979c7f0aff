// rtbridge: counts a program's allocations, by LD_PRELOAD on glibc: malloc, calloc, realloc and the aligned ones.
// SPDX-License-Identifier: Apache-2.0
//
//   cc -shared -fPIC -O2 -o allocations.so allocations.c
//   RTBRIDGE_ALLOCATIONS=FILE LD_PRELOAD=./allocations.so PROGRAM
//
// FILE is made and mapped: two numbers of 64 bits in the machine's order, kept up to date: allocations, and bytes asked for.

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

struct counts { uint64_t allocations, bytes; };
static struct counts before_start, *counts = &before_start;

static void count(size_t bytes) {
    __atomic_fetch_add(&counts->allocations, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&counts->bytes, bytes, __ATOMIC_RELAXED);
}

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("RTBRIDGE_ALLOCATIONS");
    int file = path ? open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
    if (file < 0 || ftruncate(file, sizeof *counts)) return;
    void *map = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (map != MAP_FAILED) counts = map;
}

void *malloc(size_t bytes) {
    count(bytes);
    return __libc_malloc(bytes);
}

void *calloc(size_t number, size_t bytes) {
    count(number * bytes);
    return __libc_calloc(number, bytes);
}

void *realloc(void *old, size_t bytes) {
    count(bytes);
    return __libc_realloc(old, bytes);
}

void *memalign(size_t alignment, size_t bytes) {
    count(bytes);
    return __libc_memalign(alignment, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes) { return memalign(alignment, bytes); }

int posix_memalign(void **result, size_t alignment, size_t bytes) {
    *result = memalign(alignment, bytes);
    return *result ? 0 : ENOMEM;
}

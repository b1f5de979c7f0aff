// rtbridge: what rtbridge-load has measured: an HDR histogram of times, its own CPU time, one line of JSON.
// SPDX-License-Identifier: Apache-2.0

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "load.h"

// Buckets as wide as 1/128 of the power of two that they are in: every quantile is right to 0.8 %, whatever its size.
enum { BITS = 7, SUB = 1 << BITS, BUCKETS = (64 - BITS + 1) * SUB };

static uint64_t buckets[BUCKETS], longest, started;
static double sum, used_before;
uint64_t recorded;

uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static double cpu_seconds(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static size_t bucket_of(uint64_t value) {
    if (value < SUB) return (size_t)value;
    int shift = 63 - __builtin_clzll(value) - BITS;
    return (size_t)(shift + 1) * SUB + (size_t)((value >> shift) - SUB);
}

static uint64_t highest_in(size_t bucket) {
    if (bucket < SUB) return bucket;
    size_t shift = bucket / SUB - 1;
    return ((SUB + bucket % SUB + 1) << shift) - 1;
}

void record(uint64_t nanoseconds) {
    buckets[bucket_of(nanoseconds)]++;
    recorded++;
    sum += (double)nanoseconds;
    if (nanoseconds > longest) longest = nanoseconds;
}

static double quantile(double share) {
    uint64_t wanted = (uint64_t)ceil(share * (double)recorded), seen = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        seen += buckets[i];
        if (seen < wanted || seen == 0) continue;
        return (double)(highest_in(i) < longest ? highest_in(i) : longest) / 1e3;
    }
    return 0;
}

void start_figures(void) {
    memset(buckets, 0, sizeof buckets);
    recorded = longest = 0;
    sum = 0;
    used_before = cpu_seconds();
    started = now();
}

// `more`: further members, each with a comma before it.
void print_figures(const char *more, ...) {
    double seconds = (double)(now() - started) / 1e9, used = cpu_seconds() - used_before;
    printf("{\"count\": %llu, \"seconds\": %.6f, \"perSecond\": %.1f", (unsigned long long)recorded, seconds,
           (double)recorded / seconds);
    if (recorded > 0)
        printf(", \"latencyMicroseconds\": {\"mean\": %.1f, \"p50\": %.1f, \"p99\": %.1f, \"p999\": %.1f, \"max\": %.1f}",
               sum / (double)recorded / 1e3, quantile(0.5), quantile(0.99), quantile(0.999), (double)longest / 1e3);
    printf(", \"ownCPU\": {\"seconds\": %.6f, \"share\": %.3f}", used, used / seconds);
    va_list list;
    va_start(list, more);
    vprintf(more, list);
    va_end(list);
    printf("}\n");
    fflush(stdout);
}

// rtbridge: rtbridge-load, a load of sessions, messages and handshakes that compares every byte; see --help.
// SPDX-License-Identifier: Apache-2.0
//
//   cc -std=gnu11 -O2 -o rtbridge-load Tests/Benchmarks/load/*.c -lssl -lcrypto -lnghttp2 -lz -lm
//   (Debian: gcc libc6-dev libssl-dev libnghttp2-dev zlib1g-dev)

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "load.h"

static void complain(const char *format, va_list list, int error) {
    fflush(stdout);
    fputs("rtbridge-load: ", stderr);
    vfprintf(stderr, format, list);
    if (error) fprintf(stderr, ": %s", strerror(error));
    fputc('\n', stderr);
    exit(1);
}

void fail(const char *format, ...) {
    va_list list;
    va_start(list, format);
    complain(format, list, 0);
    __builtin_unreachable();
}

void fail_errno(const char *format, ...) {
    int error = errno;
    va_list list;
    va_start(list, format);
    complain(format, list, error);
    __builtin_unreachable();
}

uint8_t *make_pattern(size_t count) {
    uint8_t *bytes = malloc(count);
    if (!bytes) fail("no memory for %zu bytes", count);
    for (size_t i = 0; i < count; i++) bytes[i] = (uint8_t)(i * 7 + 3);
    return bytes;
}

// A connection takes one file descriptor; the usual limit of 1024 would end at some 1,000 of them.
static void raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    size_t files = options.streams ? options.connections / options.streams + 1 : options.connections;
    if (files + 16 > limit.rlim_max)
        fail("--connections %zu: this process may open no more than %llu files (ulimit -Hn), 16 of them for itself",
             options.connections, (unsigned long long)limit.rlim_max);
}

static void nothing(void) {}

int main(int argc, char **argv) {
    read_options(argc, argv);
    if (!options.sources) {
        options.sources = options.mode == HANDSHAKE_MODE ? 4 : (options.connections + 24999) / 25000;
        if (options.mode == HANDSHAKE_MODE && strncmp(options.host, "127.", 4)) options.sources = 1;
    }
    raise_file_limit();
    signal(SIGPIPE, SIG_IGN);
    resolve();
    if (options.transport == TLS) prepare_tls();
    int is_udp = options.transport == UDP;
    void (*const prepare[])(void) = {is_udp ? prepare_datagrams : options.is_text ? prepare_texts : prepare_echo,
                                     nothing, options.streams ? prepare_tunnels : prepare_idle, prepare_slow,
                                     prepare_calls, prepare_feed};
    void (*const run[])(double) = {is_udp ? run_datagrams : options.is_text ? run_texts : run_echo,
                                   run_handshakes, options.streams ? run_tunnels : run_idle, run_slow, run_calls, run_feed};
    prepare[options.mode]();
    if (!options.is_controlled) return run[options.mode](options.seconds), 0;
    void (*const attend[])(int) = {NULL, NULL, options.streams ? attend_tunnels : attend_idle, NULL, NULL, attend_feed};
    setvbuf(stdin, NULL, _IONBF, 0); // so that a line which is there is in the pipe
    printf("ready\n");
    fflush(stdout);
    double seconds;
    while (attend_until_told(attend[options.mode]), scanf("%lf", &seconds) == 1) {
        if (!(seconds > 0 && seconds <= 86400)) fail("--control: %g seconds are outside 0…86400", seconds);
        run[options.mode](seconds);
    }
    if (!feof(stdin)) fail("--control: a line that is not a number of seconds");
}

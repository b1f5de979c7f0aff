// rtbridge: what the parts of rtbridge-load share.
// SPDX-License-Identifier: Apache-2.0
#ifndef RTBRIDGE_LOAD_H
#define RTBRIDGE_LOAD_H

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Ends the program with status 1: `rtbridge-load: …`. With `fail_errno` what errno says stands behind it.
__attribute__((noreturn, format(printf, 1, 2))) void fail(const char *format, ...);
__attribute__((noreturn, format(printf, 1, 2))) void fail_errno(const char *format, ...);

// MARK: Options (options.c)

enum mode { ECHO_MODE, HANDSHAKE_MODE, IDLE_MODE, SLOW_MODE, CALLS_MODE, FEED_MODE };
enum transport { TCP, TLS, UDP };

struct options {
    enum mode mode;
    enum transport transport;
    int is_websocket, is_controlled, is_text, is_deflating, is_multiplexed;
    const char *url, *ca_file, *alpn;
    char host[256], path[1024];
    int port;
    size_t connections, streams, bytes, pipeline, warm_up, sources;
    double seconds, rate, timeout;
    size_t read_rate;
};
enum { MAX_CALL_BYTES = 64 << 10 }; // of a message in mode calls
extern struct options options;
void read_options(int argc, char **argv);

// MARK: Time and figures (report.c)

uint64_t now(void); // nanoseconds, monotonic
void record(uint64_t nanoseconds);
void start_figures(void); // forgets what was recorded, and takes the time and the CPU time used so far
void print_figures(const char *more, ...) __attribute__((format(printf, 1, 2)));
extern uint64_t recorded; // how many

// MARK: Connections (connection.c, tls.c)

struct connection {
    int fd;
    SSL *ssl;
    int is_watching_room; // EPOLLOUT is asked for
};
extern int poller;
void resolve(void); // options.host, once
int new_socket(size_t index, int type); // bound to the source address of the index-th connection, not connected
void connect_socket(int fd);
void open_connection(struct connection *c, size_t index); // connected, TLS and WebSocket handshakes done; blocking
void watch(struct connection *c, void *data); // not blocking from here on
void watch_room(struct connection *c, void *data, int is_wanted);
// Waits for standard input. What comes on connections meanwhile, `attend` takes; NULL: nobody does.
void attend_until_told(void (*attend)(int milliseconds));
enum { CLOSED = -1 }; // the peer has closed
ssize_t read_some(struct connection *c, void *bytes, size_t room);           // 0: nothing now
ssize_t write_some(struct connection *c, const void *bytes, size_t count);   // 0: no room now
void prepare_tls(void);
SSL *new_tls(int fd);
const char *tls_error(void);

// MARK: WebSocket (websocket.c)

void upgrade(struct connection *c); // blocking
extern int client_window_bits; // what the server lets a client compress with (RFC 7692 §7.1.2.2); 0: nothing
size_t make_frame(uint8_t *out, uint8_t opcode, const uint8_t *payload, size_t count); // masked; returns its length
enum { MAX_FRAME_HEADER = 14, MAX_CONTROL = 125 };
struct frame_reader {
    uint8_t header[10], control[MAX_CONTROL];
    size_t header_count, control_count;
    uint64_t rest; // of the frame's payload
    int is_compressed, is_last; // the data frame: of a compressed message (RFC 7692 §6), and its last
};
struct frame_events {
    void (*payload)(void *context, const uint8_t *bytes, size_t count);
    void (*ping)(void *context, const uint8_t *bytes, size_t count);
    void (*ended)(void *context); // a message; NULL: of no interest
};
void read_frames(struct frame_reader *r, const uint8_t *bytes, size_t count, const struct frame_events *on, void *context);

// MARK: What is run

void prepare_echo(void); // echo.c: opens the sessions and lets them have some round trips
void run_echo(double seconds);
void prepare_datagrams(void); // datagrams.c: the same over UDP
void run_datagrams(double seconds);
void run_handshakes(double seconds); // handshake.c
void prepare_idle(void);             // idle.c
void run_idle(double seconds);
void attend_idle(int milliseconds);
void prepare_tunnels(void); // tunnels.c: the same over HTTP/2
void run_tunnels(double seconds);
void attend_tunnels(int milliseconds);
void prepare_slow(void); // slow.c
void run_slow(double seconds);
void prepare_texts(void); // texts.c: different JSON texts, compressed or not
void run_texts(double seconds);
void exchange_text(struct connection *c); // one message and its echo; blocking
void prepare_calls(void); // calls.c: gRPC over WebSocket
void run_calls(double seconds);
void prepare_feed(void); // feed.c: texts that come unasked, but for their number
void run_feed(double seconds);
void attend_feed(int milliseconds);

// Message bytes: byte i is i * 7 + 3.
uint8_t *make_pattern(size_t count);

#endif

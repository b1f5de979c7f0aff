// rtbridge: the command line of rtbridge-load.
// SPDX-License-Identifier: Apache-2.0

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"

struct options options = {.path = "/", .connections = 1, .bytes = 64, .pipeline = 1, .warm_up = 50, .seconds = 5, .timeout = 10};

static const char HELP[] =
    "usage: rtbridge-load [OPTIONS] URL\n"
    "\n"
    "Puts a load on an echo, straight or through a proxy, compares every byte that comes back, and prints one line of JSON.\n"
    "One thread, on Linux. URL: ws://HOST:PORT/PATH, wss:// (TLS 1.3), tcp://HOST:PORT, tls://, or udp://.\n"
    "\n"
    "modes (--mode):\n"
    "  echo        each connection sends binary messages and waits for them to come back (the default)\n"
    "  handshake   full TLS 1.3 handshakes, one after the other on every connection; tls:// or wss://\n"
    "  idle        opens all sessions, holds them, and answers pings; ws:// or wss://\n"
    "  calls       gRPC calls over WebSocket, each with a message of --bytes, to a method that sends it back; ws:// or wss://\n"
    "              with the method's path. Each opens a WebSocket; --multiplex: they share one on each connection, --pipeline\n"
    "              at a time\n"
    "  feed        asks for --pipeline texts of 16 KiB at a time, by their number in four bytes, and counts them; every 32nd\n"
    "              session compares them. ws:// or wss://; the benchmarks' back-end answers so\n"
    "  slow        sends as much as it can, and reads no more than --read-rate; ws://, wss://, tcp:// or tls://\n"
    "\n"
    "options:\n"
    "  -c, --connections N    connections or sessions at a time; 1 to 1000000, default 1\n"
    "  -b, --bytes N          of a message; 1 to 67108864, over UDP 4 to 65507; default 64\n"
    "  -p, --pipeline N       messages under way on a connection; 1 to 4096, default 1: ping-pong\n"
    "  -r, --rate N           echo: messages a second over all connections, sent on time whatever comes back (open loop).\n"
    "                         The latency counts from the time when a message should have been sent, so a peer that\n"
    "                         stalls is not spared (coordinated omission). 0.001 to 10000000; -p then limits nothing\n"
    "                         below 4096. Default: none, each message goes out when the one before has come back\n"
    "  -d, --seconds S        how long; 0.01 to 86400, default 5\n"
    "  -w, --warm-up N        round trips of each connection beforehand that do not count; 0 to 1000000, default 50\n"
    "  -s, --sources N        source addresses 127.0.0.1, 127.0.0.2, … for a host in 127.0.0.0/8; 1 to 250,\n"
    "                         default one for each 25,000 connections (handshakes: 4)\n"
    "  -t, --timeout S        how long an answer may take; 0.01 to 3600, default 10. Over UDP a message that has not come\n"
    "                         back by then counts as lost; everywhere else it ends the program\n"
    "      --text             echo: different texts in JSON, cut to --bytes, instead of one pattern; ping-pong over ws or wss\n"
    "      --deflate          the same, compressed: permessage-deflate (RFC 7692) is offered and must be taken. idle: each\n"
    "                         session has one such message echoed first. feed: the texts must come compressed\n"
    "      --streams N        idle: the sessions are opened over HTTP/2 (RFC 8441), N on a connection; 1 to 10000\n"
    "      --multiplex        calls: many on one WebSocket (grpc-websockets-multiplex); idle with --streams: each session\n"
    "                         has one call, whose answer has begun and does not end\n"
    "      --read-rate N      slow: bytes a second that each connection reads; 0 to 1000000000, default 0\n"
    "      --ca FILE          PEM; the certificate is checked against it. Default: any certificate will do\n"
    "      --alpn NAME        offered in TLS handshakes, at most 255 bytes. Handshake mode with h2 also awaits the\n"
    "                         server's SETTINGS, so that a handshake counts when the server has finished it, too\n"
    "      --control          for scripts: prints `ready` when all is open and warm; then each line on standard input, a\n"
    "                         number of seconds, is a run with a line of JSON. Its end closes everything\n"
    "  -h, --help             this\n"
    "\n"
    "JSON: count (messages that came back, handshakes, or sessions held), seconds, perSecond, latencyMicroseconds (mean, p50,\n"
    "p99, p999, max; right to 0.8 %), ownCPU (seconds, and share of a core: near 1 means that this program was the\n"
    "bottleneck), and by mode lost (UDP), unsent (open loop: their wait until the end is among the latencies), pings,\n"
    "bytesSent and bytesRead (slow).\n"
    "\n"
    "Exit status: 0; 1 if a connection fails or a byte differs; 2 for a mistake on the command line.\n"
    "\n"
    "examples:\n"
    "  rtbridge-load -c 32 -b 64 ws://127.0.0.1:8080/tcp\n"
    "  rtbridge-load -c 100 -r 5000 -d 30 --ca ca.pem wss://localhost:8443/tcp\n"
    "  rtbridge-load --mode handshake -c 8 --alpn h2 tls://127.0.0.1:8443\n"
    "  rtbridge-load --mode idle -c 10000 -d 60 ws://127.0.0.1:8080/tcp\n";

__attribute__((noreturn, format(printf, 1, 2))) static void mistake(const char *format, ...) {
    va_list list;
    va_start(list, format);
    fputs("rtbridge-load: ", stderr);
    vfprintf(stderr, format, list);
    fputs("\nTry rtbridge-load --help.\n", stderr);
    exit(2);
}

static double number(const char *name, const char *text, double least, double most) {
    char *end;
    errno = 0;
    double value = strtod(text, &end);
    if (end == text || *end || errno || !isfinite(value)) mistake("%s: \"%s\" is not a number", name, text);
    if (value < least || value > most) mistake("%s: %s is outside %.10g…%.10g", name, text, least, most);
    return value;
}

static size_t count(const char *name, const char *text, size_t least, size_t most) {
    double value = number(name, text, (double)least, (double)most);
    if (value != floor(value)) mistake("%s: %s is not a whole number", name, text);
    return (size_t)value;
}

static void read_url(const char *url) {
    static const struct { const char *scheme; enum transport transport; int is_websocket; } SCHEMES[] = {
        {"ws://", TCP, 1}, {"wss://", TLS, 1}, {"tcp://", TCP, 0}, {"tls://", TLS, 0}, {"udp://", UDP, 0}};
    options.url = url;
    const char *rest = NULL;
    for (size_t i = 0; i < sizeof SCHEMES / sizeof *SCHEMES; i++) {
        size_t length = strlen(SCHEMES[i].scheme);
        if (strncmp(url, SCHEMES[i].scheme, length)) continue;
        rest = url + length;
        options.transport = SCHEMES[i].transport;
        options.is_websocket = SCHEMES[i].is_websocket;
    }
    if (!rest) mistake("%s: a URL begins with ws://, wss://, tcp://, tls:// or udp://", url);
    size_t authority = strcspn(rest, "/"), port_at = authority;
    while (port_at > 0 && rest[port_at - 1] != ':' && rest[port_at - 1] != ']') port_at--;
    if (port_at == 0 || rest[port_at - 1] != ':') mistake("%s: a port is missing, as in %.*s:8080", url, (int)authority, rest);
    char port[8] = "";
    snprintf(port, sizeof port, "%.*s", (int)(authority - port_at), rest + port_at);
    options.port = (int)count("the URL's port", port, 1, 65535);
    size_t host = port_at - 1;
    if (host > 1 && rest[0] == '[' && rest[host - 1] == ']') rest++, host -= 2, authority--;
    if (host == 0 || host >= sizeof options.host) mistake("%s: the host is missing or longer than 255 bytes", url);
    snprintf(options.host, sizeof options.host, "%.*s", (int)host, rest);
    const char *path = strchr(rest, '/');
    if (path && !options.is_websocket && path[1]) mistake("%s: only ws:// and wss:// have a path", url);
    if (path && strlen(path) >= sizeof options.path) mistake("the URL's path is longer than %zu bytes", sizeof options.path - 1);
    if (path && strpbrk(path, " \r\n")) mistake("the URL's path has a space or a line's end in it");
    if (path) snprintf(options.path, sizeof options.path, "%s", path);
}

static void check_texts(void) {
    int is_idle = options.mode == IDLE_MODE;
    if (options.mode == FEED_MODE) {
        if (!options.is_websocket || options.is_text) mistake("--mode feed is for ws:// and wss://, without --text");
        return;
    }
    if (options.is_deflating && !is_idle) options.is_text = 1;
    if (!options.is_text && !options.is_deflating) return;
    if (!options.is_websocket || (options.mode != ECHO_MODE && !is_idle))
        mistake("--text and --deflate are for echo and idle over ws:// and wss://");
    if (options.is_text && (is_idle || options.rate > 0 || options.pipeline > 1))
        mistake("--text and --deflate in mode echo are ping-pong: no --rate, no --pipeline");
}

static void check_calls(void) {
    int is_calls = options.mode == CALLS_MODE;
    int is_tunnels = options.mode == IDLE_MODE && options.streams;
    if (options.streams && (!is_tunnels || options.is_deflating)) mistake("--streams is for --mode idle, without --deflate");
    if (is_tunnels && options.transport == TLS) options.alpn = "h2";
    if (options.is_multiplexed && !is_calls && !is_tunnels) mistake("--multiplex is for --mode calls, or idle with --streams");
    if (!is_calls) return;
    if (!options.is_websocket) mistake("--mode calls needs ws:// or wss://");
    if (options.bytes > MAX_CALL_BYTES) mistake("--mode calls: a message has at most %d bytes", MAX_CALL_BYTES);
    if (options.pipeline > 1 && !options.is_multiplexed) mistake("--pipeline of calls needs --multiplex");
}

static void check_together(void) {
    int is_tls = options.transport == TLS;
    if (options.mode == HANDSHAKE_MODE && !is_tls) mistake("--mode handshake needs tls:// or wss://");
    if (options.mode == IDLE_MODE && !options.is_websocket) mistake("--mode idle needs ws:// or wss://");
    if (options.mode == SLOW_MODE && options.transport == UDP) mistake("--mode slow is not for udp://");
    if (options.rate > 0 && options.mode != ECHO_MODE) mistake("--rate is for --mode echo");
    if (options.read_rate && options.mode != SLOW_MODE) mistake("--read-rate is for --mode slow");
    if ((options.ca_file || options.alpn) && !is_tls) mistake("--ca and --alpn are for tls:// and wss://");
    if (options.ca_file && access(options.ca_file, R_OK)) mistake("--ca %s: %s", options.ca_file, strerror(errno));
    if (options.alpn && options.is_websocket && options.mode != HANDSHAKE_MODE && !strcmp(options.alpn, "h2"))
        mistake("--alpn h2: WebSocket sessions are opened over HTTP/1.1");
    if (options.transport == UDP && (options.bytes < 4 || options.bytes > 65507))
        mistake("--bytes: %zu is outside 4…65507, which a datagram can hold", options.bytes);
    check_texts();
    check_calls();
}

enum { READ_RATE = 256, CA, ALPN, CONTROL, MODE, TEXT, DEFLATE, MULTIPLEX, STREAMS };

static enum mode mode_named(const char *name) {
    static const char *const NAMES[] = {"echo", "handshake", "idle", "slow", "calls", "feed"};
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++)
        if (!strcmp(name, NAMES[i])) return (enum mode)i;
    mistake("--mode: \"%s\" is none of echo, handshake, idle, slow, calls, feed", name);
}

void read_options(int argc, char **argv) {
    static const struct option LONG[] = {
        {"mode", 1, 0, MODE}, {"connections", 1, 0, 'c'}, {"bytes", 1, 0, 'b'}, {"pipeline", 1, 0, 'p'}, {"rate", 1, 0, 'r'},
        {"seconds", 1, 0, 'd'}, {"warm-up", 1, 0, 'w'}, {"sources", 1, 0, 's'}, {"timeout", 1, 0, 't'},
        {"read-rate", 1, 0, READ_RATE}, {"ca", 1, 0, CA}, {"alpn", 1, 0, ALPN}, {"control", 0, 0, CONTROL},
        {"text", 0, 0, TEXT}, {"deflate", 0, 0, DEFLATE}, {"multiplex", 0, 0, MULTIPLEX}, {"streams", 1, 0, STREAMS},
        {"help", 0, 0, 'h'}, {0}};
    int option;
    opterr = 0;
    while ((option = getopt_long(argc, argv, ":c:b:p:r:d:w:s:t:h", LONG, NULL)) != -1) {
        switch (option) {
        case MODE: options.mode = mode_named(optarg); break;
        case 'c': options.connections = count("--connections", optarg, 1, 1000000); break;
        case 'b': options.bytes = count("--bytes", optarg, 1, 64 << 20); break;
        case 'p': options.pipeline = count("--pipeline", optarg, 1, 4096); break;
        case 'r': options.rate = number("--rate", optarg, 0.001, 1e7); break;
        case 'd': options.seconds = number("--seconds", optarg, 0.01, 86400); break;
        case 'w': options.warm_up = count("--warm-up", optarg, 0, 1000000); break;
        case 's': options.sources = count("--sources", optarg, 1, 250); break;
        case 't': options.timeout = number("--timeout", optarg, 0.01, 3600); break;
        case READ_RATE: options.read_rate = count("--read-rate", optarg, 0, 1000000000); break;
        case CA: options.ca_file = optarg; break;
        case ALPN:
            options.alpn = optarg;
            if (!*optarg || strlen(optarg) > 255) mistake("--alpn: a name has 1 to 255 bytes");
            break;
        case TEXT: options.is_text = 1; break;
        case DEFLATE: options.is_deflating = 1; break;
        case MULTIPLEX: options.is_multiplexed = 1; break;
        case STREAMS: options.streams = count("--streams", optarg, 1, 10000); break;
        case CONTROL: options.is_controlled = 1; break;
        case 'h': fputs(HELP, stdout); exit(0);
        case ':': mistake("%s needs a value", argv[optind - 1]);
        default: mistake("unknown option %s", argv[optind - 1]);
        }
    }
    if (optind == argc) mistake("a URL is missing, as in ws://127.0.0.1:8080/tcp");
    if (optind < argc - 1) mistake("one URL, please: \"%s\" is too much", argv[optind + 1]);
    read_url(argv[optind]);
    check_together();
}

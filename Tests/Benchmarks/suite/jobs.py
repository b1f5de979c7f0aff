# rtbridge: what is measured, and the bars that are to be met.
# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass, field

KIB = 1024


@dataclass(frozen=True)
class Job:
    """One kind of load.

    `kind` says what the load is and what the figure means:
      web, native   gRPC-Web or gRPC calls; CPU µs a call
      http          requests with a body to an HTTP/1.1 server that answers with one as long; CPU µs a request
      echo          WebSocket to TCP (or UDP) and back; CPU µs a round trip
      texts         the same with different texts in JSON, compressed on the route /deflate; CPU µs a round trip
      feed          texts that a TCP server sends and the bridge compresses for WebSockets, `streams` under way for each session;
                    CPU µs a text
      calls         gRPC calls over WebSocket, all of a connection on one if there are several, else each on its own; CPU µs a call
      handshake     full TLS 1.3 handshakes; CPU µs each
      idle          memory of an idle WebSocket session, the slope from `sessions[0]` to `sessions[1]`; KiB
      tunnels       the same of WebSocket sessions over HTTP/2 for gRPC, `streams` on a connection; on /bench.Held/Hold with a
                    call on each, whose answer has begun
      rest          resident memory of the freshly started proxy; MiB
      streams       memory of an open server stream of gRPC-Web, the slope; KiB
      slow          p99 of an open loop of messages while one client reads nothing; µs
    `against` names what the bridge is compared with in lanes.py; "peers" are other programs.
    """

    name: str
    title: str
    kind: str
    bytes: int = 32  # of a message, each way
    connections: int = 1
    streams: int = 1  # a connection, at a time
    answer_bytes: int = 0  # where they are not as many as were sent
    is_http1: bool = False
    door: str = "clear"  # of those in suite/proxies/proxy.py
    path: str = "/tcp"  # of WebSocket sessions
    unit: str = "µs"
    bars: dict = field(default_factory=dict)  # the bridge's figure divided by the peer's: no more than this
    rate_bar: float = 0  # the bridge's throughput divided by that of what it is compared with: no less
    load_is_light: bool = False  # next to nothing beside the proxy, so two workers have room on two cores
    limit: float = None  # of the bridge's figure itself
    peers: tuple = ()
    against: str = "peers"  # peers, tcp, plain, web, workers, routes, quiet
    sessions: tuple = ()
    max_rounds: int = 0  # 0: as many as asked for
    group: str = "bars"  # bars: DESIGN's table; scale: only when asked for

    @property
    def is_timed(self):
        """Whether the figure is one of time, which a busy machine makes longer."""
        return self.unit == "µs"

    @property
    def counts_allocations(self):
        return self.kind in _COUNTED and self.against in ("peers", "tcp", "plain", "web", "workers")

    def door_of(self, proxy):
        """A relay that knows no WebSocket takes the same bytes over plain TCP."""
        return "raw" if self.kind == "echo" and self.door not in proxy.doors else self.door


_COUNTED = ("web", "native", "http", "echo", "texts", "feed", "calls", "handshake")
_WEB = ("envoy",)
_NATIVE = ("envoy", "nginx", "haproxy", "nghttpx")
_HTTP = ("envoy", "nginx", "haproxy")
_TCP = ("nginx", "haproxy", "floor-tcp")
_ECHO = ("websockify", "nginx", "haproxy", "floor", "floor-tcp")

JOBS = [
    Job("web-h2", "gRPC-Web h2c, 32 B, 8 × 32", "web", 32, 8, 32, peers=_WEB, bars={"envoy": 0.20}),
    Job("web-h2-16k", "gRPC-Web h2c, 16 KiB, 8 × 32", "web", 16 * KIB, 8, 32, peers=_WEB, bars={"envoy": 0.40}),
    Job("web-h2-8x1", "gRPC-Web h2c, 32 B, 8 × 1", "web", 32, 8, peers=_WEB, bars={"envoy": 0.38}),
    Job("web-h1", "gRPC-Web h1, 32 B, 32", "web", 32, 32, is_http1=True, peers=_WEB, bars={"envoy": 0.42}),
    Job("web-h1-16k", "gRPC-Web h1, 16 KiB, 32", "web", 16 * KIB, 32, is_http1=True, peers=_WEB, bars={"envoy": 0.52}),
    Job("grpc", "gRPC h2c → h2c, 32 B, 8 × 32", "native", 32, 8, 32, peers=_NATIVE,
        bars={"envoy": 0.20, "nginx": 0.20, "nghttpx": 1.0}),
    Job("grpc-16k", "gRPC h2c → h2c, 16 KiB, 8 × 32", "native", 16 * KIB, 8, 32, peers=_NATIVE,
        bars={"envoy": 0.40, "nginx": 0.45, "nghttpx": 1.0}),
    Job("grpc-8x1", "gRPC h2c → h2c, 32 B, 8 × 1", "native", 32, 8, peers=_NATIVE),
    Job("grpc-tls-8x1", "gRPC over TLS 1.3, 32 B, 8 × 1", "native", 32, 8, door="tls", peers=_NATIVE,
        bars={"envoy": 0.42, "nginx": 0.70}),
    Job("tls-handshake", "TLS 1.3 full handshake, 8", "handshake", connections=8, door="tls", peers=_NATIVE,
        bars={"nginx": 1.15}),
    Job("tls-bulk", "gRPC over TLS, 1 MiB replies, 8 × 1", "native", 32, 8, answer_bytes=KIB * KIB, door="tls", peers=_NATIVE,
        bars={"nginx": 1.15, "nghttpx": 0.95}),
    Job("http-h1", "HTTP/1.1 → HTTP/1.1, 32 B, 32", "http", 32, 32, is_http1=True, door="http1", peers=_HTTP),
    Job("http-h1-16k", "HTTP/1.1 → HTTP/1.1, 16 KiB, 32", "http", 16 * KIB, 32, is_http1=True, door="http1", peers=_HTTP),
    Job("http-h2", "HTTP/2 → HTTP/1.1, 32 B, 8 × 8", "http", 32, 8, 8, peers=_HTTP),
    Job("http-h2-16k", "HTTP/2 → HTTP/1.1, 16 KiB, 8 × 8", "http", 16 * KIB, 8, 8, peers=_HTTP),
    Job("ws", "WebSocket → TCP echo, 64 B, 32", "echo", 64, 32, door="websocket", peers=_ECHO,
        bars={"websockify": 0.25, "nginx": 1.3}),
    Job("ws-16k", "WebSocket → TCP echo, 16 KiB, 32", "echo", 16 * KIB, 32, door="websocket", peers=_ECHO,
        bars={"websockify": 0.25, "nginx": 1.35}),
    Job("ws-1m", "WebSocket → TCP echo, 1 MiB, 8", "echo", KIB * KIB, 8, door="websocket", peers=_ECHO,
        bars={"websockify": 0.25, "nginx": 0.95}),
    Job("ws-deflate", "WebSocket → TCP echo, 1 KiB deflated, 32", "texts", KIB, 32, door="websocket", path="/deflate",
        against="plain"),
    Job("ws-deflate-16k", "WebSocket → TCP echo, 16 KiB deflated, 8", "texts", 16 * KIB, 8, door="websocket", path="/deflate",
        against="plain"),
    Job("grpc-ws", "gRPC over WebSocket, 32 B, 8 × 32", "calls", 32, 8, 32, door="websocket", against="web"),
    Job("grpc-ws-single", "gRPC over WebSocket, 32 B, 32, one each", "calls", 32, 32, door="websocket", against="web"),
    Job("tcp", "TCP → TCP echo, 64 B, 32", "echo", 64, 32, door="raw", peers=_TCP),
    Job("tcp-16k", "TCP → TCP echo, 16 KiB, 32", "echo", 16 * KIB, 32, door="raw", peers=_TCP),
    Job("ws-udp", "WebSocket → UDP echo, 64 B, 32", "echo", 64, 32, door="websocket", path="/udp", against="tcp",
        bars={"ws → tcp": 1.4}),
    Job("udp", "UDP → UDP echo, 64 B, 32", "echo", 64, 32, door="udp", path="/udp", peers=("nginx",)),
    Job("idle", "idle WebSocket session", "idle", door="websocket", unit="KiB", sessions=(1000, 10000), max_rounds=3,
        peers=("nginx",), bars={"nginx": 1.0}, limit=12),
    Job("idle-tls", "idle WebSocket session, TLS", "idle", door="wss", unit="KiB", sessions=(1000, 10000), max_rounds=2,
        peers=("nginx",), bars={"nginx": 1.0}, limit=40),
    Job("idle-deflate", "idle WebSocket session, deflate", "idle", KIB, door="websocket", path="/deflate", unit="KiB",
        sessions=(250, 1500), max_rounds=1),
    Job("rest", "resident memory at rest", "rest", unit="MiB", max_rounds=1, peers=_NATIVE + ("websockify",), limit=25),
    Job("workers", "2 workers, gRPC-Web h2c, 32 B, 64 × 1", "web", 32, 64, against="workers", bars={"1 worker": 1.1},
        rate_bar=1.8),
    Job("workers-feed", "2 workers, TCP → WebSocket, 16 KiB deflated", "feed", 16 * KIB, 64, 8, door="websocket", path="/feed",
        against="workers", bars={"1 worker": 1.1}, rate_bar=1.8, load_is_light=True),
    Job("scale-10k", "10,000 idle sessions, pings", "idle", door="websocket", unit="KiB", sessions=(1000, 10000),
        max_rounds=1, group="scale"),
    Job("scale-50k", "50,000 idle sessions, pings", "idle", door="websocket", unit="KiB", sessions=(1000, 50000),
        max_rounds=1, group="scale"),
    Job("scale-h2", "50,000 idle sessions over HTTP/2, pings", "tunnels", connections=1, streams=500, door="clear",
        path="/bench.Bench/Echo", unit="KiB", sessions=(10000, 50000), max_rounds=1, group="scale"),
    Job("scale-h2-calls", "50,000 sessions over HTTP/2, a call each", "tunnels", connections=1, streams=500, door="clear",
        path="/bench.Held/Hold", unit="KiB", sessions=(10000, 50000), max_rounds=1, group="scale"),
    Job("scale-streams", "10,000 open gRPC-Web streams", "streams", 32, unit="KiB", sessions=(1000, 10000), max_rounds=3,
        peers=_WEB, group="scale"),
    Job("scale-routes", "10,000 routes, gRPC-Web h2c, 32 B, 8 × 32", "web", 32, 8, 32, against="routes",
        bars={"1,000 routes": 1.1, "1 route": 1.1}, group="scale"),
    Job("scale-slow", "p99 of 50 beside a slow one", "slow", 1024, 50, door="websocket", against="quiet",
        bars={"none slow": 1.25}, group="scale"),
]

GROUPS = {group: [job.name for job in JOBS if job.group == group] for group in ("bars", "scale")}
# Those of `bars` that have one: what a quick run has time for.
GROUPS["quick"] = [job.name for job in JOBS if job.group == "bars" and (job.bars or job.limit)]

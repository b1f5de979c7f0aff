# rtbridge: what is measured, and the bars that are to be met.
# SPDX-License-Identifier: Apache-2.0
from dataclasses import dataclass, field

KIB = 1024


@dataclass(frozen=True)
class Job:
    """One kind of load. `bars`: the bridge's CPU time divided by the peer's must be no more than this."""

    name: str
    title: str
    kind: str  # web: gRPC-Web calls; native: gRPC calls; echo: WebSocket to TCP and back
    bytes: int  # of a message, each way
    connections: int
    streams: int = 1  # a connection, at a time
    is_http1: bool = False
    door: str = "clear"  # of those in suite/proxies/proxy.py
    bars: dict = field(default_factory=dict)
    peers: tuple = ()

    def door_of(self, proxy):
        """A relay that knows no WebSocket takes the same bytes over plain TCP."""
        return "raw" if self.kind == "echo" and self.door not in proxy.doors else self.door


_WEB = ("envoy",)
_NATIVE = ("envoy", "nginx", "haproxy", "nghttpx")
_ECHO = ("websockify", "nginx", "haproxy")

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
    Job("ws", "WebSocket → TCP echo, 64 B, 32", "echo", 64, 32, door="websocket", peers=_ECHO,
        bars={"websockify": 0.25, "nginx": 1.3}),
    Job("ws-16k", "WebSocket → TCP echo, 16 KiB, 32", "echo", 16 * KIB, 32, door="websocket", peers=_ECHO,
        bars={"websockify": 0.25, "nginx": 1.35}),
    Job("ws-1m", "WebSocket → TCP echo, 1 MiB, 8", "echo", KIB * KIB, 8, door="websocket", peers=("nginx", "haproxy"),
        bars={"nginx": 0.95}),
]

# rtbridge: who is measured in a job: the bridge first, then what it is compared with.
# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace
from typing import NamedTuple

from suite.loads import make_load
from suite.proxies import PEERS, Bridge, IdleNginx, Shape


class Lane(NamedTuple):
    """A name in the table, and what measures it: `load.measure(seconds)`."""

    name: str
    load: object


class _Fresh:
    """Starts proxies of their own for each round: memory that was used before must not count. `start(setting, number)`."""

    def __init__(self, start, name, doors):
        self.start, self.name, self.doors = start, name, doors


def lanes(job, bench):
    """The lanes of a job; those whose program is not here are left out."""
    return {"peers": _peers, "tcp": _tcp, "plain": _plain, "web": _web, "workers": _workers, "routes": _routes, "quiet": _quiet}[job.against](job, bench)


def _peers(job, bench):
    if job.kind in ("idle", "tunnels", "streams", "rest"):
        return [Lane(one.name, make_load(job, one, bench)) for one in _fresh(job, bench)]
    return [Lane(name, make_load(job, bench.proxy(name, job.door), bench))
            for name in [*bench.builds, *job.peers] if bench.has(name)]


def _fresh(job, bench):
    pings = "10s" if job.group == "scale" else "off"
    shape = Shape(ping_interval=pings, max_streams=2000)
    for name, binary in bench.builds.items():
        yield _Fresh(lambda setting, number, binary=binary, name=name: Bridge(
            setting, binary, f"{name}-fresh-{number}", shape), name, Bridge.doors)
    for name in job.peers:
        if not bench.has(name):
            continue
        peer = IdleNginx if name == "nginx" and job.kind == "idle" else PEERS[name]
        yield _Fresh(lambda setting, number, peer=peer, name=name: peer(setting, f"{name}-fresh-{number}"), name, peer.doors)


def _tcp(job, bench):
    subject = bench.proxy(bench.subject)
    return [Lane(bench.subject, make_load(job, subject, bench)),
            Lane("ws → tcp", make_load(replace(job, path="/tcp"), subject, bench))]


def _plain(job, bench):
    subject = bench.proxy(bench.subject)
    return [Lane(bench.subject, make_load(job, subject, bench)),
            Lane("uncompressed", make_load(replace(job, path="/tcp"), subject, bench))]


def _web(job, bench):
    """The same calls as gRPC-Web: over HTTP/2 where they share connections, else over HTTP/1.1."""
    subject, is_http1 = bench.proxy(bench.subject), job.streams == 1
    other = replace(job, name=f"{job.name}-web", kind="web", door="clear", is_http1=is_http1)
    return [Lane(bench.subject, make_load(job, subject, bench)),
            Lane("grpc-web h1" if is_http1 else "grpc-web h2", make_load(other, subject, bench))]


def _workers(job, bench):
    # Both may use the same cores, so that the number of workers is all that differs.
    cores = bench.cores.light if job.load_is_light else bench.cores.two
    shapes = {bench.subject: Shape(workers=2, cores=cores), "1 worker": Shape(workers=1, cores=cores)}
    return _shapes(job, bench, shapes)


def _routes(job, bench):
    shapes = {bench.subject: Shape(routes=10000), "1,000 routes": Shape(routes=1000), "1 route": Shape(routes=1)}
    return _shapes(job, bench, shapes)


def _quiet(job, bench):
    subject = bench.proxy(bench.subject)
    return [Lane(bench.subject, make_load(replace(job, streams=1), subject, bench)),
            Lane("none slow", make_load(replace(job, streams=0), subject, bench))]


def _shapes(job, bench, shapes):
    binary = bench.builds[bench.subject]
    return [Lane(name, make_load(job, bench.add(f"bridge of {job.name}: {name}", Bridge(
        bench.setting(), binary, f"{job.name}-{index}", shape)), bench)) for index, (name, shape) in enumerate(shapes.items())]

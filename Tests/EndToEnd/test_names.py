# rtbridge: a back-end's name that stands for other addresses after a while (dnsRefresh).
# SPDX-License-Identifier: Apache-2.0
"""The bridge runs in a mount namespace of its own, where /etc/hosts is a file of the test's: the system's resolver reads it
anew for each question, as it would ask a name server."""
import collections
import subprocess
import threading
from pathlib import Path

import grpc
import pytest

from support.waiting import DEADLINE, wait_until
from support.websocket import BINARY, WebSocket

NAME = "back-end.test"
OLD, NEW = "127.0.0.2", "127.0.0.3"


class Hosts:
    """The file /etc/hosts of a bridge. It is written in place: a bind mount stays with the file that it was made of."""

    def __init__(self, directory):
        self.path = directory / "hosts"
        self.say()

    def say(self, *addresses):
        self.path.write_text("127.0.0.1 localhost\n" + "".join(f"{address} {NAME}\n" for address in addresses))


@pytest.fixture
def hosts(tmp_path):
    return Hosts(tmp_path)


@pytest.fixture
def start(start_bridge, make_config, tmp_path, hosts, program):
    """start(routes, **config): a bridge that resolves NAME by `hosts`."""
    from support.bridge import binary
    wrapper = tmp_path / "rtbridge"
    inside = f'mount --bind {hosts.path} /etc/hosts && exec {binary()} "$@"'
    wrapper.write_text(f"#!/bin/sh\nexec {program('unshare')} -rm sh -c '{inside}' sh \"$@\"\n")
    wrapper.chmod(0o755)
    if subprocess.run([wrapper, "--version"], capture_output=True).returncode != 0:
        pytest.skip("this system lets nobody make a mount namespace (unshare -rm)")

    def make(routes, **config):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("RTBRIDGE", str(wrapper))
            return start_bridge(make_config(routes, workers=1, **config))

    return make


@pytest.fixture
def two(start_backend, grpc_proto):
    """Two greeters on one port of two addresses."""
    old = start_backend("named_greeter.py", "old", f"{OLD}:0", modules=grpc_proto)
    new = start_backend("named_greeter.py", "new", f"{NEW}:{old.port}", modules=grpc_proto)
    yield old, new
    old.kill()
    new.kill()


def connections(address, port):
    """How many TCP connections to the address are established, by proc(5)."""
    wanted = "".join(f"{int(part):02X}" for part in reversed(address.split("."))) + f":{port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(line.split()[2] == wanted and line.split()[3] == "01" for line in lines)


def answers(stub, number=20):
    import helloworld_pb2
    request = helloworld_pb2.HelloRequest(name="x")
    return collections.Counter(stub.SayHello(request, timeout=DEADLINE).message for _ in range(number))


def test_calls_follow_a_name_and_old_connections_drain(start, hosts, two):
    import helloworld_pb2
    import helloworld_pb2_grpc
    old, _ = two
    hosts.say(OLD)
    bridge = start([{"match": {"protocol": "grpc"}, "backend": "b"}], backends={
        "b": {"protocol": "grpc", "endpoints": [f"{NAME}:{old.port}"], "dnsRefresh": "50ms"}})
    with grpc.insecure_channel("%s:%d" % bridge.address("clear"), options=[("grpc.enable_retries", 0)]) as channel:
        stub = helloworld_pb2_grpc.GreeterStub(channel)
        assert answers(stub) == {"old": 20}
        more = threading.Semaphore(0)
        is_over = threading.Event()

        def requests():
            while True:
                yield helloworld_pb2.HelloRequest(name="x")
                more.acquire(timeout=DEADLINE)
                if is_over.is_set():
                    return

        stream = stub.SayHelloBidiStream(requests(), timeout=4 * DEADLINE)
        assert next(stream).message == "old"
        hosts.say(NEW)
        # Noticed with a call after the time; that one does not wait for it. No call fails.
        wait_until("answers of the new one alone", lambda: set(answers(stub)) == {"new"})
        # The call that began there goes on there.
        more.release()
        assert next(stream).message == "old"
        assert connections(OLD, old.port) == 1
        is_over.set()
        more.release()
        assert list(stream) == []
        wait_until("the end of the old connection", lambda: connections(OLD, old.port) == 0)
        assert set(answers(stub)) == {"new"}

        # A name that does not resolve any more keeps its last addresses.
        hosts.say()
        for _ in range(5):
            assert set(answers(stub)) == {"new"}
        # And all addresses of a name are used.
        hosts.say(OLD, NEW)
        wait_until("both", lambda: set(answers(stub)) == {"old", "new"})


def test_sessions_follow_a_name_and_old_ones_stay(start, hosts, start_backend):
    """Echo at the old address, ACK at the new one."""
    old = start_backend("tcp_server.py", "echo", f"{OLD}:0")
    new = start_backend("tcp_server.py", "ack", f"{NEW}:{old.port}")
    hosts.say(OLD)
    bridge = start([{"match": {"protocol": "websocket"}, "backend": "b", "websocket": {"allowOrigins": ["*"]}}], backends={
        "b": {"protocol": "tcp", "endpoints": [f"{NAME}:{old.port}"], "dnsRefresh": "50ms"}})

    def who(socket):
        socket.send(BINARY, b"old")
        return socket.read_bytes(3)

    def who_is_new():
        with WebSocket(bridge.address("clear"), "/") as one:
            return who(one)

    with WebSocket(bridge.address("clear"), "/") as first:
        assert who(first) == b"old"
        hosts.say(NEW)
        wait_until("a session at the new address", lambda: who_is_new() == b"ACK")
        assert who(first) == b"old"
        assert [who_is_new() for _ in range(5)] == [b"ACK"] * 5
    old.kill()
    new.kill()


def test_a_name_that_does_not_resolve_yet_is_asked_for_again(start, hosts, start_backend):
    server = start_backend("tcp_server.py", "echo", f"{OLD}:0")
    bridge = start([{"name": "waiting", "match": {"protocol": "websocket"}, "backend": f"tcp://{NAME}:{server.port}",
                     "websocket": {"allowOrigins": ["*"]},
                     "reconnect": {"mode": "close", "backoff": {"initial": "10ms", "max": "50ms"}, "maxHold": "120s"}}],
                   logging={"level": "debug"})
    opened = []
    thread = threading.Thread(target=lambda: opened.append(WebSocket(bridge.address("clear"), "/")), daemon=True)
    thread.start()
    wait_until("attempts", lambda: bridge.errors().count("the name does not resolve") >= 3)
    hosts.say(OLD)
    thread.join(DEADLINE)
    opened[0].send(BINARY, b"there")
    assert opened[0].read_bytes(5) == b"there"
    opened[0].close()
    server.kill()

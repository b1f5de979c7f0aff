# rtbridge: which endpoint gets which call: policies, health checks, ejection, limits, against real back-ends.
# SPDX-License-Identifier: Apache-2.0
import collections
import signal
import threading

import grpc
import pytest

from support.waiting import DEADLINE, wait_until
from support.websocket import BINARY, WebSocket

NAMES = ("one", "two", "three")


@pytest.fixture(scope="module")
def greeters(start_backend, grpc_proto):
    servers = {name: start_backend("named_greeter.py", name, modules=grpc_proto) for name in NAMES}
    yield servers
    for server in servers.values():
        server.kill()


@pytest.fixture
def start(start_bridge, make_config):
    """start(greeters, **backend): a stub for a bridge of one worker in front of them, and the bridge."""
    channels = []

    def make(servers, **options):
        import helloworld_pb2_grpc
        bridge = start_bridge(make_config(
            [{"match": {"protocol": "grpc"}, "backend": "b"}],
            backends={"b": {"protocol": "grpc", "endpoints": [f"127.0.0.1:{server.port}" for server in servers],
                            "backoff": {"initial": "10ms", "max": "50ms"}, **options}}, workers=1))
        channel = grpc.insecure_channel("%s:%d" % bridge.address("clear"), options=[("grpc.enable_retries", 0)])
        channels.append(channel)
        return helloworld_pb2_grpc.GreeterStub(channel)

    yield make
    for channel in channels:
        channel.close()


def ask(stub, metadata=None):
    import helloworld_pb2
    return stub.SayHello(helloworld_pb2.HelloRequest(name="x"), timeout=DEADLINE, metadata=metadata).message


def warm_up(stub, names):
    """Until every endpoint has answered: the first calls go where a connection is there first."""
    seen = set()
    wait_until(f"answers of {names}", lambda: seen.add(ask(stub)) or seen >= set(names))


def counts(stub, number):
    return collections.Counter(ask(stub) for _ in range(number))


def test_round_robin_gives_each_its_turn(greeters, start):
    stub = start(greeters.values())
    warm_up(stub, NAMES)
    assert counts(stub, 300) == {name: 100 for name in NAMES}


def test_random_gives_each_about_the_same(greeters, start):
    stub = start(greeters.values(), loadBalancing="random")
    warm_up(stub, NAMES)
    # Binomial, 1,500 draws of a third: a standard deviation is 18.3. 150 off is 8.2 of them, by chance in 1 of 10^15 runs.
    for name, count in counts(stub, 1500).items():
        assert abs(count - 500) < 150, name


def test_least_request_levels_calls_that_last(greeters, start):
    """Of two endpoints both are looked at each time: the one with fewer streams gets the next one, always."""
    import helloworld_pb2
    stub = start([greeters["one"], greeters["two"]], loadBalancing="leastRequest")
    warm_up(stub, NAMES[:2])
    release, streams = threading.Event(), []

    def requests():
        yield helloworld_pb2.HelloRequest(name="x")
        release.wait(DEADLINE)

    for _ in range(20):
        stream = stub.SayHelloBidiStream(requests(), timeout=4 * DEADLINE)
        streams.append((stream, next(stream).message))
    assert collections.Counter(name for _, name in streams) == {"one": 10, "two": 10}
    release.set()
    for stream, _ in streams:
        assert list(stream) == []


@pytest.mark.parametrize("on, metadata", [
    ("header:x-user", lambda key: (("x-user", key),)),
    ("cookie:session", lambda key: (("cookie", f"a=b; session={key}; c=d"),)),
])
def test_a_hash_sticks_and_only_the_keys_of_a_lost_endpoint_move(start_backend, grpc_proto, start, on, metadata):
    servers = {name: start_backend("named_greeter.py", name, modules=grpc_proto) for name in NAMES}
    stub = start(servers.values(), loadBalancing="hash", hashOn=on)
    keys = [f"user-{number}" for number in range(120)]
    first = {key: ask(stub, metadata(key)) for key in keys}
    # 120 keys on three: none at all on one has a probability of 3 × (2/3)^120, 1 in 10^20; and the ring is always the same.
    assert set(first.values()) == set(NAMES)
    assert {key: ask(stub, metadata(key)) for key in keys} == first
    servers["two"].kill()

    def answers(key):
        try:
            return ask(stub, metadata(key))
        except grpc.RpcError:
            return None

    # The call that finds the connection lost may fail; none after it.
    wait_until("the others", lambda: answers(next(key for key in keys if first[key] == "two")))
    then = {key: ask(stub, metadata(key)) for key in keys}
    assert all(then[key] == first[key] for key in keys if first[key] != "two")
    assert {then[key] for key in keys if first[key] == "two"} == {"one", "three"}
    for server in servers.values():
        server.kill()


def test_a_hash_of_the_client_sends_all_its_calls_to_one(greeters, start):
    stub = start(greeters.values(), loadBalancing="hash", hashOn="clientIP")
    assert len(counts(stub, 60)) == 1


def test_an_endpoint_that_is_not_there_costs_no_call(greeters, start):
    from support.tcp import refused_port
    held, port = refused_port()

    class Nobody:
        pass

    nobody = Nobody()
    nobody.port = port
    stub = start([nobody, greeters["one"], greeters["two"]])
    assert set(counts(stub, 50)) <= {"one", "two"}
    held.close()


def test_names_stand_for_all_their_addresses(greeters, start_bridge, make_config):
    import helloworld_pb2_grpc
    # localhost is ::1 as well on many machines, where nobody listens.
    bridge = start_bridge(make_config(
        [{"match": {"protocol": "grpc"}, "backend": "b"}],
        backends={"b": {"protocol": "grpc", "endpoints": [f"localhost:{greeters['one'].port}"]}}))
    with grpc.insecure_channel("%s:%d" % bridge.address("clear")) as channel:
        assert counts(helloworld_pb2_grpc.GreeterStub(channel), 20) == {"one": 20}


def stays_away(stub, name, number=60):
    return name not in counts(stub, number)


def test_an_endpoint_that_is_not_serving_gets_no_calls_until_it_is(start_backend, grpc_proto, greeters, start):
    ill = start_backend("named_greeter.py", "ill", modules=grpc_proto)
    stub = start([ill, greeters["one"]], healthCheck={
        "type": "grpc", "service": "helloworld.Greeter", "interval": "50ms", "unhealthyThreshold": 2})
    warm_up(stub, ("ill", "one"))
    ill.signal(signal.SIGUSR1)
    wait_until("no calls", lambda: stays_away(stub, "ill", 10))
    assert stays_away(stub, "ill")
    ill.signal(signal.SIGUSR2)
    warm_up(stub, ("ill", "one"))
    ill.kill()


def test_where_no_endpoint_is_healthy_all_are_used(start_backend, grpc_proto, start_bridge, make_config, start):
    ill = start_backend("named_greeter.py", "ill", modules=grpc_proto)
    ill.signal(signal.SIGUSR1)
    stub = start([ill], healthCheck={"type": "grpc", "interval": "20ms", "unhealthyThreshold": 1})
    assert counts(stub, 50) == {"ill": 50}
    ill.kill()


@pytest.mark.parametrize("kind", ["http", "tcp"])
def test_checks_by_http_and_tcp_keep_calls_away(greeters, start_backend, grpc_proto, start, kind):
    """tcp: the endpoint does not listen at first. http: it speaks no HTTP/1.1, so it is ill for good."""
    ill = start_backend("named_greeter.py", "ill", modules=grpc_proto)
    port = ill.port
    check = {"type": kind, "interval": "50ms", "unhealthyThreshold": 1}
    if kind == "tcp":
        stub = start([ill, greeters["one"]], healthCheck=check)
        warm_up(stub, ("ill", "one"))
        ill.kill()
        wait_until("no calls", lambda: not failing(stub) and stays_away(stub, "ill", 10))
        ill = start_backend("named_greeter.py", "ill", port, modules=grpc_proto)
        warm_up(stub, ("ill", "one"))
    else:
        # Neither speaks HTTP/1.1: both are ill, and so both are used.
        stub = start([ill, greeters["one"]], healthCheck=check)
        warm_up(stub, ("ill", "one"))
    ill.kill()


def failing(stub):
    try:
        ask(stub)
        return False
    except grpc.RpcError:
        return True


def test_failures_in_a_row_put_an_endpoint_out_but_never_the_last(start_backend, grpc_proto, greeters, start):
    bad = start_backend("named_greeter.py", "bad", modules=grpc_proto)
    stub = start([bad, greeters["one"]], outlierDetection={
        "consecutiveFailures": 5, "baseEjectionTime": "1h", "maxEjectionTime": "1h"})
    warm_up(stub, ("bad", "one"))
    bad.signal(signal.SIGHUP)
    bad.wait_line("^FAILING$")
    results = [failing(stub) for _ in range(200)]
    # Every second call goes there until five have failed in a row.
    assert sum(results) == 5
    assert not any(results[20:])
    greeters_of_it = start([bad], outlierDetection={"consecutiveFailures": 1})
    assert all(failing(greeters_of_it) for _ in range(10)), "the last endpoint is not taken out: it says itself what is wrong"
    bad.kill()


def test_limits_name_their_key(greeters, start):
    import helloworld_pb2
    stub = start([greeters["one"]], circuitBreaker={"maxRequests": 2})
    release = threading.Event()

    def requests():
        yield helloworld_pb2.HelloRequest(name="x")
        release.wait(DEADLINE)

    streams = [stub.SayHelloBidiStream(requests(), timeout=4 * DEADLINE) for _ in range(2)]
    for stream in streams:
        assert next(stream).message == "one"
    with pytest.raises(grpc.RpcError) as refusal:
        ask(stub)
    assert refusal.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "2 calls are under way (circuitBreaker.maxRequests)" in refusal.value.details()
    release.set()
    for stream in streams:
        assert list(stream) == []
    wait_until("room", lambda: not failing(stub))


def test_sessions_take_turns_too_and_have_limits(start_backend, start_bridge, make_config):
    servers = [start_backend("tcp_server.py", mode) for mode in ("echo", "ack")]
    bridge = start_bridge(make_config(
        [{"match": {"protocol": "websocket"}, "backend": "b", "websocket": {"allowOrigins": ["*"]}}],
        backends={"b": {"protocol": "tcp", "endpoints": [f"127.0.0.1:{server.port}" for server in servers],
                        "circuitBreaker": {"maxConnections": 4}}}, workers=1))
    sockets, answers = [], collections.Counter()
    for _ in range(4):
        socket = WebSocket(bridge.address("clear"), "/", None)
        socket.send(BINARY, b"who")
        answers[socket.read_bytes(3)] += 1
        sockets.append(socket)
    assert answers == {b"who": 2, b"ACK": 2}
    from support.websocket import Refused
    with pytest.raises(Refused) as refusal:
        WebSocket(bridge.address("clear"), "/", None)
    assert refusal.value.reply.status == 503
    assert b"circuitBreaker.maxConnections" in bytes(refusal.value.reply.body)
    for socket in sockets:
        socket.close()

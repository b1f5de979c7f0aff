# rtbridge: listeners without HTTP: TCP to TCP, TLS ended before it, routes by SNI and by port.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import subprocess
import threading

import pytest

from support.bridge import binary
from support.tcp import ScriptedTCP, refused_port
from support.waiting import DEADLINE, wait_still, wait_until
from support.wire import Wire


@pytest.fixture(scope="module")
def backs():
    servers = {name: ScriptedTCP() for name in ("plain", "db", "other")}
    yield servers
    for server in servers.values():
        server.close()


@pytest.fixture(scope="module")
def bridge(start_bridge, backs, certificates, tmp_path_factory):
    refusing, port = refused_port()
    tcp = {"address": "127.0.0.1:0", "protocols": ["tcp"]}

    def route(name, listener, back, **more):
        match = {"protocol": "tcp", "listener": listener, **more.pop("match", {})}
        return {"name": name, "match": match, "backend": f"tcp://127.0.0.1:{back}", **more}

    config = {
        "listeners": {
            "plain": tcp, "tls": {**tcp, "tls": certificates.listener()}, "closed": tcp, "resume": tcp, "idle": tcp,
            "proxy": {**tcp, "proxyProtocol": {"accept": True, "trustedProxies": ["127.0.0.1"]}},
            "full": {**tcp, "limits": {"maxConnections": 1}},
        },
        "backends": {"told": {"protocol": "tcp", "endpoints": [f"127.0.0.1:{backs['other'].port}"], "proxyProtocol": "v1"}},
        "routes": [
            route("plain", "plain", backs["plain"].port),
            route("db", "tls", backs["db"].port, match={"serverNames": ["db.example.com", "*.db.example.com"]}),
            route("other", "tls", backs["other"].port, match={"serverNames": ["localhost"]}),
            route("closed", "closed", port),
            route("resume", "resume", backs["plain"].port, reconnect={"mode": "resume", "backoff": {"initial": "50ms"}}),
            route("idle", "idle", backs["plain"].port, timeouts={"idle": "500ms"}),
            {**route("proxy", "proxy", 1), "backend": "told"},
            route("full", "full", backs["plain"].port),
        ],
        "workers": 2, "shutdown": {"drain": "3s"},
    }
    yield start_bridge(config)
    refusing.close()


def read(wire, count):
    data = b""
    while len(data) < count:
        piece = wire.receive(DEADLINE)
        assert piece, f"the connection ended after {len(data)} of {count} bytes"
        data += piece
    return data


def test_a_byte_stream_goes_both_ways_and_each_direction_has_its_end(bridge, backs):
    client = Wire.connect(bridge.address("plain"))
    server = backs["plain"].take()
    sent = os.urandom(3_000_000)
    writer = threading.Thread(target=lambda: (client.send(sent), client.finish()))
    writer.start()
    assert server.read_to_end() == sent
    writer.join()
    # The client has ended its side, and still gets the answer.
    answer = os.urandom(2_000_000)
    writer = threading.Thread(target=lambda: (server.send(answer), server.finish()))
    writer.start()
    assert client.read_to_end() == answer
    writer.join()
    wait_until("the access line", lambda: "route.name=plain front=tcp client.address=127.0.0.1 request.path=- status=ok"
               in bridge.errors())
    client.close()


def test_a_server_that_speaks_first_is_heard(bridge, backs):
    client = Wire.connect(bridge.address("plain"))
    server = backs["plain"].take()
    server.send(b"220 ready\r\n")
    assert read(client, 11) == b"220 ready\r\n"
    server.finish()
    assert client.receive(DEADLINE) == b""
    client.send(b"bye")
    assert read(server, 3) == b"bye"
    client.close()
    assert server.receive(DEADLINE) == b""


@pytest.mark.parametrize("name, back", [("db.example.com", "db"), ("eu.db.example.com", "db"), ("localhost", "other")])
def test_a_route_is_found_by_sni(bridge, backs, certificates, name, back):
    context = certificates.context()
    context.check_hostname = False
    client = Wire.connect(bridge.address("tls"), context, server_name=name)
    client.send(b"hello")
    server = backs[back].take()
    assert read(server, 5) == b"hello"
    server.send(b"world")
    assert read(client, 5) == b"world"
    client.close()


def test_a_name_that_no_route_has_is_refused(bridge, certificates):
    context = certificates.context()
    context.check_hostname = False
    client = Wire.connect(bridge.address("tls"), context, server_name="nobody.example")
    assert client.receive(DEADLINE) == b""
    wait_until("the reason in the log", lambda: "connection refused: no route takes it" in bridge.errors()
               and "tls.serverName=nobody.example" in bridge.errors())


def test_a_back_end_that_is_not_there_ends_the_connection(bridge):
    client = Wire.connect(bridge.address("closed"))
    try:
        assert client.receive(DEADLINE) == b""
    except ConnectionError:
        pass
    wait_until("the reason in the log", lambda: "connect: connection refused" in bridge.errors())
    wait_until("the access line", lambda: "route.name=closed front=tcp client.address=127.0.0.1 request.path=- status=failed "
               "failure.kind=connect_failed" in bridge.errors())


def test_a_lost_back_end_is_dialled_again(bridge, backs):
    client = Wire.connect(bridge.address("resume"))
    first = backs["plain"].take()
    client.send(b"one")
    assert read(first, 3) == b"one"
    first.abort()
    second = backs["plain"].take()
    client.send(b"two")
    assert read(second, 3) == b"two"
    second.send(b"three")
    assert read(client, 5) == b"three"
    client.close()


def test_a_client_that_does_not_read_stops_the_back_end(bridge, backs):
    client = Wire.connect(bridge.address("plain"), receive_buffer=4096)
    server = backs["plain"].take()
    piece, sent = os.urandom(1 << 16), [0]

    def push():
        sent[0] += server.send_some(piece, 0) or 0
        return sent[0]

    stalled = wait_still("the back-end's writes", push)
    assert stalled < 64 << 20
    read(client, stalled)
    client.close()


def test_a_silent_session_ends(bridge, backs):
    client = Wire.connect(bridge.address("idle"))
    backs["plain"].take()
    assert client.receive(DEADLINE) == b""
    wait_until("the access line", lambda: "failure.kind=idle_timeout failure.timeout=timeouts.idle" in bridge.errors())


def test_the_client_s_address_goes_through_by_proxy_headers(bridge, backs):
    client = Wire.connect(bridge.address("proxy"))
    client.send(b"PROXY TCP4 203.0.113.9 198.51.100.1 4711 443\r\nhello")
    expected = b"PROXY TCP4 203.0.113.9 198.51.100.1 4711 443\r\nhello"
    server = backs["other"].take()
    assert read(server, len(expected)) == expected
    client.close()
    assert server.receive(DEADLINE) == b""
    server.close()
    wait_until("the access line", lambda: "route.name=proxy front=tcp client.address=203.0.113.9" in bridge.errors())


def test_no_more_connections_than_allowed(bridge, backs):
    first = Wire.connect(bridge.address("full"))
    backs["plain"].take()
    second = Wire.connect(bridge.address("full"))
    assert second.receive(DEADLINE) == b""
    first.close()


def test_listeners_are_named_by_their_protocol(bridge):
    assert bridge.listeners["plain"][0] == "tcp" and bridge.listeners["tls"][0] == "tls"


TCP = {"address": "127.0.0.1:0", "protocols": ["tcp"]}


@pytest.mark.parametrize("listener, route, said", [
    ({**TCP, "protocols": ["h2", "tcp"]}, {}, 'listeners.l.protocols: "tcp" stands beside HTTP'),
    (TCP, {"match": {"protocol": "tcp"}}, "routes[0].match.listener: is missing"),
    (TCP, {"match": {"protocol": "websocket", "listener": "l"}}, 'routes[0].match.listener: the listener "l" has no HTTP'),
    (TCP, {"match": {"protocol": "tcp", "listener": "h"}}, 'routes[0].match.listener: the listener "h" speaks HTTP'),
    (TCP, {"match": {"protocol": ["tcp", "websocket"], "listener": "l"}}, 'routes[0].match.protocol: "tcp" stands beside HTTP'),
    (TCP, {"match": {"listener": "l", "path": "/"}}, "routes[0].match.path: a byte stream has none"),
    (TCP, {"match": {"listener": "l", "serverNames": ["a"]}}, 'routes[0].match.serverNames: the listener "l" has no TLS'),
    (TCP, {"match": {"listener": "h", "serverNames": ["a"]}}, "routes[0].match.serverNames: only tcp is matched by SNI"),
    (TCP, {"match": {"listener": "l"}, "backend": "grpc://a:1"}, "tcp does not fit the back-end"),
    (TCP, {"match": {"listener": "l"}, "tcp": {"framing": "line"}}, "routes[0].tcp.framing: a byte stream has no messages"),
])
def test_combinations_without_sense_are_refused(tmp_path, listener, route, said):
    config = tmp_path / "routes.json"
    config.write_text(json.dumps({"listeners": {"l": listener, "h": {"address": "127.0.0.1:0"}},
                                  "routes": [{"backend": "tcp://127.0.0.1:1", **route}]}))
    result = subprocess.run([binary(), "check", "--config", config], text=True, capture_output=True, timeout=DEADLINE)
    assert result.returncode == 2 and said in result.stderr, result

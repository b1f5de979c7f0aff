# rtbridge: listeners for datagrams: UDP to UDP, a session for each address and port.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import socket
import struct
import subprocess
import time
from pathlib import Path

import pytest

from support.admin import failures, value, wait_value
from support.bridge import binary
from support.ports import free_port_of_both
from support.processes import Backend, Child
from support.waiting import DEADLINE, PATIENCE, wait_until

UDP = {"address": "127.0.0.1:0", "protocols": ["udp"]}


def udp_socket(address=None, family=socket.AF_INET, timeout=DEADLINE):
    made = socket.socket(family, socket.SOCK_DGRAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    made.settimeout(timeout)
    if address:
        made.connect(address)
    return made


@pytest.fixture(scope="module")
def peer(start_backend):
    return start_backend("udp_server.py", "peer")


@pytest.fixture(scope="module")
def hand():
    """A UDP back-end in the test's hand."""
    with udp_socket() as back:
        back.bind(("127.0.0.1", 0))
        yield back


@pytest.fixture(scope="module")
def hand6():
    with udp_socket(family=socket.AF_INET6) as back:
        back.bind(("::1", 0))
        yield back


@pytest.fixture(scope="module")
def closed_port():
    """A port that refuses: the socket is connected elsewhere, so the system answers anyone else with ICMP."""
    with udp_socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.connect(("127.0.0.1", 9))
        yield taken.getsockname()[1]


@pytest.fixture(scope="module")
def bridge(start_bridge, udp_ack, udp_echo, peer, hand, hand6, closed_port):
    listeners, routes = {}, []

    def add(name, back, udp=None, listener=None, **more):
        listeners[name] = {**UDP, **(listener or {})}
        host = back if isinstance(back, str) else f"127.0.0.1:{back}"
        routes.append({"name": name, "match": {"protocol": "udp", "listener": name}, "backend": f"udp://{host}",
                       **({"udp": udp} if udp else {}), **more})

    add("ack", udp_ack.port)
    add("echo", udp_echo.port)
    add("peer", peer.port)
    add("small", udp_echo.port, {"maxDatagramBytes": 512})
    add("idle", udp_echo.port, {"idle": "400ms"})
    add("hand", hand.getsockname()[1])
    add("refused", closed_port)
    add("full", udp_echo.port, listener={"limits": {"maxConnections": 2}})
    add("few", udp_echo.port, {"maxSessions": 2})
    add("few-a-client", udp_echo.port, {"maxSessionsPerClient": 1})
    add("any", udp_echo.port, listener={"address": "0.0.0.0:0"})
    add("any6", udp_echo.port, listener={"address": "[::]:0"})
    add("v6", f"[::1]:{hand6.getsockname()[1]}", listener={"address": "[::1]:0"})
    return start_bridge({
        "listeners": listeners, "routes": routes, "admin": {"address": "127.0.0.1:0"}, "workers": 2,
        "shutdown": {"drain": "5s"}})


@pytest.fixture
def client(bridge):
    made = []

    def connect(name):
        made.append(udp_socket(bridge.address(name)))
        return made[-1]

    yield connect
    for sock in made:
        sock.close()


def ask(sock, data):
    sock.send(data)
    return sock.recv(65536)


def test_a_datagram_is_answered(bridge, client):
    assert ask(client("ack"), b"hello") == b"ACK"
    assert bridge.listeners["ack"][0] == "udp"


@pytest.mark.parametrize("size", [0, 1, 1472, 65507])
def test_datagrams_keep_their_borders_and_bytes(client, size):
    sock = client("echo")
    data = os.urandom(size)
    assert ask(sock, data) == data
    assert ask(sock, b"next") == b"next"


def test_an_empty_datagram_begins_a_session(client):
    assert ask(client("ack"), b"") == b"ACK"


def test_each_client_has_a_port_to_itself_and_keeps_it(client):
    socks = [client("peer") for _ in range(20)]
    ports = [ask(sock, b"?") for sock in socks]
    assert len(set(ports)) == len(socks)
    assert [ask(sock, b"?") for sock in socks] == ports


def test_answers_come_in_any_number_and_to_who_asked_alone(client, hand):
    one, two = client("hand"), client("hand")
    one.send(b"one")
    _, to_one = hand.recvfrom(100)
    two.send(b"two")
    _, to_two = hand.recvfrom(100)
    for number in range(50):
        hand.sendto(b"%d" % number, to_one)
    assert [one.recv(100) for _ in range(50)] == [b"%d" % number for number in range(50)]
    hand.sendto(b"last", to_two)
    assert two.recv(100) == b"last"
    for sock in (one, two):
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(100)


def test_what_others_send_to_a_session_s_port_is_not_passed_on(client, hand):
    sock = client("hand")
    sock.send(b"begin")
    _, session = hand.recvfrom(100)
    with udp_socket() as stranger:
        stranger.sendto(b"forged", session)
    hand.sendto(b"genuine", session)
    assert sock.recv(100) == b"genuine"


def test_a_datagram_that_is_too_long_is_dropped_and_counted_and_said(bridge, client):
    sock = client("small")
    assert ask(sock, b"x" * 512) == b"x" * 512
    sock.send(b"y" * 513)
    assert ask(sock, b"z") == b"z", "the long one neither ended the session nor came through cut"
    wait_value(bridge, 1, "rtbridge_listener_dropped_datagrams_total", listener="small", reason="too_long")
    wait_until("the log", lambda: "longer than 512 bytes (udp.maxDatagramBytes)" in bridge.errors())


def test_a_silent_session_ends_in_order_and_the_next_datagram_begins_another(bridge, client):
    sock = client("idle")
    assert ask(sock, b"x") == b"x"
    line = ("route.name=idle front=udp client.address=127.0.0.1 request.path=- status=idle failure.timeout=udp.idle "
            "back.address=127.0.0.1:")
    wait_until("the access line", lambda: line in bridge.errors())
    assert ask(sock, b"y") == b"y"
    wait_value(bridge, 2, "rtbridge_timeouts_total", route="idle", timeout="udp.idle")
    wait_value(bridge, 2, "rtbridge_requests_total", route="idle", outcome="ok")
    assert not [failure for failure in failures(bridge) if failure["route"] == "idle"]


def test_datagrams_keep_a_session_alive_from_either_side(start_bridge, hand):
    bridge = start_bridge({"listeners": {"l": UDP}, "admin": {"address": "127.0.0.1:0"}, "routes": [{
        "name": "r", "match": {"listener": "l"}, "backend": f"udp://127.0.0.1:{hand.getsockname()[1]}",
        "udp": {"idle": f"{1 * PATIENCE}s"}}], "shutdown": {"drain": "5s"}})
    with udp_socket(bridge.address("l")) as sock:
        sock.send(b"begin")
        _, session = hand.recvfrom(100)
        began = time.monotonic()
        # Longer than udp.idle from the one side, then from the other.
        while time.monotonic() - began < 1.6 * PATIENCE:
            hand.sendto(b"down", session)
            assert sock.recv(100) == b"down"
            time.sleep(0.05)
        while time.monotonic() - began < 3.2 * PATIENCE:
            sock.send(b"up")
            assert hand.recvfrom(100) == (b"up", session)
            time.sleep(0.05)
        assert value(bridge, "rtbridge_connections_total", listener="l") == 1


def test_a_back_end_that_is_not_there_is_told_of_and_the_client_may_try_again(bridge, client):
    sock = client("refused")

    def refused():
        sock.send(b"anybody?")
        return value(bridge, "rtbridge_requests_total", route="refused", outcome="refused")

    wait_until("two sessions to have failed", lambda: refused() >= 2)
    found = [failure for failure in failures(bridge) if failure["route"] == "refused"]
    assert found and "refused" in json.dumps(found[0])
    line = "route.name=refused front=udp client.address=127.0.0.1 request.path=- status=failed failure.kind=refused"
    wait_until("the access line", lambda: line in bridge.errors())
    assert "session failed" in bridge.errors()


@pytest.mark.parametrize("name, said", [
    ("full", "2 sessions are open (limits.maxConnections)"), ("few", "2 sessions are open (udp.maxSessions)"),
    ("few-a-client", "1 sessions of this client are open (udp.maxSessionsPerClient)")])
def test_no_more_sessions_than_allowed(bridge, client, name, said):
    inside = [client(name) for _ in range(1 if name == "few-a-client" else 2)]
    for sock in inside:
        assert ask(sock, b"mine") == b"mine"
    outside = client(name)
    outside.settimeout(0.3)
    for _ in range(20):
        outside.send(b"me too")
    with pytest.raises(TimeoutError):
        outside.recv(100)
    for sock in inside:
        assert ask(sock, b"still mine") == b"still mine"
    wait_value(bridge, 20, "rtbridge_listener_dropped_datagrams_total", listener=name, reason="refused")
    wait_until("the log", lambda: said in bridge.errors())
    lines = [line for line in bridge.errors().splitlines() if said in line]
    assert len(lines) < 20, "said now and then, not each time"


@pytest.mark.parametrize("name, address", [("any", "127.0.0.1"), ("any", "127.0.0.77"), ("any6", "::1"), ("any6", "127.0.0.77")])
def test_answers_come_from_the_address_that_was_asked(bridge, name, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    # A connected socket takes datagrams from that address alone.
    with udp_socket((address, bridge.address(name)[1]), family) as sock:
        assert ask(sock, b"hello") == b"hello"


def test_ipv6_on_both_sides(bridge, hand6):
    with udp_socket(bridge.address("v6"), socket.AF_INET6) as sock:
        sock.send(b"hello")
        data, session = hand6.recvfrom(100)
        assert data == b"hello"
        hand6.sendto(b"world", session)
        assert sock.recv(100) == b"world"


def test_a_client_that_cannot_be_answered_harms_nobody(bridge, client, udp_echo):
    """A source port of 0 (RFC 768: "not used") has no answer: sendmsg(2) fails."""
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
    except PermissionError:
        pytest.skip("a raw socket needs root")
    address = bridge.address("echo")
    with raw:
        raw.sendto(struct.pack(">HHHH", 0, address[1], 8 + 5, 0) + b"hello", address)
    wait_until("the datagram that cannot be sent", lambda: value(
        bridge, "rtbridge_listener_dropped_datagrams_total", listener="echo", reason="unsendable") == 1)
    assert ask(client("echo"), b"still there") == b"still there"


def test_many_clients_at_once_on_two_workers(bridge, client):
    socks = [client("echo") for _ in range(200)]
    for round_number in range(5):
        for number, sock in enumerate(socks):
            sock.send(b"%d %d" % (round_number, number))
        assert [sock.recv(100) for sock in socks] == [b"%d %d" % (round_number, number) for number in range(200)]
    inodes = {line.split()[9] for line in Path("/proc/net/udp").read_text().splitlines()[1:]
              if line.split()[1].endswith(f":{bridge.address('echo')[1]:04X}")}
    assert len(inodes) == 2, "a socket a worker"


def test_a_flood_from_ever_new_ports_takes_no_more_than_the_limit(start_bridge, udp_echo):
    """Whoever forges addresses looks like this."""
    bridge = start_bridge({
        "listeners": {"l": {**UDP, "limits": {"maxConnections": 100}}}, "admin": {"address": "127.0.0.1:0"},
        "workers": 2, "shutdown": {"drain": "5s"}, "routes": [
            {"name": "r", "match": {"listener": "l"}, "backend": f"udp://127.0.0.1:{udp_echo.port}",
             "udp": {"maxDatagramBytes": 1472}}]})
    with udp_socket(bridge.address("l")) as honest:
        assert ask(honest, b"first") == b"first"
        for number in range(5_000):
            with udp_socket() as forged:
                forged.sendto(b"x" * 1000, bridge.address("l"))
            if number % 100 == 0:
                assert ask(honest, b"%d" % number) == b"%d" % number
    assert value(bridge, "rtbridge_requests_active", route="r") == 100
    assert value(bridge, "rtbridge_listener_dropped_datagrams_total", listener="l", reason="refused") > 4_000
    assert len(bridge.errors().splitlines()) < 100 and bridge.peak_memory() < 96 << 20


def test_a_back_end_that_is_started_again_is_found_by_clients_that_stay(start_bridge, start_backend, logs):
    first = start_backend("udp_server.py", "ack")
    bridge = start_bridge({
        "listeners": {"plain": UDP, "resume": UDP}, "workers": 2, "shutdown": {"drain": "5s"},
        "routes": [{"name": name, "match": {"listener": name}, "backend": f"udp://127.0.0.1:{first.port}",
                    **({"reconnect": {"mode": "resume", "backoff": {"initial": "50ms"}}} if name == "resume" else {})}
                   for name in ("plain", "resume")]})
    with udp_socket(bridge.address("plain"), timeout=0.2) as plain, udp_socket(bridge.address("resume"), timeout=0.2) as resume:
        assert ask(plain, b"1") == b"ACK" and ask(resume, b"1") == b"ACK"
        first.kill()
        for sock in (plain, resume):
            for _ in range(3):
                sock.send(b"lost")
                with pytest.raises(TimeoutError):
                    sock.recv(100)
        second = Backend("udp_server.py", "ack", first.port, log=logs / "udp-second.log")
        try:
            for sock in (plain, resume):
                def answered():
                    sock.send(b"2")
                    try:
                        return sock.recv(100) == b"ACK"
                    except TimeoutError:
                        return False
                wait_until("an answer of the new server", answered)
        finally:
            second.kill()
    bridge.stop_orderly()
    bridge.was_stopped = True
    ends = [line for line in bridge.errors().splitlines() if "front=udp" in line and "route.name=resume" in line]
    assert len(ends) == 1 and "reconnects=" in ends[0], "one session, with new back-end sockets"


def test_a_drain_lets_answers_through_and_takes_nobody_new(start_bridge, hand):
    bridge = start_bridge({"listeners": {"l": UDP}, "workers": 2, "shutdown": {"drain": "20s"}, "routes": [
        {"match": {"listener": "l"}, "backend": f"udp://127.0.0.1:{hand.getsockname()[1]}"}]})
    with udp_socket(bridge.address("l")) as sock, udp_socket(bridge.address("l"), timeout=0.3) as late:
        sock.send(b"question")
        _, session = hand.recvfrom(100)
        bridge.signal(15)
        wait_until("the drain", lambda: "stopping: draining" in bridge.errors())
        hand.sendto(b"answer", session)
        assert sock.recv(100) == b"answer"
        sock.send(b"another")
        assert hand.recvfrom(100) == (b"another", session)
        late.send(b"new")
        with pytest.raises(OSError):    # silence, or "connection refused" where all is over by now
            late.recv(100)
    # udp.idle is a minute: the session did not wait for it.
    assert bridge.wait(20 * PATIENCE) == 0
    bridge.was_stopped = True
    assert "drain time is over" not in bridge.errors()
    assert "front=udp client.address=127.0.0.1 request.path=- status=ok" in bridge.errors()


def test_a_port_that_is_taken_is_told(start_bridge, tmp_path):
    with udp_socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        for workers in (1, 2):
            config = tmp_path / "routes.json"
            config.write_text(json.dumps({
                "listeners": {"l": {**UDP, "address": f"127.0.0.1:{port}"}}, "workers": workers,
                "routes": [{"match": {"listener": "l"}, "backend": "udp://127.0.0.1:9"}]}))
            result = subprocess.run([binary(), "--config", config], text=True, capture_output=True, timeout=DEADLINE)
            assert result.returncode == 2 and "the address is in use by another process" in result.stderr, result


def dns_query(name, number):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)


def test_dns_to_dnsmasq(start_bridge, program, tmp_path):
    """RFC 1035 §4.2.1; each question from a port of its own, as resolvers ask, more than 16 in all."""
    port = free_port_of_both()
    server = Child([program("dnsmasq"), "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null",
                    "--pid-file", f"--port={port}", "--listen-address=127.0.0.1", "--bind-interfaces",
                    "--address=/bridge.example/192.0.2.77"], tmp_path / "dnsmasq.log")
    try:
        bridge = start_bridge({
            "listeners": {"dns": UDP}, "workers": 2, "shutdown": {"drain": "5s"},
            "routes": [{"match": {"listener": "dns"}, "backend": f"udp://127.0.0.1:{port}"}]})

        def answer(number):
            with udp_socket(bridge.address("dns"), timeout=0.5) as sock:
                try:
                    return ask(sock, dns_query("www.bridge.example", number))
                except TimeoutError:
                    return None

        wait_until("dnsmasq", lambda: answer(1))
        for number in range(2, 40):
            reply = wait_until("an answer", lambda: answer(number))
            assert reply[:2] == struct.pack(">H", number) and reply.endswith(socket.inet_aton("192.0.2.77"))
    finally:
        server.kill()


@pytest.mark.parametrize("listener, route, said", [
    ({"protocols": ["udp", "h2"]}, {}, 'listeners.l.protocols: "udp" stands beside HTTP'),
    ({"protocols": ["udp", "tcp"]}, {}, 'listeners.l.protocols: "udp" stands beside "tcp"'),
    ({"tls": {"development": True}}, {}, "listeners.l.tls: udp listeners have no TLS"),
    ({"address": "unix:/x"}, {}, "listeners.l.address: udp has no Unix sockets"),
    ({"proxyProtocol": {"accept": True, "trustedProxies": ["127.0.0.1"]}}, {}, "udp listeners take no PROXY header"),
    ({}, {"match": {"protocol": "udp"}}, "routes[0].match.listener: is missing: udp has nothing else to be known by"),
    ({}, {"match": {"protocol": "tcp", "listener": "l"}}, 'routes[0].match.listener: the listener "l" speaks udp'),
    ({}, {"match": {"protocol": "udp", "listener": "h"}}, 'routes[0].match.listener: the listener "h" speaks HTTP'),
    ({}, {"match": {"listener": "l", "path": "/"}}, "routes[0].match.path: a datagram has none"),
    ({}, {"match": {"listener": "l", "serverNames": ["a"]}}, 'routes[0].match.serverNames: the listener "l" has no TLS'),
    ({}, {"match": {"listener": "l"}, "backend": "tcp://a:1"}, "udp does not fit the back-end"),
    ({}, {"match": {"listener": "h", "protocol": "websocket"}}, "listeners.l: no route takes its datagrams"),
])
def test_combinations_without_sense_are_refused(tmp_path, listener, route, said):
    config = tmp_path / "routes.json"
    config.write_text(json.dumps({"listeners": {"l": {**UDP, **listener}, "h": {"address": "127.0.0.1:0"}},
                                  "routes": [{"backend": "udp://127.0.0.1:1", **route}]}))
    result = subprocess.run([binary(), "check", "--config", config], text=True, capture_output=True, timeout=DEADLINE)
    assert said in result.stderr and result.returncode == (0 if said.startswith("listeners.l: no route") else 2), result

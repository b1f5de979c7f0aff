# rtbridge: WebSocket to UDP: one binary message is one datagram, both ways.
# SPDX-License-Identifier: Apache-2.0
import random
import socket as sockets
from pathlib import Path

import pytest

from support.library import Client
from support.waiting import DEADLINE, PATIENCE, wait_until
from support.websocket import BINARY, CLOSE, PING, PONG, Refused, WebSocket, close_payload


@pytest.fixture(scope="module")
def udp_peer(start_backend):
    return start_backend("udp_server.py", "peer")


@pytest.fixture(scope="module")
def closed_udp_port():
    """A port that refuses: the socket is connected elsewhere, so the system answers anyone else with ICMP, and the port
    stays ours."""
    with sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.connect(("127.0.0.1", 9))
        yield taken.getsockname()[1]


@pytest.fixture(scope="module")
def slow_back():
    """A UDP back-end in the test's hand."""
    with sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM) as back:
        back.bind(("127.0.0.1", 0))
        back.settimeout(DEADLINE)
        yield back


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, udp_ack, udp_echo, udp_peer, closed_udp_port, slow_back):
    def route(path, port, ping="off", **udp):
        return {"match": {"protocol": "websocket", "path": path}, "backend": f"udp://127.0.0.1:{port}", "udp": udp,
                "websocket": {"allowOrigins": ["*"], "pingInterval": ping}}
    return start_bridge(make_config([
        route("/ack", udp_ack.port), route("/echo", udp_echo.port), route("/peer", udp_peer.port),
        route("/small", udp_echo.port, maxDatagramBytes=512),
        route("/idle", udp_echo.port, idle="400ms"),
        route("/pinged", udp_echo.port, ping="200ms", idle="1s"),
        route("/few", udp_echo.port, maxSessions=2, maxSessionsPerClient=16),
        route("/few-a-client", udp_echo.port, maxSessionsPerClient=2),
        route("/refused", closed_udp_port),
        *(route(f"/{overflow}", slow_back.getsockname()[1], queueDatagrams=16, overflow=overflow)
          for overflow in ("dropOldest", "dropNewest")),
    ]))


@pytest.fixture
def open_socket(bridge, certificates):
    opened = []

    def open_one(path):
        socket = WebSocket(bridge.address("tls"), path, certificates.context())
        opened.append(socket)
        return socket

    yield open_one
    for socket in opened:
        socket.close()


def exchange(socket, data):
    socket.send(BINARY, data)
    frame = socket.read()
    assert frame.opcode == BINARY and frame.fin, frame
    return frame.payload


def test_a_udp_server_s_ack_comes_back(bridge, certificates):
    with Client(bridge.url("tls", "/ack", websocket=True), certificates.context()) as client:
        for _ in range(3):
            client.send(b"hello")
            assert client.recv() == b"ACK"


def test_a_message_is_a_datagram_and_a_datagram_a_message(open_socket):
    socket = open_socket("/echo")
    for size in (1, 2, 125, 126, 1000, 1472, 9000, 65507):
        data = random.Random(size).randbytes(size)
        assert exchange(socket, data) == data, size


def test_boundaries_stay_when_messages_come_together(open_socket):
    socket = open_socket("/echo")
    messages = [b"%d" % number * (number % 7 + 1) for number in range(40)]
    for message in messages:
        socket.send(BINARY, message)
    # UDP may lose or reorder; on loopback, at this number, it does neither.
    assert [socket.read().payload for _ in messages] == messages


def test_fragments_are_joined_to_one_datagram(open_socket):
    socket = open_socket("/echo")
    socket.send(BINARY, b"one ", fin=False)
    socket.send(0, b"data", fin=False)
    socket.send(0, b"gram", fin=True)
    assert socket.read().payload == b"one datagram"


def test_an_empty_message_is_an_empty_datagram(open_socket):
    assert exchange(open_socket("/ack"), b"") == b"ACK"


def test_a_session_keeps_its_port_and_has_it_to_itself(open_socket):
    one, two = open_socket("/peer"), open_socket("/peer")
    first = exchange(one, b"?")
    assert exchange(one, b"?") == first
    assert exchange(two, b"?") != first


def test_a_message_longer_than_a_datagram_is_refused_with_1009(open_socket):
    socket = open_socket("/small")
    assert exchange(socket, b"x" * 512) == b"x" * 512
    socket.send(BINARY, b"x" * 513)
    _, close = socket.read_until_close()
    assert close.code == 1009


def test_a_datagram_that_is_refused_closes_the_session_with_its_reason(open_socket):
    try:
        socket = open_socket("/refused")
    except Refused as refusal:
        pytest.fail(f"UDP has no handshake to fail in: {refusal}")
    socket.send(BINARY, b"anybody there?")
    _, close = socket.read_until_close()
    assert close is not None and close.code in (1011, 1013, 1014)
    assert "refused" in close.reason.lower()


def test_a_silent_session_ends(open_socket):
    socket = open_socket("/idle")
    assert exchange(socket, b"x") == b"x"
    _, close = socket.read_until_close()
    assert close is not None and close.code in (1000, 1001, 1008) and "udp.idle" in close.reason, close


def test_pongs_do_not_keep_a_session_without_datagrams(open_socket):
    socket = open_socket("/pinged")
    pings = 0
    while (frame := socket.read()).opcode == PING:
        pings += 1
        assert pings < 50, "the session does not end"
        socket.send(PONG, frame.payload)
    assert pings and frame.opcode == CLOSE and "udp.idle" in frame.reason, frame


def refuses(open_socket, path):
    """Whether a further session is refused: before the 101, or right after it by a close with a policy's code."""
    try:
        socket = open_socket(path)
    except Refused as refusal:
        assert refusal.reply.status in (429, 503)
        return True
    _, close = socket.read_until_close()
    assert close.code in (1008, 1013)
    return True


@pytest.mark.parametrize("path", ["/few", "/few-a-client"])
def test_no_more_sessions_than_allowed_and_a_place_that_is_free_is_given_again(open_socket, path):
    sockets_open = [open_socket(path) for _ in range(2)]
    for socket in sockets_open:
        assert exchange(socket, b"mine") == b"mine"
    assert refuses(open_socket, path)
    for socket in sockets_open:
        assert exchange(socket, b"still mine") == b"still mine"
    leaving = sockets_open.pop()
    leaving.send(CLOSE, close_payload(1000))
    leaving.read_until_close()

    def enters():
        try:
            return open_socket(path)
        except Refused:
            return None

    assert exchange(wait_until("a free place", enters), b"next") == b"next"
    # The module's other parameter uses a route of its own; leave this one as it was.
    for socket in sockets_open:
        socket.send(CLOSE, close_payload(1000))


@pytest.mark.parametrize("overflow", ["dropOldest", "dropNewest"])
def test_a_client_that_is_slow_loses_datagrams_and_the_bridge_stays_small(bridge, certificates, slow_back, overflow):
    socket = WebSocket(bridge.address("tls"), f"/{overflow}", certificates.context(), receive_buffer=1 << 16)
    socket.send(BINARY, b"begin")
    _, peer = slow_back.recvfrom(100)
    count = 30_000
    for number in range(count):
        slow_back.sendto(b"%08d" % number + b"." * 1392, peer)
        if number % 500 == 0:
            # Not faster than the bridge reads: what the system's own buffer loses says nothing about the bridge.
            wait_until("the bridge to have read", lambda: not unread(peer))
    for _ in range(30):
        wait_until("the bridge to have read", lambda: not unread(peer))
        slow_back.sendto(b"END" + b"." * 1397, peer)
    numbers, ended = [], False
    while True:
        try:
            payload = socket.read(0.5 * PATIENCE).payload
        except TimeoutError:
            break
        if payload.startswith(b"END"):
            ended = True
        else:
            numbers.append(int(payload[:8]))
    assert numbers[0] == 0 and numbers == sorted(set(numbers)), "in order, each once, from the first on"
    assert len(numbers) < count, "nothing was dropped"
    # The oldest are dropped: the newest is there. The newest are dropped: it is not, what was there first is.
    assert ended == (overflow == "dropOldest")
    assert bridge.peak_memory() < 64 << 20
    socket.close()


def unread(address):
    """The bytes that the system keeps for the bridge's UDP socket at `address`: rx_queue of /proc/net/udp."""
    port = f":{address[1]:04X}"
    for line in Path("/proc/net/udp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(port):
            return int(fields[4].split(":")[1], 16)
    raise AssertionError(f"no UDP socket at {address}")


def test_a_text_message_is_refused_or_sent_as_a_datagram(open_socket):
    socket = open_socket("/echo")
    socket.send(1, b"text")
    frame = socket.read()
    assert (frame.opcode == CLOSE and frame.code == 1003) or frame.payload == b"text"

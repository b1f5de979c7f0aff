# rtbridge: however a session ends, and whoever ends it first: what was received in full is delivered, to the byte.
# SPDX-License-Identifier: Apache-2.0
import os
import random
import re
import signal
import threading
import time
import zlib

import pytest

from support.http1 import Http1
from support.http2 import ConnectionLost
from support.http2 import connect as connect_http2
from support.tcp import ScriptedTCP
from support.waiting import DEADLINE, wait_still, wait_until
from support.websocket import BINARY, CLOSE, CONTINUATION, WebSocket, close_payload, encode
from support.websocket_http2 import StreamSocket
from support.websocket_server import ScriptedWebSocket
from support.wire import Wire

# More than the kernel keeps for a peer that does not read (tcp_wmem and tcp_rmem have 4 and 6 MiB).
MUCH = 16 << 20
SLOW = {"receive_buffer": 4096}


class Backs:
    def __init__(self):
        self.tcp, self.websocket, self.http = ScriptedTCP(), ScriptedWebSocket(), ScriptedTCP()
        self.slow = ScriptedTCP(receive_buffer=4096)

    def close(self):
        for server in (self.tcp, self.websocket, self.http, self.slow):
            server.close()


@pytest.fixture(scope="module")
def backs():
    servers = Backs()
    yield servers
    servers.close()


def configuration(make_config, certificates, backs, drain="5s"):
    tcp = {"address": "127.0.0.1:0", "protocols": ["tcp"]}

    def stream(name, listener, **more):
        return {"name": name, "match": {"protocol": "tcp", "listener": listener},
                "backend": f"tcp://127.0.0.1:{backs.tcp.port}", **more}

    def websocket(name, backend, **more):
        return {"name": name, "match": {"protocol": "websocket", "path": f"/{name}"}, "backend": backend,
                "websocket": {"allowOrigins": ["*"], "pingInterval": "off", "compression": "on"}, **more}

    config = make_config([
        stream("plain", "plain"), stream("secure", "secure"), stream("both-ends", "both-ends", tcp={"halfClose": False}),
        stream("patient", "patient", timeouts={"idle": "1s"}),
        websocket("ws-tcp", f"tcp://127.0.0.1:{backs.tcp.port}"),
        websocket("ws-slow", f"tcp://127.0.0.1:{backs.slow.port}"),
        websocket("ws-ws", f"ws://127.0.0.1:{backs.websocket.port}"),
        websocket("ws-resumed", f"tcp://127.0.0.1:{backs.tcp.port}",
                  reconnect={"mode": "resume", "backoff": {"initial": "700ms", "jitter": 0}}),
        {"name": "http", "match": {"protocol": "http", "pathPrefix": "/http/"},
         "backend": f"http://127.0.0.1:{backs.http.port}"},
    ], drain=drain)
    config["listeners"] |= {
        "plain": tcp, "secure": {**tcp, "tls": certificates.listener()}, "both-ends": tcp, "patient": tcp}
    return config


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, certificates, backs):
    return start_bridge(configuration(make_config, certificates, backs))


def assert_same(received, sent):
    """Without the difference of megabytes in the report."""
    assert len(received) == len(sent)
    is_same = received == sent
    assert is_same, "the bytes are others"


def in_background(*steps):
    def run():
        for step in steps:
            try:
                step()
            except (OSError, TimeoutError, ConnectionLost):
                return

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def push_until_full(wire):
    """Sends random bytes until the bridge, whose client does not read, takes no more; returns what went."""
    sent, block = bytearray(), random.Random(len(str(wire))).randbytes(1 << 16)

    def push():
        # Each block is told from the others by its number.
        piece = (len(sent) >> 3).to_bytes(8, "big") + block[8:]
        count = wire.send_some(piece, 0)
        sent.extend(piece[:count])
        return len(sent)

    wait_still("the back-end's writes", push)
    return bytes(sent)


def access_line(bridge, route, begin, path=""):
    """The access line of the route's session that ended after `begin` characters of the log."""
    pattern = re.compile(rf"route\.name={route} .*{path}.*")
    found = wait_until(f"the access line of {route}", lambda: [
        line for line in pattern.findall(bridge.errors()[begin:]) if "bytes.out=" in line])
    return {key: value for key, _, value in (word.partition("=") for word in found[-1].split()) if value}


# A TCP client.

@pytest.fixture(params=["plain", "secure"])
def tcp_client(request, bridge, certificates):
    opened = []

    def connect(**options):
        context = certificates.context() if request.param == "secure" else None
        opened.append(Wire.connect(bridge.address(request.param), context, **options))
        return request.param, opened[-1]

    yield connect
    for wire in opened:
        wire.close()


def test_a_slow_tcp_client_gets_all_that_came_before_the_back_end_reset(bridge, backs, tcp_client):
    route, client = tcp_client(**SLOW)
    server, begin = backs.tcp.take(), len(bridge.errors())
    sent = push_until_full(server)
    server.abort()
    wait_until("the failure in the log", lambda: "session failed" in bridge.errors()[begin:])
    # Longer than any of the bridge's times for a client that has taken everything.
    time.sleep(3)
    received = client.read_to_end()
    line = access_line(bridge, route, begin)
    assert "failure.kind" in line and len(received) == int(line["bytes.out"]) > 1 << 18
    assert_same(received, sent[:len(received)])


def test_a_tcp_client_that_never_reads_is_let_go_of(bridge, backs):
    client = Wire.connect(bridge.address("patient"), **SLOW)
    server, begin = backs.tcp.take(), len(bridge.errors())
    try:
        push_until_full(server)
        server.abort()
    except ConnectionError:
        pass    # the session was silent for too long
    assert "failure.kind" in access_line(bridge, "patient", begin)
    client.close()


def test_a_tcp_client_that_ends_its_side_second_still_gets_everything(backs, tcp_client):
    route, client = tcp_client(**SLOW)
    server, sent = backs.tcp.take(), os.urandom(MUCH)
    in_background(lambda: server.send(sent), server.finish)
    client.send(b"last words")
    if route == "plain":
        client.finish()
    assert_same(client.read_to_end(), sent)
    # And the other way round: the back-end has ended its side first, and hears the client out.
    if route == "secure":
        client.finish()
    assert server.read_to_end() == b"last words"


@pytest.mark.parametrize("route", ["plain", "both-ends"])
def test_a_slow_back_end_that_has_ended_its_side_still_gets_what_the_client_had_said(bridge, backs, route):
    client = Wire.connect(bridge.address(route))
    server, begin = backs.tcp.take(), len(bridge.errors())
    sent = push_until_full(client)
    if route == "plain":
        client.finish()
    server.finish()
    assert client.receive() == b""
    received = server.read_to_end()
    client.close()
    # With one end for both sides, what the bridge had not read when the back-end ended is nobody's.
    count = len(sent) if route == "plain" else int(access_line(bridge, route, begin)["bytes.in"])
    assert count > 1 << 18
    assert_same(received, sent[:count])


def test_one_end_for_both_sides_loses_nothing_that_had_come(bridge, backs):
    client = Wire.connect(bridge.address("both-ends"), **SLOW)
    server, begin = backs.tcp.take(), len(bridge.errors())
    sent = push_until_full(server)
    client.send(b"bye")
    client.finish()
    server_got = []
    reader = in_background(lambda: server_got.append(server.read_to_end()))
    received = client.read_to_end()
    reader.join(DEADLINE)
    assert server_got == [b"bye"]
    assert len(received) == int(access_line(bridge, "both-ends", begin)["bytes.out"]) > 1 << 18
    assert_same(received, sent[:len(received)])


def test_a_tls_client_without_a_close_notify_loses_nothing_of_what_it_sent(bridge, backs, certificates):
    client = Wire.connect(bridge.address("secure"), certificates.context())
    sent = os.urandom(3_000_000)
    server = backs.tcp.take()
    # Python's shutdown of a TLS socket is TCP's alone.
    in_background(lambda: client.send(sent), client.finish)
    assert_same(server.read_to_end(), sent)
    client.close()


# A WebSocket client. What is inflated waits in the bridge for a back-end that is slow.

def deflated(count):
    """`count` messages of 64 KiB, each a few dozen bytes on the wire, and what they hold."""
    compressor, raw, data = zlib.compressobj(9, wbits=-15), b"", b""
    for number in range(count):
        message = number.to_bytes(4, "big") * (1 << 14)
        data += message
        piece = compressor.compress(message) + compressor.flush(zlib.Z_SYNC_FLUSH)
        raw += encode(BINARY, piece[:-4], rsv=4)
    return raw, data


class H1Front:
    def __init__(self, bridge, path, extensions="permessage-deflate"):
        self.socket = WebSocket(bridge.address("clear"), path, extensions=extensions)
        self.send, self.finish = self.socket.send_raw, self.socket.wire.finish
        self.reset, self.close = self.socket.wire.abort, self.socket.close


class H2Front:
    def __init__(self, bridge, path, extensions="permessage-deflate"):
        self.connection = connect_http2(bridge.address("clear"))
        headers = [("sec-websocket-extensions", extensions)] if extensions else []
        self.socket = StreamSocket(self.connection, path, headers=headers, waits=False)
        self.close = self.connection.close

    def send(self, raw):
        self.socket.wait_open()
        self.socket.stream.send_data(raw)

    def finish(self):
        self.socket.stream.send_data(b"", end=True)

    def reset(self):
        self.socket.stream.send_reset(8)


@pytest.mark.parametrize("end", ["finish", "reset", "close"])
@pytest.mark.parametrize("front", [H1Front, H2Front], ids=["h1", "h2"])
def test_what_is_inflated_reaches_a_slow_tcp_back_end_whatever_the_client_does(bridge, backs, front, end):
    raw, data = deflated(250)
    client = front(bridge, "/ws-slow")
    server = backs.slow.take()
    client.send(raw)
    if end == "close":
        client.send(encode(CLOSE, close_payload(1000)))
        client.finish()
    else:
        # The bridge has it all once what it inflated of it reaches the back-end.
        server.socket.settimeout(DEADLINE)
        wait_until("the first bytes", lambda: server.socket.recv(1, 2))
        server.socket.setblocking(False)
        getattr(client, end)()
    received = server.read_to_end()
    assert_same(received, data)
    client.close()


@pytest.mark.parametrize("end", ["finish", "reset", "close"])
@pytest.mark.parametrize("front", [H1Front, H2Front], ids=["h1", "h2"])
def test_what_is_inflated_reaches_a_slow_websocket_back_end(bridge, backs, front, end):
    raw, data = deflated(250)
    opened = []
    opener = in_background(lambda: opened.append(front(bridge, "/ws-ws")))
    back = backs.websocket.open()
    opener.join(DEADLINE)
    client = opened[0]
    client.send(raw)
    first = back.read().payload
    if end == "close":
        client.send(encode(CLOSE, close_payload(4001, b"done")))
        client.finish()
    else:
        getattr(client, end)()
    frames, rest = back.read_to_end()
    received = first + b"".join(frame.payload for frame in frames if frame.opcode in (BINARY, CONTINUATION))
    assert_same(received, data)
    assert not rest
    assert frames[-1].opcode == CLOSE and frames[-1].code == (4001 if end == "close" else 1001)
    client.close()


@pytest.mark.parametrize("end", ["close", "finish", "reset"])
def test_what_is_inflated_of_a_back_end_reaches_a_slow_client(bridge, backs, end):
    opened = []
    opener = in_background(lambda: opened.append(
        WebSocket(bridge.address("clear"), "/ws-ws", extensions=None, **SLOW)))
    back = backs.websocket.open(headers=[("Sec-WebSocket-Extensions", "permessage-deflate")])
    opener.join(DEADLINE)
    client = opened[0]
    raw, data = deflated(250)
    back.send_raw(unmasked(raw) + (encode(CLOSE, close_payload(4002, b"enough"), mask=None) if end == "close" else b""))
    first = client.read()
    back.wire.abort() if end == "reset" else back.wire.finish()
    received, close = client.read_until_close()
    received = first.payload + received
    assert_same(received, data)
    assert close.code == (4002 if end == "close" else 1012) or end != "close"
    client.close()


def unmasked(raw):
    """The same frames as a server's."""
    result, at = bytearray(), 0
    while at < len(raw):
        length, start = raw[at + 1] & 0x7F, at + 2
        if length == 126:
            length, start = int.from_bytes(raw[start:start + 2], "big"), start + 2
        mask, body = raw[start:start + 4], raw[start + 4:start + 4 + length]
        payload = bytes(byte ^ mask[index % 4] for index, byte in enumerate(body))
        result += encode(BINARY, payload, rsv=4, mask=None)
        at = start + 4 + length
    return bytes(result)


@pytest.mark.parametrize("front", [H1Front, H2Front], ids=["h1", "h2"])
def test_a_slow_websocket_client_gets_everything_before_the_close_frame(bridge, backs, front):
    client = front(bridge, "/ws-tcp", extensions=None)
    if front is H2Front:
        client.socket.stream.is_held = True
    server = backs.tcp.take()
    sent = push_until_full(server)
    server.finish()
    # Longer than the closing handshake is waited for (RFC 6455 §7.1.1), and than a closed tunnel lingers.
    time.sleep(13)
    if front is H1Front:
        received, close = client.socket.read_until_close()
    else:
        stream = client.socket.stream
        stream.release()
        stream.wait("the end", lambda: stream.ended or stream.reset is not None)
        *frames, close = client.socket.frames()
        received = b"".join(frame.payload for frame in frames)
    assert_same(received, sent)
    assert close.opcode == CLOSE and close.code == 1000
    client.close()


def test_a_message_for_a_back_end_that_is_away_outlives_its_client(bridge, backs):
    client = WebSocket(bridge.address("clear"), "/ws-resumed")
    first, begin = backs.tcp.take(), len(bridge.errors())
    client.send(BINARY, b"one")
    assert first.receive() == b"one"
    first.abort()
    wait_until("the loss", lambda: "back-end lost" in bridge.errors()[begin:])
    client.send(BINARY, b"two")
    client.send(CLOSE, close_payload(1000))
    assert client.read().opcode == CLOSE
    client.close()
    second = backs.tcp.take()
    assert second.read_to_end() == b"two"


# Shutdown.

@pytest.mark.parametrize("compresses", [False, True], ids=["plain", "deflated"])
def test_a_drain_waits_for_what_clients_said_last(start_bridge, make_config, certificates, backs, compresses):
    bridge = start_bridge(configuration(make_config, certificates, backs, drain="25s"))
    raw, data = deflated(250)
    if not compresses:
        raw, data = encode(BINARY, data[:1 << 20]), data[:1 << 20]
    client = H1Front(bridge, "/ws-slow")
    server = backs.slow.take()
    writer = in_background(lambda: client.send(raw), lambda: client.send(encode(CLOSE, close_payload(1000))),
                           client.finish)
    server.socket.settimeout(DEADLINE)
    wait_until("the first bytes", lambda: server.socket.recv(1, 2))
    server.socket.setblocking(False)
    bridge.signal(signal.SIGTERM)
    wait_until("the drain", lambda: is_refused(bridge.address("clear")))
    received = server.read_to_end()
    writer.join(DEADLINE)
    assert_same(received, data)
    client.close()
    assert bridge.wait(DEADLINE) == 0
    bridge.was_stopped = True


def is_refused(address):
    try:
        Wire.connect(address).close()
    except ConnectionError:
        return True
    return False


# HTTP.

def head_of(server):
    data = b""
    while b"\r\n\r\n" not in data:
        data += server.receive()
    return data


@pytest.mark.parametrize("version", ["h1", "h2"])
def test_an_early_answer_reaches_the_client_though_the_rest_of_the_request_cannot_be_sent(bridge, backs, version):
    """RFC 9112 §9.6: the back-end answers, and closes with the request unread, which is a reset."""
    body = os.urandom(20_000)    # what a peer that has said nothing yet is sent at once
    for _ in range(10):
        if version == "h1":
            client = Http1(bridge.address("clear"))
            client.send_head("POST", "/http/upload", [("content-length", str(MUCH))])
            writer = in_background(lambda: client.send(bytes(MUCH)))
        else:
            client = connect_http2(bridge.address("clear"))
            stream = client.open([(":method", "POST"), (":scheme", "http"), (":authority", "localhost"),
                                  (":path", "/http/upload")])
            writer = in_background(lambda: stream.send_data(bytes(MUCH)))
        server = backs.http.take()
        head_of(server)
        server.send(b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 20000\r\nconnection: close\r\n\r\n" + body)
        server.close()
        if version == "h1":
            reply = client.read_reply()
            status, received = reply.status, bytes(reply.body)
        else:
            stream.wait("the end", lambda: stream.ended or stream.reset is not None)
            status, received = int(stream.header(":status")), bytes(stream.body)
        assert status == 413 and received == body
        client.close()
        writer.join(DEADLINE)


def test_a_slow_client_gets_all_of_an_answer_that_breaks_off(bridge, backs):
    client = Http1(bridge.address("clear"), **SLOW)
    client.send_head("GET", "/http/long", [])
    server, begin = backs.http.take(), len(bridge.errors())
    head_of(server)
    server.send(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
    sent = push_until_full(server)
    server.abort()
    line = access_line(bridge, "http", begin, "request.path=/http/long ")
    # Longer than a connection lingers that has nothing more to say.
    time.sleep(3)
    reply = client.read_head()
    received = client.take() + client.wire.read_to_end()
    assert reply.status == 200 and len(received) == int(line["bytes.out"]) > 1 << 18
    assert_same(received, sent[:len(received)])
    client.close()

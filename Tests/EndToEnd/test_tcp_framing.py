# rtbridge: messages in a TCP byte stream: lines, lengths, text; and noVNC's subprotocols.
# SPDX-License-Identifier: Apache-2.0
import base64
import json
import os
import struct
import subprocess

import pytest
from websockets.sync.client import connect

from support.bridge import binary
from support.tcp import ScriptedTCP
from support.waiting import DEADLINE
from support.websocket import BINARY, CLOSE, CONTINUATION, TEXT, WebSocket, close_payload


@pytest.fixture(scope="module")
def back():
    server = ScriptedTCP()
    yield server
    server.close()


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, back):
    def route(name, **more):
        return {"name": name, "match": {"protocol": "websocket", "path": f"/{name}"},
                "backend": f"tcp://127.0.0.1:{back.port}", **more}

    small = {"maxMessageBytes": 1000}
    return start_bridge(make_config([
        route("line", tcp={"framing": "line"}, websocket=small),
        route("length32", tcp={"framing": "length32"}, websocket=small),
        route("text", tcp={"framing": "text"}, websocket=small),
        route("notify", tcp={"framing": "line"}, websocket=small, reconnect={"mode": "notify", "backoff": {"initial": "50ms"}}),
        route("vnc", websocket={"subprotocols": ["binary", "base64"]}),
        route("deflate", tcp={"framing": "line"}, websocket={"compression": "on"}),
        route("mqtt", websocket={"subprotocols": ["mqtt"]}),
    ]))


@pytest.fixture
def session(bridge, back):
    opened = []

    def open(path, **options):
        client = WebSocket(bridge.address("clear"), f"/{path}", **options)
        opened.append(client)
        return client, back.take()

    yield open
    for client in opened:
        client.close()


def exactly(wire, count):
    data = b""
    while len(data) < count:
        piece = wire.receive(DEADLINE)
        assert piece, f"the connection ended after {data!r}"
        data += piece
    assert len(data) == count
    return data


def messages(client, count):
    frames = [client.read() for _ in range(count)]
    return [(frame.opcode, frame.payload) for frame in frames]


def test_a_message_is_a_line(session):
    client, server = session("line")
    client.send(TEXT, b"one")
    client.send(BINARY, b"two\n")
    client.send(TEXT, b"thr", fin=False)
    client.send(CONTINUATION, b"ee")
    assert exactly(server, 14) == b"one\ntwo\nthree\n"
    for piece in (b"al", b"pha\r\nbeta\n\n", "g\u00e4m".encode()[:2], "g\u00e4m".encode()[2:] + b"ma\n"):
        server.send(piece)
    assert messages(client, 4) == [(TEXT, b"alpha"), (TEXT, b"beta"), (TEXT, b""), (TEXT, "g\u00e4mma".encode())]
    server.send(b"the last one")
    server.finish()
    assert messages(client, 1) == [(TEXT, b"the last one")]
    assert client.read().code == 1000


def test_a_message_has_its_length_before_it(session):
    client, server = session("length32")
    client.send(BINARY, b"ab", fin=False)
    client.send(CONTINUATION, b"c")
    client.send(BINARY, b"")
    assert exactly(server, 11) == b"\0\0\0\3abc\0\0\0\0"
    payload = os.urandom(1000)
    data = struct.pack(">I", 1000) + payload + struct.pack(">I", 0) + struct.pack(">I", 1) + b"z"
    for start in range(0, len(data), 7):
        server.send(data[start:start + 7])
    assert messages(client, 3) == [(BINARY, payload), (BINARY, b""), (BINARY, b"z")]
    server.finish()
    assert client.read().code == 1000


def test_text_is_cut_between_characters(session):
    client, server = session("text")
    client.send(TEXT, "gr\u00fc\u00df dich".encode())
    assert exactly(server, 11) == "gr\u00fc\u00df dich".encode()
    text = "\u20ac \u00e9 \U0001f600!" * 20
    for byte in text.encode():
        server.send(bytes([byte]))
    received = b""
    while len(received) < len(text.encode()):
        frame = client.read()
        assert frame.opcode == TEXT
        received += frame.payload
        frame.payload.decode()      # whole characters in each message
    assert received.decode() == text


@pytest.mark.parametrize("path, data, reason", [
    ("line", b"x" * 1002, "longer than websocket.maxMessageBytes"), ("line", b"\xff\n", "not UTF-8"),
    ("length32", b"\0\0\3\xe9", "longer than websocket.maxMessageBytes"),
    ("length32", b"\xff\xff\xff\xff", "longer than websocket.maxMessageBytes"), ("text", b"a\xc0\x80", "not UTF-8"),
])
def test_a_back_end_that_breaks_the_framing_ends_the_session(session, path, data, reason):
    client, server = session(path)
    server.send(data)
    close = client.read()
    assert close.opcode == CLOSE and close.code == 1014 and reason in close.reason


@pytest.mark.parametrize("path, data", [("length32", b"\0\0\0\5abc"), ("text", "\u20ac".encode()[:2])])
def test_an_end_inside_a_message_is_told(session, path, data):
    client, server = session(path)
    server.send(data)
    server.finish()
    close = client.read()
    assert close.code == 1014 and "ended inside a message" in close.reason


def test_half_a_line_of_a_lost_back_end_is_not_taken_for_the_next_one_s(session, back):
    client, server = session("notify")
    server.send(b"whole\nhalf")
    assert messages(client, 1) == [(TEXT, b"whole")]
    server.abort()
    second = back.take()
    second.send(b"new\n")
    assert messages(client, 1) == [(TEXT, b"new")]


def test_lines_are_compressed_where_both_sides_agree(bridge, back):
    """RFC 7692 §7.2.1: each message by itself, empty ones as well."""
    host, port = bridge.address("clear")
    with connect(f"ws://{host}:{port}/deflate", compression="deflate") as client:
        server = back.take()
        assert client.protocol.extensions, "permessage-deflate was not agreed on"
        client.send("compress me " * 100)
        assert exactly(server, 1201) == b"compress me " * 100 + b"\n"
        server.send(b"line \n\n" + b"again " * 500 + b"\nla" + b"st\n")
        assert [client.recv(DEADLINE) for _ in range(4)] == ["line ", "", "again " * 500, "last"]


# noVNC: its handshake, and RFB's (RFC 6143 §7.1.1) through it.

@pytest.mark.parametrize("offer, chosen", [
    (["binary"], "binary"), (["base64"], "base64"), (["binary", "base64"], "binary"), (["base64", "binary"], "binary"),
])
def test_novnc_s_handshake(session, offer, chosen):
    client, server = session("vnc", subprotocols=offer)
    assert client.subprotocol == chosen
    server.send(b"RFB 003.008\n")
    frame = client.read()
    if chosen == "base64":
        assert (frame.opcode, base64.b64decode(frame.payload)) == (TEXT, b"RFB 003.008\n")
        client.send(TEXT, base64.b64encode(b"RFB 003.008\n"))
    else:
        assert (frame.opcode, frame.payload) == (BINARY, b"RFB 003.008\n")
        client.send(BINARY, b"RFB 003.008\n")
    assert exactly(server, 12) == b"RFB 003.008\n"


def test_base64_carries_all_bytes_and_refuses_what_is_none(session):
    client, server = session("vnc", subprotocols=["base64"])
    data = os.urandom(200_000)
    for start in range(0, len(data), 30_001):
        client.send(TEXT, base64.b64encode(data[start:start + 30_001]))
    assert exactly(server, len(data)) == data
    server.send(data)
    received = b""
    while len(received) < len(data):
        received += base64.b64decode(client.read().payload, validate=True)
    assert received == data
    client.send(TEXT, b"no base64!")
    close = client.read()
    assert close.code == 1007 and "not base64" in close.reason


def test_mqtt_is_answered_where_it_is_allowed(session):
    client, _ = session("mqtt", subprotocols=["mqttv3.1", "mqtt"])
    assert client.subprotocol == "mqtt"
    client, _ = session("line", subprotocols=["mqtt"])
    assert client.subprotocol is None


@pytest.mark.parametrize("route, said", [
    ({"backend": "tcp://a:1", "tcp": {"framing": "lines"}}, 'routes[0].tcp.framing: "lines" is not known here'),
    ({"backend": "tcp://a:1", "tcp": {"framing": "line"}, "websocket": {"subprotocols": ["base64"]}},
     'routes[0].websocket.subprotocols[0]: "base64" beside tcp.framing "line"'),
    ({"backend": "udp://a:1", "websocket": {"subprotocols": ["binary", "base64"]}},
     'routes[0].websocket.subprotocols[1]: "base64" is a byte stream, which udp has not'),
])
def test_combinations_without_sense_are_refused(tmp_path, route, said):
    config = tmp_path / "routes.json"
    config.write_text(json.dumps({"listeners": {"l": {"address": "127.0.0.1:0"}}, "routes": [route]}))
    result = subprocess.run([binary(), "check", "--config", config], text=True, capture_output=True, timeout=DEADLINE)
    assert result.returncode == 2 and said in result.stderr, result

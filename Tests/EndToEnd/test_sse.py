# rtbridge: sessions and calls as server-sent events, for networks that let no WebSocket through.
# SPDX-License-Identifier: Apache-2.0
import base64
import json
import os
import socket

import pytest

from support.http1 import Http1, exchange
from support.tcp import ScriptedTCP, refused_port
from support.waiting import DEADLINE, wait_still, wait_until


@pytest.fixture(scope="module")
def raw():
    server = ScriptedTCP()
    yield server
    server.close()


@pytest.fixture(scope="module")
def site(start_backend):
    return start_backend("site.py")


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, tcp_echo, udp_echo, greeter, raw, site):
    refused, port = refused_port()
    scripted = f"tcp://127.0.0.1:{raw.port}"

    def route(path, backend, **sse):
        return {"match": {"protocol": "sse", "path": path}, "backend": backend, "sse": sse}

    started = start_bridge(make_config([
        route("/echo", f"tcp://127.0.0.1:{tcp_echo.port}"),
        route("/udp", f"udp://127.0.0.1:{udp_echo.port}"),
        route("/raw", scripted, keepAlive="off"),
        route("/text", scripted, data="text", keepAlive="off"),
        route("/short", scripted, resume="300ms", maxSessions=2, maxMessageBytes=10),
        route("/lively", scripted, keepAlive="100ms"),
        route("/small", scripted, replayBytes="64KiB", keepAlive="off"),
        route("/refused", f"tcp://127.0.0.1:{port}"),
        {"match": {"protocol": "sse", "path": "/cors"}, "backend": f"tcp://127.0.0.1:{tcp_echo.port}",
         "cors": {"allowOrigins": ["https://app.example"]}},
        {"match": {"protocol": "sse", "service": "helloworld.Greeter"}, "backend": f"grpc://127.0.0.1:{greeter.port}"},
        {"match": {"protocol": "http"}, "backend": f"http://127.0.0.1:{site.port}"},
    ]))
    yield started
    refused.close()


class Events:
    """An EventSource of its own: the connection to one stream, its last id kept for the next one."""

    def __init__(self, bridge, path, headers=(), expected=200):
        self.bridge, self.path, self.headers = bridge, path, list(headers)
        self.last_id, self.session = None, None
        self.status = self.connect()
        assert self.status == expected, self.reply

    def connect(self):
        self.http = Http1(self.bridge.address("clear"))
        headers = [("accept", "text/event-stream"), *self.headers]
        if self.last_id is not None:
            headers.append(("last-event-id", self.last_id))
        self.http.send_head("GET", self.path, headers)
        self._buffer = ""
        self.reply = self.http.read_head()
        if self.reply.status != 200:
            return self.reply.status
        assert self.reply.header("content-type") == "text/event-stream"
        if self.last_id is None:
            kind, data = self.read()
            assert kind == "rtbridge.session"
            self.session = json.loads(data)["session"]
        return 200

    def read(self, deadline=DEADLINE):
        """(type, data) of the next event; None at the stream's end. Comments and events without data are passed over."""
        while True:
            while "\n\n" not in self._buffer:
                piece = self.http.read_piece(self.reply, deadline)
                if not piece:
                    return None
                self._buffer += piece.decode()
            block, _, self._buffer = self._buffer.partition("\n\n")
            kind, data = "message", []
            for line in block.split("\n"):
                name, _, value = line.partition(": ")
                if name == "data":
                    data.append(value)
                elif name == "event":
                    kind = value
                elif name == "id":
                    self.last_id = value
                elif name == "":
                    self.comments = getattr(self, "comments", 0) + 1
            if data:
                return kind, "\n".join(data)

    def read_bytes(self, count):
        data = b""
        while len(data) < count:
            kind, text = self.read()
            assert kind == "message", (kind, text)
            data += base64.b64decode(text)
        return data

    def post(self, body, method="POST", session=None, headers=()):
        return exchange(self.bridge.address("clear"), method,
                        f"{self.path}?rtbridge-session={session or self.session}", headers, body)

    def drop(self):
        self.http.wire.abort()

    def close(self):
        self.http.close()


# Reading and writing.

def test_a_tcp_session_is_read_as_events_and_written_by_post(bridge):
    events = Events(bridge, "/echo")
    assert len(events.session) == 32 and events.last_id == f"{events.session}.0"
    for number in range(1, 20):
        body = os.urandom(number * 100)
        reply = events.post(body)
        assert (reply.status, bytes(reply.body)) == (204, b"")
        assert events.read_bytes(len(body)) == body
    events.close()


def test_text_is_text_wherever_it_is_cut(bridge, raw):
    events = Events(bridge, "/text")
    back = raw.take()
    text = "grüße 😀\r\nline two\n\nend"
    for byte in text.encode():
        back.send(bytes([byte]))
    received = ""
    while received != text.replace("\r\n", "\n"):
        kind, data = events.read()
        assert kind == "message"
        received += data
        assert text.replace("\r\n", "\n").startswith(received), received
    events.close()


def test_a_post_is_one_datagram_and_so_is_an_event(bridge):
    events = Events(bridge, "/udp")
    for body in (b"one", b"two" * 400, b"three"):
        assert events.post(body).status == 204
        kind, data = events.read()
        assert (kind, base64.b64decode(data)) == ("message", body)
    events.close()


def test_a_grpc_stream_is_read_as_events(bridge, modules):
    import helloworld_pb2
    message = base64.urlsafe_b64encode(helloworld_pb2.HelloRequest(name="Wörld?").SerializeToString()).decode()
    events = Events(bridge, f"/helloworld.Greeter/SayHelloStreamReply?message={message}")
    replies = []
    while (event := events.read())[0] == "message":
        replies.append(helloworld_pb2.HelloReply.FromString(base64.b64decode(event[1])).message)
    assert replies and all("Wörld?" in reply for reply in replies)
    assert event[0] == "rtbridge.end" and json.loads(event[1])["code"] == 0
    assert events.read() is None
    assert events.connect() == 204, "an EventSource that has had all of it comes back no more"


def test_a_grpc_error_is_told_at_the_end(bridge):
    events = Events(bridge, "/helloworld.Greeter/NoSuchMethod")
    kind, data = events.read()
    assert kind == "rtbridge.end" and json.loads(data)["code"] == 12
    bad = exchange(bridge.address("clear"), "GET", "/helloworld.Greeter/SayHello?message=%25%25",
                   [("accept", "text/event-stream")])
    assert bad.status == 400


# Coming back.

def test_a_client_that_comes_back_misses_nothing(bridge, raw):
    """On whichever of the two workers its next connection lands."""
    events = Events(bridge, "/raw")
    back = raw.take()
    sent = received = 0
    for turn in range(30):
        for _ in range(5):
            back.send(sent.to_bytes(4, "big") * 50)
            sent += 1
        if turn % 3 == 0:
            received += len(events.read_bytes(200)) // 200
        events.drop()
        assert events.connect() == 200
        # Pieces of a byte stream have no borders: what is left of the last number comes first.
        block = events.read_bytes(200 * (sent - received))
        numbers = [int.from_bytes(block[index:index + 4], "big") for index in range(0, len(block), 200)]
        assert numbers == list(range(received, sent)), (turn, numbers)
        received = sent
    assert events.post(b"still the same session").status == 204
    assert back.receive() == b"still the same session"
    events.close()


def test_the_back_end_stops_while_nobody_is_there(bridge, raw):
    events = Events(bridge, "/small")
    back = raw.take()
    back.send(b"first")
    assert events.read_bytes(5) == b"first"
    events.drop()
    sent, block = 0, bytes(range(256)) * 64

    def count():
        nonlocal sent
        sent += back.send_some(block[sent % 256:], 0.01)
        return sent

    wait_still("the back-end", count)
    assert sent < 16 << 20
    assert events.connect() == 200
    data = events.read_bytes(sent)
    assert all(byte == index % 256 for index, byte in enumerate(data))
    events.close()


def test_a_session_that_nobody_comes_back_to_ends(bridge, raw):
    events = Events(bridge, "/short")
    back = raw.take()
    events.drop()
    assert back.receive() == b""
    wait_until("the session's end", lambda: events.post(b"x").status == 404)
    assert events.connect() == 204


def test_the_back_ends_end_is_told_and_can_be_missed(bridge, raw):
    events = Events(bridge, "/raw")
    back = raw.take()
    events.drop()
    back.send(b"last words")
    back.close()
    assert events.connect() == 200
    assert events.read_bytes(10) == b"last words"
    assert events.read() == ("rtbridge.end", "{}")
    assert events.read() is None
    assert events.connect() == 204


def test_delete_ends_the_session(bridge, raw):
    events = Events(bridge, "/raw")
    back = raw.take()
    assert events.post(b"", "DELETE").status == 204
    assert back.receive() == b"" and events.read() is None
    assert events.post(b"x").status == 404


def test_comments_keep_a_silent_stream_alive(bridge, raw):
    events = Events(bridge, "/lively")
    back = raw.take()
    piece = events.http.read_piece(events.reply)
    assert piece == b":\n\n"
    back.send(b"x")
    assert events.read_bytes(1) == b"x"
    events.close()


# Refusals.

def test_a_back_end_that_is_not_there_is_a_502(bridge):
    reply = exchange(bridge.address("clear"), "GET", "/refused", [("accept", "text/event-stream")])
    assert reply.status == 502 and b"connection refused" in reply.body


def test_sessions_are_named_and_counted(bridge, raw):
    first = Events(bridge, "/short")
    second = Events(bridge, "/short")
    Events(bridge, "/short", expected=503)
    assert first.post(b"x", session="0" * 32).status == 404
    assert first.post(b"x" * 11).status == 413
    assert first.post(b"x" * 10).status == 204
    # A session of one route is none of another's.
    first.path = "/raw"
    assert first.post(b"x").status == 404
    first.close()
    second.close()
    for _ in range(2):
        raw.take()


def test_a_page_of_another_origin_is_let_in_by_cors_alone(bridge):
    origin = [("origin", "https://app.example")]
    Events(bridge, "/echo", origin, expected=403)
    Events(bridge, "/echo", [("sec-fetch-site", "cross-site")], expected=403)
    Events(bridge, "/echo", [("sec-fetch-site", "same-origin")]).close()
    events = Events(bridge, "/cors", origin)
    assert events.reply.header("access-control-allow-origin") == "https://app.example"
    reply = events.post(b"hi", headers=origin)
    assert reply.status == 204 and reply.header("access-control-allow-origin") == "https://app.example"
    preflight = exchange(bridge.address("clear"), "OPTIONS", f"/cors?rtbridge-session={events.session}", [
        *origin, ("access-control-request-method", "POST"), ("access-control-request-headers", "content-type")])
    assert preflight.status == 204 and "POST" in preflight.header("access-control-allow-methods")
    events.close()


def test_who_does_not_accept_events_gets_the_site(bridge):
    assert exchange(bridge.address("clear"), "GET", "/api/echo", [("accept", "text/event-stream")]).status == 200
    assert exchange(bridge.address("clear"), "GET", "/echo", [("accept", "text/html")]).status == 404


# A browser.

SCRIPT = """
const done = arguments[0];
const source = new EventSource("/echo"), seen = [];
let session;
source.addEventListener("rtbridge.session", async ({ data }) => {
  session = JSON.parse(data).session;
  for (const word of ["one", "two"]) await fetch(`/echo?rtbridge-session=${session}`, { method: "POST", body: word });
});
source.onmessage = ({ data, lastEventId }) => {
  seen.push([atob(data), lastEventId.split(".")[0] === session]);
  if (seen.map(([text]) => text).join("") === "onetwo") { source.close(); done(seen); }
};
source.onerror = () => done("error");
"""


@pytest.mark.browser
@pytest.mark.parametrize("name", ["chromium", "firefox"])
def test_a_browsers_event_source(bridge, start_browser, name):
    browser = start_browser(name)
    try:
        browser.open(bridge.url("tls", "/"))
        seen = browser.run_async(SCRIPT)
        assert seen != "error" and all(is_same for _, is_same in seen), seen
        assert [message for message in browser.severe() if "favicon" not in message] == []
    finally:
        browser.close()

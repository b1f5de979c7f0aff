# rtbridge: a long stream to a client that stalls half-way: memory stays bounded.
# SPDX-License-Identifier: Apache-2.0
"""1 GiB goes through; the process may never have more than 64 MiB resident."""

import threading

import pytest

from support import http2
from support.grpc_web import BINARY, frame
from support.http1 import Http1
from support.waiting import DEADLINE, wait_still, wait_until
from support.websocket import BINARY as BINARY_FRAME
from support.websocket import CLOSE, WebSocket, close_payload, encode

LIMIT = 64 << 20
TOTAL = 1 << 30
PIECE = 1 << 20
CALL = "/raw.Raw/Call"

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def bridge(start_bridge, make_config, scripted_server, scripted_tcp):
    """One for each test: the peak of one must not hide another's."""
    return start_bridge(make_config([
        {"match": {"protocol": "grpc-web"}, "backend": f"grpc://127.0.0.1:{scripted_server.port}"},
        {"match": {"protocol": "websocket", "path": "/tcp"}, "backend": f"tcp://127.0.0.1:{scripted_tcp.port}",
         "websocket": {"allowOrigins": ["*"], "pingInterval": "off"}},
    ]))


def check_memory(bridge):
    peak = bridge.peak_memory()
    print(f"peak: {peak / (1 << 20):.1f} MiB")
    assert peak < LIMIT, f"{peak / (1 << 20):.1f} MiB resident at the peak"


class Flood:
    """Runs `send(number)` for each piece in a thread; `sent` counts bytes."""

    def __init__(self, send, finish):
        self.sent, self._send, self._finish, self.failure = 0, send, finish, None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            for _ in range(TOTAL // PIECE):
                self._send()
                self.sent += PIECE
            self._finish()
        except Exception as failure:  # noqa: BLE001: the test's thread raises it
            self.failure = failure

    def check_done(self):
        self._thread.join(DEADLINE)
        assert self.failure is None, self.failure
        assert self.sent == TOTAL


def test_a_grpc_web_stream_to_a_client_that_stalls_half_way(bridge, scripted, certificates):
    message, floods = frame(b"m" * (PIECE - 5)), []
    scripted.script = lambda stream: (
        stream.wait_end(),
        stream.send_headers([(":status", "200"), ("content-type", "application/grpc")]),
        floods.append(Flood(lambda: stream.send_data(message, deadline=10 * DEADLINE),
                            lambda: stream.send_headers([("grpc-status", "0")], end=True))))
    connection = http2.connect(bridge.address("tls"), certificates.context(), window=1 << 20)
    stream = connection.open([(":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", CALL),
                              ("content-type", BINARY)])
    stream.send_data(frame(b""), end=True)
    stream.wait_headers()
    flood = wait_until("the stream", lambda: floods and floods[0])

    received = 0

    def take(until):
        nonlocal received
        while received < until:
            stream.wait("more of the body", lambda: stream.body or stream.ended or stream.reset is not None)
            with connection.changed:
                assert stream.reset is None, f"reset with {stream.reset!r}"
                received += len(stream.body)
                stream.body.clear()
            if stream.ended and not stream.body:
                return

    take(TOTAL // 2)
    stream.is_held = True
    wait_still("the back-end", lambda: flood.sent)
    assert flood.sent < TOTAL // 2 + LIMIT
    check_memory(bridge)
    stream.release()
    take(TOTAL + 1)
    flood.check_done()
    assert TOTAL < received < TOTAL + 200, "all messages and one trailer frame"
    check_memory(bridge)
    connection.close()


def test_a_grpc_web_stream_over_http1_to_a_client_that_stalls_half_way(bridge, scripted, certificates):
    message, floods = frame(b"m" * (PIECE - 5)), []
    scripted.script = lambda stream: (
        stream.wait_end(),
        stream.send_headers([(":status", "200"), ("content-type", "application/grpc")]),
        floods.append(Flood(lambda: stream.send_data(message, deadline=10 * DEADLINE),
                            lambda: stream.send_headers([("grpc-status", "0")], end=True))))
    with Http1(bridge.address("tls"), certificates.context(), receive_buffer=1 << 18) as http:
        http.send_head("POST", CALL, [("content-type", BINARY), ("content-length", "5")])
        http.send(frame(b""))
        reply = http.read_head()
        flood = wait_until("the stream", lambda: floods and floods[0])
        received = 0

        def take(until):
            nonlocal received
            while received < until and (piece := http.read_piece(reply)):
                received += len(piece)
                reply.body.clear()
                reply.chunks.clear()

        take(TOTAL // 2)
        wait_still("the back-end", lambda: flood.sent)
        assert flood.sent < TOTAL // 2 + LIMIT
        check_memory(bridge)
        take(TOTAL + 1000)
    flood.check_done()
    assert TOTAL < received < TOTAL + 200, "all messages and one trailer frame"
    check_memory(bridge)


def test_a_grpc_web_upload_to_a_back_end_that_stalls_half_way(bridge, scripted, certificates):
    held = []

    def script(stream):
        held.append(stream)
        stream.wait("the end", lambda: stream.ended, 20 * DEADLINE)
        stream.send_headers([(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "0")], end=True)

    scripted.script = script
    connection = http2.connect(bridge.address("tls"), certificates.context())
    stream = connection.open([(":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", CALL),
                              ("content-type", BINARY)])
    message = frame(b"m" * (PIECE - 5))
    flood = Flood(lambda: stream.send_data(message, deadline=10 * DEADLINE), lambda: stream.send_data(b"", end=True))
    back = wait_until("the call behind", lambda: held and held[0])
    received = 0

    def take(until):
        nonlocal received
        while received < until:
            back.wait("more of the body", lambda: back.body or back.ended or back.reset is not None)
            with back.connection.changed:
                assert back.reset is None, f"reset with {back.reset!r}"
                received += len(back.body)
                back.body.clear()

    take(TOTAL // 2)
    back.is_held = True
    wait_still("the client", lambda: flood.sent)
    assert flood.sent < TOTAL // 2 + LIMIT
    back.release()
    take(TOTAL)
    flood.check_done()
    stream.wait_end()
    assert received == TOTAL
    check_memory(bridge)
    connection.close()


def test_a_tcp_stream_to_a_websocket_that_stalls_half_way(bridge, scripted_tcp, certificates):
    socket = WebSocket(bridge.address("tls"), "/tcp", certificates.context(), receive_buffer=1 << 16)
    back = scripted_tcp.take()
    block = bytes(range(256)) * (PIECE // 256)
    flood = Flood(lambda: back.send(block, 10 * DEADLINE), back.finish)
    received = 0

    def take(until):
        nonlocal received
        while received < until:
            answer = socket.read()
            if answer.opcode == CLOSE:
                assert answer.code == 1000
                return
            assert answer.payload[0] == received % 256
            received += len(answer.payload)

    take(TOTAL // 2)
    wait_still("the back-end", lambda: flood.sent)
    assert flood.sent < TOTAL // 2 + LIMIT
    check_memory(bridge)
    take(TOTAL + 1)
    flood.check_done()
    assert received == TOTAL
    check_memory(bridge)
    socket.close()


def test_a_websocket_stream_to_a_tcp_server_that_stalls_half_way(bridge, scripted_tcp, certificates):
    socket = WebSocket(bridge.address("tls"), "/tcp", certificates.context())
    back = scripted_tcp.take()
    raw = encode(BINARY_FRAME, bytes(range(256)) * (PIECE // 256))
    flood = Flood(lambda: socket.wire.send(raw, 10 * DEADLINE),
                  lambda: socket.send(CLOSE, close_payload(1000)))
    received = 0

    def take(until):
        nonlocal received
        while received < until:
            data = back.receive(limit=1 << 18)
            if not data:
                return
            assert data[0] == received % 256
            received += len(data)

    take(TOTAL // 2)
    wait_still("the client", lambda: flood.sent)
    assert flood.sent < TOTAL // 2 + LIMIT
    check_memory(bridge)
    take(TOTAL + 1)
    flood.check_done()
    assert received == TOTAL
    check_memory(bridge)
    socket.close()

# rtbridge: WebSocket to TCP: the `websockets` library and literal frames in front, `socket` servers behind (RFC 6455).
# SPDX-License-Identifier: Apache-2.0
import contextlib
import hashlib
import random
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from support.http1 import Http1
from support.library import Client
from support.tcp import refused_port
from support.waiting import DEADLINE, wait_still, wait_until
from support.websocket import BINARY, CLOSE, PING, PONG, TEXT, Refused, WebSocket, close_payload, encode


@pytest.fixture(scope="module")
def sinks(start_backend):
    """Servers for what is sent and then ended: `digest` answers, `sink` prints, `send` sends and closes."""
    return {mode: start_backend("tcp_server.py", mode) for mode in ("digest", "sink", "send:3000000")}


@pytest.fixture(scope="module")
def down():
    keep, port = refused_port()
    yield port
    keep.close()


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, tcp_ack, tcp_echo, sinks, scripted_tcp, down):
    def route(path, port, **more):
        websocket = {"allowOrigins": ["*"], "pingInterval": "off", **more.pop("websocket", {})}
        return {"match": {"protocol": "websocket", "path": path}, "backend": f"tcp://127.0.0.1:{port}",
                "websocket": websocket, **more}
    return start_bridge(make_config([
        route("/ack", tcp_ack.port),
        route("/echo", tcp_echo.port),
        route("/digest", sinks["digest"].port),
        route("/sink", sinks["sink"].port),
        route("/send", sinks["send:3000000"].port),
        route("/scripted", scripted_tcp.port),
        route("/down", down),
        route("/listed", tcp_ack.port, websocket={"allowOrigins": ["https://app.example.com"]}),
        {"match": {"protocol": "websocket", "path": "/own"}, "backend": f"tcp://127.0.0.1:{tcp_ack.port}"},
        route("/protocols", tcp_ack.port, websocket={"subprotocols": ["binary", "chat"]}),
        route("/small", tcp_echo.port, websocket={"maxMessageBytes": "1KiB"}),
        route("/pinged", scripted_tcp.port, websocket={"pingInterval": "200ms", "pongTimeout": "500ms"}),
        route("/pinged-often", scripted_tcp.port, websocket={"pingInterval": "500ms", "pongTimeout": "3s"}),
        route("/idle", scripted_tcp.port, timeouts={"idle": "500ms"}),
        {"match": {"protocol": "grpc-web", "path": "/grpc"}, "backend": f"grpc://127.0.0.1:{down}"},
    ]))


@pytest.fixture(params=["tls", "clear"])
def listener(request):
    return request.param


@pytest.fixture
def open_socket(bridge, tls_of, listener):
    """open_socket(path, …): a `WebSocket` of literal frames; closed at the test's end."""
    opened = []

    def open_one(path, **options):
        socket = WebSocket(bridge.address(listener), path, tls_of(listener), **options)
        opened.append(socket)
        return socket

    yield open_one
    for socket in opened:
        socket.close()


@pytest.fixture
def open_client(bridge, tls_of, listener):
    """open_client(path, …): a `Client` of the `websockets` library."""
    def open_one(path, **options):
        return Client(bridge.url(listener, path, websocket=True), tls_of(listener), **options)
    return open_one


# Bytes.

def test_a_tcp_server_s_ack_comes_back(open_client):
    with open_client("/ack") as client:
        for _ in range(3):
            client.send(b"hello")
            assert client.recv() == b"ACK"


def test_sixteen_mib_in_random_pieces_come_back_intact(open_client):
    seed = random.SystemRandom().randrange(1 << 32)
    source = random.Random(seed)
    total = 16 << 20
    data = source.randbytes(total)
    with open_client("/echo") as client:
        def send():
            position = 0
            while position < total:
                count = source.choice([1, 125, 126, 127, 4096, 65535, 65536, 300000])
                client.send(data[position:position + count])
                position += count

        sender = threading.Thread(target=send)
        sender.start()
        received = bytearray()
        while len(received) < total:
            received += client.recv()
        sender.join(DEADLINE)
    assert received == data, f"seed {seed}"


def test_every_length_of_the_length_field_passes(open_socket):
    # RFC 6455 §5.2: 7 bits, 16 bits, 64 bits, and the values around their limits.
    socket = open_socket("/echo")
    for count in (0, 1, 124, 125, 126, 127, 65534, 65535, 65536, 65537):
        data = bytes(number % 251 for number in range(count))
        socket.send(BINARY, data)
        socket.send(BINARY, b"|")
        assert socket.read_bytes(count + 1) == data + b"|"


def test_frames_that_arrive_byte_by_byte_pass(open_socket):
    socket = open_socket("/echo")
    data = bytes(range(256))
    for byte in encode(BINARY, data):
        socket.send_raw(bytes([byte]))
    assert socket.read_bytes(256) == data


def test_many_frames_in_one_write_pass(open_socket):
    socket = open_socket("/echo")
    socket.send_raw(b"".join(encode(BINARY, b"%04d" % number) for number in range(1000)))
    assert socket.read_bytes(4000) == b"".join(b"%04d" % number for number in range(1000))


def test_bytes_right_behind_the_handshake_are_not_lost(bridge, tls_of, listener):
    """RFC 6455 §4.1 has clients wait for the 101; one that does not must lose nothing either."""
    with Http1(bridge.address(listener), tls_of(listener)) as http:
        http.send(b"GET /echo HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
                  b"sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n"
                  + encode(BINARY, b"early"))
        assert http.read_head().status == 101
        answer = http.take()
        while len(answer) < 7:
            answer += http.wire.receive()
        assert answer == b"\x82\x05early"


# Ends.

def test_the_last_bytes_of_the_back_end_arrive_before_the_close_frame(open_socket):
    socket = open_socket("/send")
    data, close = socket.read_until_close()
    assert data == (bytes(range(256)) * 11719)[:3000000]
    assert close is not None and close.code == 1000
    socket.send(CLOSE, close.payload)
    assert socket.read() is None, "RFC 6455 §7.1.1: the server closes the TCP connection first"


def test_the_last_bytes_of_the_client_reach_the_back_end_before_its_end(open_client, sinks):
    data = random.Random(44).randbytes(3_000_000)
    with open_client("/sink") as client:
        for position in range(0, len(data), 50_000):
            client.send(data[position:position + 50_000])
    # The session is over for the client; the back-end must have all of it all the same.
    sinks["sink"].wait_line(rf"^SUNK {len(data)} {hashlib.sha256(data).hexdigest()}$")


def test_what_the_back_end_says_after_the_client_s_close_still_arrives(open_socket):
    """The client's Close becomes FIN (half-close); RFC 6455 §5.5.1 lets the other side finish before its own Close."""
    socket = open_socket("/digest")
    data = b"count me" * 1000
    socket.send(BINARY, data)
    socket.send(CLOSE, close_payload(1000))
    answer, close = socket.read_until_close()
    assert answer.decode() == f"{len(data)} {hashlib.sha256(data).hexdigest()}"
    assert close is not None and close.code == 1000


def test_a_back_end_that_ended_still_gets_what_the_client_says_before_its_own_close(open_socket, scripted_tcp):
    """`tcp.halfClose`: one side's end leaves the other direction open, until the client's Close."""
    socket = open_socket("/scripted")
    back = scripted_tcp.take()
    back.send(b"over")
    back.finish()
    data, close = socket.read_until_close()
    assert data == b"over" and close is not None and close.code == 1000
    socket.send(BINARY, b"and out")
    socket.send(CLOSE, close.payload)
    assert back.read_to_end() == b"and out"


def test_a_close_is_answered_with_the_same_code(open_socket):
    socket = open_socket("/echo")
    socket.send(CLOSE, close_payload(1000, b"bye"))
    data, close = socket.read_until_close()
    assert data == b"" and close is not None and close.code == 1000
    assert socket.read() is None


def test_a_client_that_vanishes_ends_the_back_end_s_connection(open_socket, scripted_tcp):
    socket = open_socket("/scripted")
    back = scripted_tcp.take()
    socket.send(BINARY, b"x")
    assert back.receive() == b"x"
    socket.wire.abort()
    assert back.read_to_end() == b""


def test_a_back_end_that_resets_closes_the_client_with_a_reason(open_socket, scripted_tcp):
    socket = open_socket("/scripted")
    back = scripted_tcp.take()
    socket.send(BINARY, b"x")
    assert back.receive() == b"x"
    back.abort()
    _, close = socket.read_until_close()
    assert close is not None and close.code in (1011, 1012, 1013, 1014), close
    assert close.reason


# Back-pressure.

def test_a_client_that_does_not_read_stops_the_back_end(open_socket, scripted_tcp):
    socket = open_socket("/scripted", receive_buffer=16384)
    back = scripted_tcp.take()
    total = 64 << 20
    block = bytes(range(256)) * 256
    sent = [0]

    def flood():
        while sent[0] < total:
            back.send(block, 4 * DEADLINE)
            sent[0] += len(block)
        back.finish()

    flooder = threading.Thread(target=flood, daemon=True)
    flooder.start()
    wait_until("a first block", lambda: sent[0])
    assert wait_still("the back-end", lambda: sent[0]) < total // 2
    received, expected = 0, 0
    while received < total:
        frame = socket.read()
        assert frame.opcode in (BINARY, 0), frame
        for byte in frame.payload[:1]:
            assert byte == received % 256
        received += len(frame.payload)
    flooder.join(DEADLINE)
    assert received == total and socket.read().code == 1000


def test_a_back_end_that_does_not_read_stops_the_client(open_socket, scripted_tcp):
    socket = open_socket("/scripted")
    back = scripted_tcp.take()
    total, sent = 64 << 20, [0]
    frame = encode(BINARY, bytes(range(256)) * 256)
    count = total // 65536

    def flood():
        for _ in range(count):
            socket.wire.send(frame, 4 * DEADLINE)
            sent[0] += 65536

    flooder = threading.Thread(target=flood, daemon=True)
    flooder.start()
    wait_until("a first frame", lambda: sent[0])
    assert wait_still("the client", lambda: sent[0]) < total // 2
    received = 0
    while received < total:
        data = back.receive(limit=1 << 18)
        assert data and data[0] == received % 256
        received += len(data)
    flooder.join(DEADLINE)
    assert received == total


# Control frames.

def test_a_ping_is_answered_with_its_payload(open_socket):
    socket = open_socket("/echo")
    for payload in (b"", b"abc", bytes(125)):
        socket.send(PING, payload)
        frame = socket.read()
        assert (frame.opcode, frame.payload) == (PONG, payload)


def test_a_client_that_answers_pings_stays(open_socket, scripted_tcp):
    socket = open_socket("/pinged")
    back = scripted_tcp.take()
    for _ in range(5):
        frame = socket.read()
        assert frame.opcode == PING
        socket.send(PONG, frame.payload)
    socket.send(BINARY, b"still here")
    assert back.receive() == b"still here"


def test_the_time_for_an_answer_does_not_delay_the_next_ping(open_socket, scripted_tcp):
    socket = open_socket("/pinged-often")
    scripted_tcp.take()
    begin = time.monotonic()
    for _ in range(4):
        frame = socket.read()
        assert frame.opcode == PING
        socket.send(PONG, frame.payload)
    assert 1.5 < time.monotonic() - begin < 8, "four pings, half a second apart"


def test_a_client_that_is_silent_after_a_ping_is_closed(open_socket, scripted_tcp):
    socket = open_socket("/pinged")
    back = scripted_tcp.take()
    assert socket.read().opcode == PING
    _, close = socket.read_until_close()
    assert close is None or close.code in (1001, 1008, 1011), close
    assert back.read_to_end() == b""


def test_a_session_without_a_byte_is_closed(open_socket, scripted_tcp):
    socket = open_socket("/idle")
    back = scripted_tcp.take()
    _, close = socket.read_until_close()
    assert close is not None and close.code in (1000, 1001, 1008) and "idle" in close.reason.lower(), close
    assert back.read_to_end() == b""


def test_bytes_in_either_direction_keep_a_session_from_being_idle(open_socket, scripted_tcp):
    socket = open_socket("/idle")
    back = scripted_tcp.take()
    for number in range(20):
        # Twice as long as the idle time in all; each byte begins it anew.
        with pytest.raises(TimeoutError):
            back.receive(0.05)
        (socket.send(BINARY, b"x") if number % 2 else back.send(b"y"))
        assert (back.receive() if number % 2 else socket.read_bytes(1)) == (b"x" if number % 2 else b"y")


def test_a_message_above_the_limit_is_refused_with_1009(open_socket):
    socket = open_socket("/small")
    socket.send(BINARY, b"x" * 1024)
    assert socket.read_bytes(1024) == b"x" * 1024
    # RFC 6455 §7.4.1: 1009, "too big for it to process". The length alone tells.
    socket.send_raw(encode(BINARY, b"x" * 1025)[:20])
    _, close = socket.read_until_close()
    assert close.code == 1009


def test_a_fragmented_message_above_the_limit_is_refused_with_1009(open_socket):
    socket = open_socket("/small")
    socket.send(BINARY, b"x" * 600, fin=False)
    socket.send(0, b"x" * 600, fin=True)
    _, close = socket.read_until_close()
    assert close.code == 1009


def test_a_text_message_is_refused_or_passed_whole(open_socket):
    """A byte stream has no text; RFC 6455 §7.4.1 gives 1003 for data of a type that cannot be accepted."""
    socket = open_socket("/echo")
    socket.send(TEXT, "grüße".encode())
    frame = socket.read()
    if frame.opcode == CLOSE:
        assert frame.code == 1003
    else:
        assert frame.payload == "grüße".encode()


# Handshakes.

def test_an_origin_that_is_not_listed_is_refused_with_403(open_socket, bridge):
    with pytest.raises(Refused) as refusal:
        open_socket("/listed", origin="https://evil.example")
    assert refusal.value.reply.status == 403
    wait_until("a line in the log that explains it", lambda: "https://evil.example" in bridge.errors())


@pytest.mark.parametrize("origin", ["https://app.example.com", None])
def test_a_listed_origin_and_a_client_without_one_are_let_in(open_socket, origin):
    socket = open_socket("/listed", origin=origin)
    socket.send(BINARY, b"x")
    assert socket.read_bytes(3) == b"ACK"


def test_without_a_list_the_origin_must_be_the_bridge_s_own(open_socket, listener):
    scheme = "https" if listener == "tls" else "http"
    socket = open_socket("/own", origin=f"{scheme}://localhost")
    socket.send(BINARY, b"x")
    assert socket.read_bytes(3) == b"ACK"
    with pytest.raises(Refused) as refusal:
        open_socket("/own", origin=f"{scheme}://elsewhere.example")
    assert refusal.value.reply.status == 403


def test_a_back_end_that_is_down_is_a_refusal_before_the_101(open_socket, down):
    with pytest.raises(Refused) as refusal:
        open_socket("/down")
    assert refusal.value.reply.status in (502, 503)
    assert f"127.0.0.1:{down}" in refusal.value.reply.body.decode()


def test_the_library_sees_the_refusal_too(open_client):
    with pytest.raises(InvalidStatus) as refusal:
        open_client("/down")
    assert refusal.value.response.status_code in (502, 503)


def test_a_path_without_a_route_is_not_found(open_socket):
    with pytest.raises(Refused) as refusal:
        open_socket("/nowhere")
    assert refusal.value.reply.status == 404


def test_a_route_of_another_protocol_opens_no_websocket(open_socket):
    with pytest.raises(Refused) as refusal:
        open_socket("/grpc")
    assert 400 <= refusal.value.reply.status < 500


@pytest.mark.parametrize("offered, chosen", [
    (["binary"], "binary"), (["chat", "binary"], ("binary", "chat")), (["chat"], "chat"), ([], None),
])
def test_an_offered_subprotocol_is_answered(open_socket, offered, chosen):
    assert open_socket("/protocols", subprotocols=offered).subprotocol in (chosen if isinstance(chosen, tuple) else [chosen])


def test_a_subprotocol_that_nobody_allows_is_not_answered(open_socket):
    # RFC 6455 §4.2.2: no subprotocol is agreed on where the server does not name one.
    try:
        assert open_socket("/protocols", subprotocols=["mystery"]).subprotocol is None
    except Refused as refusal:
        assert refusal.reply.status == 400


def test_the_library_agrees_on_a_subprotocol(open_client):
    with open_client("/protocols", subprotocols=["binary"]) as client:
        assert client.subprotocol == "binary"


@pytest.mark.parametrize("broken", [
    {"sec-websocket-key": None}, {"sec-websocket-key": "short"}, {"sec-websocket-version": "8"},
    {"sec-websocket-version": None}, {"upgrade": "websocke"}, {"connection": "keep-alive"},
], ids=str)
def test_a_broken_handshake_is_refused(bridge, tls_of, listener, broken):
    fields = {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13",
              "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==", **broken}
    with Http1(bridge.address(listener), tls_of(listener)) as http:
        http.send_head("GET", "/echo", [(name, value) for name, value in fields.items() if value is not None])
        reply = http.read_reply()
    assert 400 <= reply.status < 500
    if broken.get("sec-websocket-version"):
        # RFC 6455 §4.4: a server answers with the versions that it takes.
        assert reply.status in (400, 426) and reply.header("sec-websocket-version") == "13"


def test_a_post_is_no_handshake(bridge, tls_of, listener):
    with Http1(bridge.address(listener), tls_of(listener)) as http:
        http.send_head("POST", "/echo", [
            ("upgrade", "websocket"), ("connection", "Upgrade"), ("sec-websocket-version", "13"),
            ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="), ("content-length", "0")])
        assert 400 <= http.read_reply().status < 500


def test_many_sessions_at_once_do_not_mix(open_client):
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(open_client("/echo")) for _ in range(50)]
        for number, client in enumerate(clients):
            client.send(b"session %d" % number)
        for number, client in enumerate(clients):
            assert client.recv() == b"session %d" % number


def test_the_library_s_close_is_clean(open_client):
    with open_client("/echo") as client:
        client.send(b"x")
        assert client.recv() == b"x"
        client.close(1000, "done")
        with pytest.raises(ConnectionClosed) as closed:
            client.recv()
    assert closed.value.rcvd is not None and closed.value.rcvd.code == 1000

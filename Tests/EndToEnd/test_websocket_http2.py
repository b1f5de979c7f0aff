# rtbridge: WebSockets over HTTP/2 (RFC 8441), beside calls on the same connection, and in browsers.
# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import threading

import h2.errors
import pytest

from support import http2
from support.grpc_socket import Answer, block
from support.grpc_web import BINARY, frame, name_message, split_frames
from support.waiting import DEADLINE
from support.websocket import BINARY as BINARY_FRAME, PING, PONG, TEXT
from support.websocket_http2 import Refused, StreamSocket

GREETER = "/helloworld.Greeter"


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, greeter, tcp_echo, udp_echo, ws_server):
    calls, bytes_ = f"grpc://127.0.0.1:{greeter.port}", f"tcp://127.0.0.1:{tcp_echo.port}"
    routes = [
        ({"protocol": "websocket", "path": "/tcp"}, bytes_, {}),
        ({"protocol": "websocket", "path": "/guarded"}, bytes_,
         {"websocket": {"allowOrigins": ["https://app.example.com"]}}),
        ({"protocol": "websocket", "path": "/udp"}, f"udp://127.0.0.1:{udp_echo.port}", {}),
        ({"protocol": "websocket", "pathPrefix": "/ws/"}, f"ws://127.0.0.1:{ws_server.port}", {}),
        ({"protocol": "grpc-web"}, calls, {}),
    ]
    config = make_config(
        [{"match": {**match, "listener": listener}, "backend": backend, **more}
         for listener in ("tls", "clear", "h2") for match, backend, more in routes],
        listener={"limits": {"maxConcurrentStreams": 256}}, health={"onListeners": ["h2"]})
    config["listeners"]["h2"] = {**config["listeners"]["tls"], "protocols": ["h2"]}
    # Native gRPC alone.
    config["listeners"]["native"] = {"address": "127.0.0.1:0"}
    config["routes"].append({"match": {"protocol": "grpc", "listener": "native"}, "backend": calls})
    return start_bridge(config)


@pytest.fixture(params=["tls", "clear"])
def connection(request, bridge, tls_of):
    connection = http2.connect(bridge.address(request.param), tls_of(request.param))
    connection.scheme = "https" if request.param == "tls" else "http"
    yield connection
    connection.close()
    assert connection.error is None


def enables_connect(connection):
    connection.wait("SETTINGS", lambda: connection.settings_received)
    return connection.h2.remote_settings.enable_connect_protocol


def test_the_setting_is_sent_only_where_a_websocket_can_be_served(bridge, connection):
    assert enables_connect(connection) == 1
    other = http2.connect(bridge.address("native"))
    assert enables_connect(other) == 0
    other.close()


def test_a_websocket_carries_bytes_both_ways_and_is_closed_in_order(connection):
    socket = StreamSocket(connection, "/tcp", connection.scheme, [("sec-websocket-protocol", "x, binary")])
    assert socket.subprotocol == "binary"
    for size in (1, 125, 126, 65535, 65536, 1000000):
        data = bytes(range(256)) * (size // 256 + 1)
        socket.send(BINARY_FRAME, data[:size])
        assert socket.read_bytes(size) == data[:size]
    socket.send(TEXT, "text é".encode())
    assert socket.read_bytes(7) == "text é".encode()
    socket.send(PING, b"are you there")
    pong, = socket.read()
    assert (pong.opcode, pong.payload) == (PONG, b"are you there")
    assert socket.close(1000).code == 1000
    # The stream ended, and was not reset; the connection goes on.
    assert socket.stream.reset is None
    StreamSocket(connection, "/tcp", connection.scheme).close()


def test_datagrams_keep_their_borders(connection):
    socket = StreamSocket(connection, "/udp", connection.scheme)
    for payload in (b"", b"one", b"x" * 1400):
        socket.send(BINARY_FRAME, payload)
        reply, = socket.read()
        assert reply.payload == payload
    socket.close()


def test_a_websocket_back_end_is_asked_as_over_http1_1(connection):
    socket = StreamSocket(connection, "/ws/head?a=b", connection.scheme, [("cookie", "a=1"), ("x-key", "v")])
    asked, = socket.read()
    request = json.loads(asked.payload)
    fields = {name.lower(): value for name, value in request["headers"]}
    assert request["path"] == "/ws/head?a=b"
    assert (fields["host"], fields["cookie"], fields["x-key"]) == ("localhost", "a=1", "v")
    assert not any(name.startswith(":") for name in fields)
    socket.send(TEXT, b"text")
    socket.send(BINARY_FRAME, b"binary")
    assert socket.read_bytes(10) == b"textbinary"
    socket.close()
    refused = pytest.raises(Refused, StreamSocket, connection, "/ws/status?404", connection.scheme)
    assert refused.value.status == 404


@pytest.mark.parametrize("reset", [True, False], ids=["RST_STREAM", "END_STREAM"])
def test_an_end_without_a_close_frame_is_that_of_a_tcp_connection(connection, bridge, reset):
    socket = StreamSocket(connection, "/tcp", connection.scheme)
    socket.send(BINARY_FRAME, b"x")
    assert socket.read_bytes(1) == b"x"
    if reset:
        socket.stream.send_reset(h2.errors.ErrorCodes.CANCEL)
    else:
        socket.stream.send_data(b"", end=True)
        socket.stream.wait_end()
    StreamSocket(connection, "/tcp", connection.scheme).close()


def test_what_is_refused_has_an_http_status(connection):
    def status(path, headers=(), protocol="websocket", version=("sec-websocket-version", "13")):
        stream = connection.open([
            (":method", "CONNECT"), (":protocol", protocol), (":scheme", connection.scheme), (":path", path),
            (":authority", "localhost"), version, *headers])
        stream.wait_headers()
        return int(stream.header(":status")), stream

    assert status("/tcp", version=("sec-websocket-version", "8"))[0] == 400
    assert status("/nothing")[0] == 404
    assert status("/tcp", protocol="connect-udp")[0] == 501
    assert status("/tcp", [("origin", "https://evil.example.com")])[0] == 403
    with pytest.raises(Refused) as refused:
        StreamSocket(connection, "/guarded", connection.scheme, [("origin", "https://evil.example.com")])
    assert refused.value.status == 403
    StreamSocket(connection, "/guarded", connection.scheme, [("origin", "https://app.example.com")]).close()


@pytest.mark.parametrize("lacking", [":scheme", ":path", ":authority"])
def test_a_connect_without_its_pseudo_fields_is_a_stream_error(connection, lacking):
    # RFC 8441 §4; RFC 9113 §8.1.1: malformed requests are stream errors of type PROTOCOL_ERROR.
    fields = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", connection.scheme), (":path", "/tcp"),
              (":authority", "localhost"), ("sec-websocket-version", "13")]
    stream = connection.open([field for field in fields if field[0] != lacking])
    assert stream.wait_reset() == h2.errors.ErrorCodes.PROTOCOL_ERROR
    StreamSocket(connection, "/tcp", connection.scheme).close()


def test_a_protocol_field_where_no_websocket_is_served_is_a_stream_error(bridge):
    connection = http2.connect(bridge.address("native"))
    stream = connection.open([
        (":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":path", "/tcp"),
        (":authority", "localhost"), ("sec-websocket-version", "13")])
    assert stream.wait_reset() == h2.errors.ErrorCodes.PROTOCOL_ERROR
    connection.close()


# gRPC over WebSocket over HTTP/2.

def data_of(socket, answer):
    while not answer.is_whole:
        for frame in socket.read():
            assert frame is not None
            if frame.opcode == BINARY_FRAME:
                answer.feed(frame.payload)
    return answer


def test_a_call_goes_both_ways_over_a_stream(connection):
    socket = StreamSocket(connection, f"{GREETER}/SayHelloBidiStream", connection.scheme,
                          [("sec-websocket-protocol", "grpc-websockets")])
    assert socket.subprotocol == "grpc-websockets"
    socket.send(BINARY_FRAME, block([("content-type", BINARY)]))
    for name in ("Ada", "Bob"):
        socket.send(BINARY_FRAME, b"\0" + frame(name_message(name)))
    socket.send(BINARY_FRAME, b"\1")
    answer = data_of(socket, Answer())
    assert answer.messages == [name_message("Hello, Ada!"), name_message("Hello, Bob!")]
    assert answer.status == 0


# Many on one connection.

def long_message(text):
    """HelloRequest with a name of more than 127 bytes."""
    data, length, head = text.encode(), len(text), b""
    while length > 127:
        head, length = head + bytes([length & 127 | 128]), length >> 7
    return b"\x0a" + head + bytes([length]) + data


def test_a_hundred_websockets_and_a_hundred_calls_share_a_connection_and_none_starves(bridge, tls_of):
    """The client's window is a fiftieth of what each stream gets, so that every one is stopped and let go on again and
    again; ten of each kind take nothing until all others are done."""
    connection = http2.connect(bridge.address("tls"), tls_of("tls"), window=1024)
    sizes = 50_000
    sockets = [StreamSocket(connection, "/tcp", "https", waits=False) for _ in range(100)]
    for socket in sockets:
        socket.wait_open()
    held = sockets[:10]
    calls = []
    for number in range(100):
        calls.append(connection.open([
            (":method", "POST"), (":scheme", "https"), (":authority", "localhost"), (":path", f"{GREETER}/SayHello"),
            ("content-type", BINARY), ("x-grpc-web", "1")]))
    for stream in [*(socket.stream for socket in held), *calls[:10]]:
        stream.is_held = True

    errors = []

    def run(work):
        def guarded():
            try:
                work()
            except Exception as error:  # noqa: BLE001: told by the test's own thread
                errors.append(f"{type(error).__name__}: {error}")
        thread = threading.Thread(target=guarded)
        thread.start()
        return thread

    def talk(number, socket):
        data = bytes([number]) * sizes
        for start in range(0, sizes, 10_000):
            socket.send(BINARY_FRAME, data[start:start + 10_000])
        assert socket.read_bytes(sizes, 4 * DEADLINE) == data

    def call(number, stream):
        request = frame(long_message(f"{number}".rjust(sizes, "x")))
        for start in range(0, len(request), 10_000):
            stream.send_data(request[start:start + 10_000], end=start + 10_000 >= len(request))
        stream.wait("the end", lambda: stream.ended or stream.reset is not None, 4 * DEADLINE)
        (_, reply), (flags, trailers) = split_frames(bytes(stream.body))
        assert reply == long_message("Hello, " + f"{number}".rjust(sizes, "x") + "!")
        assert (flags, b"grpc-status:0" in trailers) == (0x80, True)

    threads = [run(lambda n=n, s=s: talk(n, s)) for n, s in enumerate(sockets)]
    threads += [run(lambda n=n, s=s: call(n, s)) for n, s in enumerate(calls)]
    # Those that are not held come to their end while the others wait.
    for thread in [*threads[10:100], *threads[110:]]:
        thread.join(8 * DEADLINE)
        assert not thread.is_alive(), "a stream starves"
    assert errors == []
    assert all(thread.is_alive() for thread in [*threads[:10], *threads[100:110]])
    for stream in [*(socket.stream for socket in held), *calls[:10]]:
        stream.release()
    for thread in threads:
        thread.join(8 * DEADLINE)
        assert not thread.is_alive(), "a stream that was let go on stands still"
    assert errors == []
    for socket in sockets:
        socket.close()
    connection.close()


def test_h2load_is_served_as_ever(bridge, program, tmp_path):
    request = tmp_path / "request"
    request.write_bytes(frame(name_message("h2load")))
    result = subprocess.run(
        [program("h2load"), "-n", "500", "-c", "2", "-m", "50", "-d", request, "-H", f"content-type: {BINARY}",
         bridge.url("tls", f"{GREETER}/SayHello")], capture_output=True, text=True, timeout=4 * DEADLINE)
    assert result.returncode == 0, result.stderr
    assert "500 succeeded, 0 failed, 0 errored, 0 timeout" in result.stdout, result.stdout


# Browsers.

SCRIPT = """
const [path, count, done] = arguments;
const open = (number) => new Promise((resolve, reject) => {
  const socket = new WebSocket(`wss://${location.host}${path}`, ["binary"]);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => socket.send(`socket ${number}`);
  socket.onmessage = ({ data }) => { resolve(new TextDecoder().decode(data)); socket.close(1000, "enough"); };
  socket.onerror = () => reject(new Error("error"));
});
Promise.all(Array.from({ length: count }, (_, number) => open(number)))
  .then((texts) => done(texts.join()), (error) => done(String(error)));
"""


@pytest.mark.browser
@pytest.mark.parametrize("name", ["chromium", "firefox"])
def test_a_browser_opens_websockets_on_its_http2_connection(bridge, start_browser, name):
    """The listener speaks HTTP/2 alone: a WebSocket that opens has come by extended CONNECT."""
    browser = start_browser(name)
    try:
        browser.open(bridge.url("h2", "/livez"))
        assert browser.run("return performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"
        texts = browser.run_async(SCRIPT, "/tcp", 30)
        assert texts == ",".join(f"socket {number}" for number in range(30))
    finally:
        browser.close()

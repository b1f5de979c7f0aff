# rtbridge: plain HTTP through the bridge, with the servers and clients that people use.
# SPDX-License-Identifier: Apache-2.0
import hashlib
import json
import os
import re
import subprocess
import threading

import pytest

from support import http2
from support.grpc_web import BINARY, frame
from support.http1 import Http1, exchange
from support.processes import Child
from support.tcp import ScriptedTCP, refused_port
from support.waiting import DEADLINE, wait_still, wait_until
from support.websocket import WebSocket


@pytest.fixture(scope="module")
def site(start_backend):
    return start_backend("site.py")


@pytest.fixture(scope="module")
def raw():
    """An HTTP back-end of which the test writes every byte."""
    server = ScriptedTCP()
    yield server
    server.close()


@pytest.fixture(scope="module")
def nginx(program, tmp_path_factory, certificates):
    """Debian's nginx with a folder of files."""
    directory = tmp_path_factory.mktemp("nginx")
    (directory / "www").mkdir()
    (directory / "www" / "index.html").write_text("<!doctype html><title>app</title>\n")
    (directory / "www" / "large.bin").write_bytes(os.urandom(20_000_000))
    (directory / "www" / "small.txt").write_text("small\n" * 10)
    (clear, port), (secure, tls_port) = refused_port(), refused_port()
    clear.close()
    secure.close()
    (directory / "nginx.conf").write_text(f"""
        daemon off; master_process off; pid {directory}/pid; error_log stderr warn;
        events {{}}
        http {{
            access_log off; client_body_temp_path {directory}/b; proxy_temp_path {directory}/p;
            fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
            gzip on; gzip_types text/plain; gzip_min_length 1; gzip_proxied any;
            server {{ listen 127.0.0.1:{port}; root {directory}/www; }}
            server {{
                listen 127.0.0.1:{tls_port} ssl; root {directory}/www; client_max_body_size 0;
                ssl_certificate {certificates.cert}; ssl_certificate_key {certificates.key};
                location = /host {{ return 200 $http_host; }}
            }}
        }}""")

    def start():
        child = Child([program("nginx"), "-c", directory / "nginx.conf", "-p", directory], directory / "nginx.log")
        wait_until("nginx", lambda: child.is_running and _listens(port) or _ended(child))
        return child

    server = start()
    server.tls_port = tls_port
    server.port, server.directory, server.start_again = port, directory, start
    yield server
    server.kill()


def _listens(port):
    import socket
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _ended(child):
    assert child.is_running, child.errors()


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, site, nginx, raw, greeter, tcp_echo):
    refused, port = refused_port()
    started = start_bridge(make_config([
        {"match": {"protocol": "grpc-web"}, "backend": f"grpc://127.0.0.1:{greeter.port}"},
        {"match": {"protocol": "websocket", "pathPrefix": "/api/"}, "backend": f"tcp://127.0.0.1:{tcp_echo.port}",
         "websocket": {"allowOrigins": ["*"]}},
        {"match": {"pathPrefix": "/api/"}, "backend": f"http://127.0.0.1:{site.port}"},
        {"match": {"pathPrefix": "/events"}, "backend": f"http://127.0.0.1:{site.port}"},
        {"match": {"pathPrefix": "/raw"}, "backend": f"http://127.0.0.1:{raw.port}"},
        {"match": {"pathPrefix": "/nobody"}, "backend": f"http://127.0.0.1:{port}"},
        {"match": {"pathPrefix": "/brief"}, "backend": f"http://127.0.0.1:{port}", "errors": {"detail": "brief"}},
        {"match": {"protocol": "http", "pathPrefix": "/"}, "backend": f"http://127.0.0.1:{nginx.port}"},
    ]))
    yield started
    refused.close()


def curl(program, *arguments, input=None):
    """Runs curl; its output as bytes."""
    done = subprocess.run([program("curl"), "-sS", "--fail-with-body", "--max-time", str(DEADLINE), *arguments],
                          capture_output=True, input=input, check=False)
    assert done.returncode == 0, f"curl ended with {done.returncode}: {done.stderr.decode()} {done.stdout[:500]}"
    return done.stdout


VERSIONS = [("tls", "--http2"), ("tls", "--http1.1"), ("clear", "--http1.1"), ("clear", "--http2-prior-knowledge"),
            ("clear", "--http2")]


# A site and its clients.

@pytest.mark.parametrize("listener, version", VERSIONS)
def test_a_page_of_nginx_comes_through_curl(bridge, program, certificates, listener, version):
    page = curl(program, version, "--cacert", certificates.ca, bridge.url(listener, "/").replace("127.0.0.1", "localhost"))
    assert page == b"<!doctype html><title>app</title>\n"


@pytest.mark.parametrize("listener, version", VERSIONS)
def test_a_large_file_comes_through_whole(bridge, program, certificates, nginx, listener, version):
    url = bridge.url(listener, "/large.bin").replace("127.0.0.1", "localhost")
    data = curl(program, version, "--cacert", certificates.ca, url)
    assert data == (nginx.directory / "www" / "large.bin").read_bytes()


@pytest.mark.parametrize("listener, version", VERSIONS)
@pytest.mark.parametrize("is_chunked", [False, True])
def test_an_upload_arrives_whole(bridge, program, certificates, listener, version, is_chunked):
    body = os.urandom(3_000_000)
    url = bridge.url(listener, "/api/echo?x=%20y").replace("127.0.0.1", "localhost")
    # --http2 in clear asks for an upgrade first, which curl does not do with a body that it cannot send again.
    source = ["-T", "-", "-X", "POST"] if is_chunked else ["--data-binary", "@-"]
    seen = json.loads(curl(program, version, "--cacert", certificates.ca, *source, url, input=body))
    assert seen["sha256"] == hashlib.sha256(body).hexdigest()
    assert seen["method"] == "POST" and seen["query"] == "x=%20y"


def test_what_the_site_sees_of_a_request(bridge, program, certificates):
    url = bridge.url("tls", "/api/echo").replace("127.0.0.1", "localhost")
    seen = json.loads(curl(program, "--http2", "--cacert", certificates.ca, "-b", "a=1; b=2", "-H", "x-a: 1", "-H", "x-a: 2",
                           "-H", "x-forwarded-for: 10.9.8.7", "-H", "x-forwarded-proto: gopher", "-H", "te: trailers", url))
    fields = dict(map(tuple, seen["fields"]))
    port = bridge.address("tls")[1]
    assert fields["host"] == f"localhost:{port}"
    assert fields["x-forwarded-for"] == "10.9.8.7, 127.0.0.1"
    assert fields["x-forwarded-proto"] == "https" and fields["x-forwarded-host"] == f"localhost:{port}"
    assert fields["forwarded"] == f'for=127.0.0.1;host="localhost:{port}";proto=https'
    assert seen["cookies"] == {"a": "1", "b": "2"}
    assert "transfer-encoding" not in fields


def test_cookies_of_the_site_stay_apart(bridge):
    reply = exchange(bridge.address("clear"), "GET", "/api/cookies")
    assert reply.all("set-cookie") == ["a=1; Path=/", "b=2; Path=/"]


def test_ranges_conditions_and_compression_are_nginxs_own(bridge):
    address = bridge.address("clear")
    with Http1(address) as http:
        http.send_head("GET", "/small.txt", [("range", "bytes=6-10")])
        part = http.read_reply()
        assert (part.status, part.body, part.header("content-range")) == (206, b"small", "bytes 6-10/60")
        http.send_head("GET", "/small.txt", [("if-none-match", part.header("etag"))])
        assert http.read_reply().status == 304
        http.send_head("HEAD", "/small.txt", [])
        head = http.read_reply(has_body=False)
        assert (head.status, head.header("content-length")) == (200, "60")
        http.send_head("GET", "/small.txt", [("accept-encoding", "gzip")])
        assert http.read_reply().header("content-encoding") == "gzip"
        http.send_head("GET", "/nothing", [])
        assert http.read_reply().status == 404


def test_statuses_without_content(bridge):
    with Http1(bridge.address("clear")) as http:
        for status in (204, 304, 200):
            http.send_head("GET", f"/api/status/{status}", [])
            reply = http.read_reply()
            assert (reply.status, reply.body) == (status, b"")
            assert reply.header("transfer-encoding") is None


def test_events_pass_at_once(bridge, site):
    """Event k is read before event k+1 is made."""
    with Http1(bridge.address("clear")) as http:
        http.send_head("GET", "/events", [("accept", "text/event-stream")])
        reply = http.read_head()
        assert reply.header("content-type").startswith("text/event-stream")
        assert http.read_piece(reply) == b": hello\n\n"
        for word in ("one", "two", "three"):
            exchange(bridge.address("clear"), "POST", "/events", body=word.encode())
            assert http.read_piece(reply) == f"data: {word}\n\n".encode()
        exchange(bridge.address("clear"), "POST", "/events", body=b"end")
        assert http.read_piece(reply) == b""


# TLS to the back-end.

def test_a_site_behind_tls(start_bridge, make_config, program, nginx, certificates):
    backend = {"protocol": "http", "endpoints": [f"localhost:{nginx.tls_port}"], "tls": {"caFile": certificates.ca}}
    bridge = start_bridge(make_config([
        {"match": {"path": "/host"}, "backend": backend, "http": {"host": "backend"}},
        {"match": {"path": "/untrusted"}, "backend": f"https://localhost:{nginx.tls_port}"},
        {"backend": backend}]))
    assert curl(program, bridge.url("clear", "/large.bin")) == (nginx.directory / "www" / "large.bin").read_bytes()
    assert exchange(bridge.address("clear"), "GET", "/host").body == b"localhost:%d" % nginx.tls_port
    refused = exchange(bridge.address("clear"), "GET", "/untrusted")
    assert refused.status == 502 and b"TLS" in refused.body, refused.body
    with Http1(bridge.address("clear")) as http:
        for _ in range(20):
            http.send_head("GET", "/small.txt", [])
            assert http.read_reply().status == 200


# Loads.

def test_h2load_sees_no_error(bridge, program):
    done = subprocess.run([program("h2load"), "-n", "3000", "-c", "8", "-m", "16", bridge.url("clear", "/small.txt")],
                          capture_output=True, text=True, timeout=4 * DEADLINE, check=True)
    assert "3000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout
    assert "status codes: 3000 2xx" in done.stdout, done.stdout


def test_h2load_over_http1_sees_no_error(bridge, program):
    done = subprocess.run([program("h2load"), "--h1", "-n", "3000", "-c", "16", bridge.url("clear", "/small.txt")],
                          capture_output=True, text=True, timeout=4 * DEADLINE, check=True)
    assert "3000 succeeded, 0 failed, 0 errored, 0 timeout" in done.stdout, done.stdout


def test_wrk_sees_no_error(bridge, program):
    done = subprocess.run([program("wrk"), "-t", "1", "-c", "16", "-d", "1s", bridge.url("clear", "/small.txt")],
                          capture_output=True, text=True, timeout=4 * DEADLINE, check=True)
    assert "Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, done.stdout
    assert int(re.search(r"(\d+) requests in", done.stdout)[1]) > 100, done.stdout


# One origin for all.

def test_a_page_its_api_its_grpc_and_its_websocket_share_an_origin(bridge, certificates):
    address, tls = bridge.address("tls"), certificates.context
    assert exchange(address, "GET", "/", tls=tls()).body == b"<!doctype html><title>app</title>\n"
    assert exchange(address, "GET", "/api/status/200", tls=tls()).status == 200
    call = exchange(address, "POST", "/helloworld.Greeter/SayHello", [("content-type", BINARY)],
                    frame(b"\n\x05World"), tls=tls())
    assert b"Hello, World!" in call.body and b"grpc-status:0" in call.body.replace(b" ", b"")
    socket = WebSocket(address, "/api/socket", tls())
    socket.send(2, b"echo")
    assert socket.read().payload == b"echo"
    socket.close()


# Back-ends that fail.

def test_a_back_end_that_is_not_there_is_a_502_that_says_so(bridge):
    reply = exchange(bridge.address("clear"), "GET", "/nobody")
    assert reply.status == 502 and b"connection refused" in reply.body and b"127.0.0.1" in reply.body
    brief = exchange(bridge.address("clear"), "GET", "/brief")
    assert brief.status == 502 and brief.body == b"connect failed\n"


def test_nginx_is_restarted_between_requests(bridge, nginx):
    with Http1(bridge.address("clear")) as http:
        for _ in range(3):
            http.send_head("GET", "/small.txt", [])
            assert http.read_reply().status == 200
            nginx.stop()
            http.send_head("GET", "/small.txt", [])
            assert http.read_reply().status == 502
            nginx.process = nginx.start_again().process
            http.send_head("GET", "/small.txt", [])
            assert http.read_reply().status == 200


def test_a_kept_connection_that_died_is_not_the_clients_trouble(bridge, raw):
    """The back-end closes as the second request comes: it gets that request on a new connection."""
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    with Http1(bridge.address("clear")) as http:
        http.send_head("GET", "/raw/1", [])
        first = _take_request(raw)
        first.send(answer)
        assert http.read_reply().body == b"ok"
        http.send_head("GET", "/raw/2", [])
        assert b"GET /raw/2 " in _read_head(first), "the connection is used again"
        first.abort()
        second = _take_request(raw)
        assert b"GET /raw/2 " in second.head and second is not first
        second.send(answer)
        assert http.read_reply().body == b"ok"


def test_what_stands_behind_an_answer_answers_nobody(bridge, raw):
    """A second response in one packet with the first: whoever asks next must not get it."""
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"
    with Http1(bridge.address("clear")) as http:
        http.send_head("GET", "/raw/1", [])
        first = _take_request(raw)
        first.send(answer + b"ok" + answer + b"no")
        assert http.read_reply().body == b"ok"
        http.send_head("GET", "/raw/2", [])
        second = _take_request(raw)
        assert second is not first and b"GET /raw/2 " in second.head
        second.send(answer + b"us")
        assert http.read_reply().body == b"us"


def test_values_pass_byte_for_byte(bridge, raw):
    """RFC 9110, section 5.5: bytes above ASCII are opaque, whatever they mean to whom."""
    with Http1(bridge.address("clear")) as http:
        http.send_head("GET", "/raw/1", [("x-name", "J\xe9r\xf4me \xff")])
        back = _take_request(raw)
        assert b"\r\nx-name: J\xe9r\xf4me \xff\r\n" in back.head
        back.send(b"HTTP/1.1 200 OK\r\nx-name: \xfc\xe9\r\ncontent-length: 0\r\n\r\n")
        assert http.read_reply().header("x-name") == "\xfc\xe9"


def _read_head(wire, buffer=b""):
    while b"\r\n\r\n" not in buffer:
        piece = wire.receive()
        assert piece, f"the bridge closed after {buffer!r}"
        buffer += piece
    return buffer


def test_a_100_continue_comes_from_the_back_end(bridge, raw):
    with Http1(bridge.address("clear")) as http:
        http.send_head("POST", "/raw", [("expect", "100-continue"), ("content-length", "5")])
        back = _take_request(raw)
        assert b"\r\nexpect: 100-continue\r\n" in back.head
        back.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        assert http._until(b"\r\n\r\n", DEADLINE) == b"HTTP/1.1 100 Continue"
        http.send(b"hello")
        assert back.receive() == b"hello"
        back.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        assert http.read_reply().status == 200


def test_a_refusal_instead_of_100_continue(bridge, raw):
    with Http1(bridge.address("clear")) as http:
        http.send_head("POST", "/raw", [("expect", "100-continue"), ("content-length", "5")])
        back = _take_request(raw)
        back.send(b"HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n")
        reply = http.read_reply()
        assert reply.status == 417 and reply.header("connection") == "close"


def _take_request(raw):
    """The connection that the next request comes on: a kept one, or a new one."""
    def find():
        for connection in raw.connections:
            try:
                if (piece := connection.receive(0.01)):
                    connection.head = _read_head(connection, piece)
                    return connection
            except (TimeoutError, OSError):
                pass
        return None
    return wait_until("a request at the back-end", find)


@pytest.mark.parametrize("is_http2", [False, True])
def test_trailers_go_both_ways(bridge, raw, is_http2):
    if is_http2:
        connection = http2.connect(bridge.address("clear"))
        stream = connection.open([(":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", "/raw")])
        stream.send_data(b"abc")
        stream.send_headers([("x-up", "1")], end=True)
    else:
        http = Http1(bridge.address("clear"))
        http.send_head("POST", "/raw", [("transfer-encoding", "chunked")])
        http.send(b"3\r\nabc\r\n0\r\nx-up: 1\r\n\r\n")
    back = _take_request(raw)
    request = back.head
    while not request.endswith(b"\r\n0\r\nx-up: 1\r\n\r\n"):
        request += back.receive()
    assert b"\r\ntransfer-encoding: chunked\r\n" in request and b"\r\n3\r\nabc\r\n" in request
    back.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-down: 2\r\n\r\n")
    if is_http2:
        stream.wait_end()
        assert bytes(stream.body) == b"ok" and ("x-down", "2") in [tuple(field) for field in stream.trailers]
        connection.close()
    else:
        reply = http.read_reply()
        assert reply.body == b"ok" and reply.http_trailers == [b"x-down: 2"]
        http.close()


def test_a_client_that_leaves_ends_the_request_at_the_back_end(bridge, raw):
    with Http1(bridge.address("clear")) as http:
        http.send_head("GET", "/raw", [])
        back = _take_request(raw)
    assert back.receive() == b""


@pytest.mark.parametrize("answer", [
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 abc OK\r\n\r\n", b"NOT HTTP\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n"])
def test_an_answer_that_breaks_http_is_a_502(bridge, raw, answer):
    with Http1(bridge.address("clear")) as http:
        http.send_head("GET", "/raw", [])
        back = _take_request(raw)
        back.send(answer)
        reply = http.read_reply()
        assert reply.status == 502 and b"breaks HTTP/1.1" in reply.body or b"the answer's head" in reply.body


# Smuggling, over raw sockets: nothing of it reaches the back-end.

@pytest.mark.parametrize("request_bytes", [
    b"POST /raw HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET /raw/x HTTP/1.1\r\n\r\n",
    b"POST /raw HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
    b"POST /raw HTTP/1.1\r\nhost: h\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"POST /raw HTTP/1.1\r\nhost: h\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
    b"POST /raw HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
    b"GET /raw HTTP/1.1\nhost: h\n\n",
    b"GET http://other/raw HTTP/1.1\r\nhost: h\r\n\r\n",
    b"GET /raw HTTP/1.1\r\nhost: h\r\nhost: i\r\n\r\n",
    b"GET /raw HTTP/1.1\r\nhost: h\r\nx: a\r\n b\r\n\r\n",
])
def test_smuggling_is_refused_with_400_and_the_connection_closed(bridge, raw, request_bytes):
    before = len(raw.connections)
    with Http1(bridge.address("clear")) as http:
        http.send(request_bytes)
        reply = http.read_reply()
        assert reply.status == 400 and reply.header("connection") == "close"
        assert http.wire.read_to_end() == b""
    assert len(raw.connections) == before


# Bounded memory.

TOTAL, PIECE, LIMIT = 256 << 20, 1 << 20, 64 << 20


def _flood(send):
    """Sends TOTAL bytes from a thread; `.sent` counts them."""
    block = bytes(range(256)) * (PIECE // 256)

    class Flood:
        sent, failure = 0, None

        def run(self):
            try:
                while self.sent < TOTAL:
                    send(block)
                    self.sent += PIECE
            except Exception as failure:  # noqa: BLE001: the test's thread looks at it
                self.failure = failure

    flood = Flood()
    flood.thread = threading.Thread(target=flood.run, daemon=True)
    flood.thread.start()
    return flood


@pytest.mark.timeout(600)
@pytest.mark.parametrize("is_http2", [False, True])
def test_a_download_to_a_client_that_stalls_is_bounded(start_bridge, make_config, is_http2):
    raw = ScriptedTCP()
    bridge = start_bridge(make_config([{"backend": f"http://127.0.0.1:{raw.port}"}]))
    if is_http2:
        connection = http2.connect(bridge.address("clear"), window=1 << 20)
        stream = connection.open(
            [(":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", "/")], end=True)
        stream.is_held = True
    else:
        http = Http1(bridge.address("clear"), receive_buffer=1 << 18)
        http.send_head("GET", "/", [])
    back = raw.take()
    _read_head(back)
    back.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % TOTAL)
    flood = _flood(lambda block: back.send(block, 10 * DEADLINE))
    wait_still("the back-end", lambda: flood.sent)
    assert flood.sent < LIMIT
    assert bridge.peak_memory() < LIMIT
    received = 0
    if is_http2:
        stream.release()
        while received < TOTAL:
            stream.wait("more", lambda: stream.body or stream.ended)
            with connection.changed:
                received += len(stream.body)
                stream.body.clear()
        connection.close()
    else:
        http._until(b"\r\n\r\n", DEADLINE)
        received = len(http.take())
        while received < TOTAL:
            received += len(http.wire.receive())
        http.close()
    flood.thread.join(DEADLINE)
    assert flood.failure is None and received == TOTAL
    assert bridge.peak_memory() < LIMIT
    raw.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("is_http2", [False, True])
def test_an_upload_to_a_back_end_that_stalls_is_bounded(start_bridge, make_config, is_http2):
    raw = ScriptedTCP()
    bridge = start_bridge(make_config([{"backend": f"http://127.0.0.1:{raw.port}"}]))
    if is_http2:
        connection = http2.connect(bridge.address("clear"))
        stream = connection.open([(":method", "PUT"), (":scheme", "http"), (":authority", "localhost"), (":path", "/"),
                                  ("content-length", str(TOTAL))])
        send = lambda block: stream.send_data(block, deadline=10 * DEADLINE)
    else:
        http = Http1(bridge.address("clear"))
        http.send_head("PUT", "/", [("content-length", str(TOTAL))])
        send = lambda block: http.wire.send(block, 10 * DEADLINE)
    flood = _flood(send)
    back = raw.take()
    head, _, rest = _read_head(back).partition(b"\r\n\r\n")
    assert b"\r\ncontent-length: %d" % TOTAL in head
    wait_still("the client", lambda: flood.sent)
    assert flood.sent < LIMIT and bridge.peak_memory() < LIMIT
    received = len(rest)
    while received < TOTAL:
        received += len(back.receive(limit=1 << 18))
    flood.thread.join(DEADLINE)
    assert flood.failure is None and received == TOTAL
    back.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    if is_http2:
        stream.send_data(b"", end=True)
        stream.wait_end()
        connection.close()
    else:
        assert http.read_reply().status == 200
        http.close()
    assert bridge.peak_memory() < LIMIT
    raw.close()

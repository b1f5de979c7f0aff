# rtbridge: the PROXY protocol in front and behind (HAProxy's proxy-protocol.txt), HAProxy itself among the peers.
# SPDX-License-Identifier: Apache-2.0
import http.client
import json
import socket
import struct
import subprocess
import threading

import pytest

from support.authority import Authority
from support.bridge import binary
from support.processes import Child
from support.tcp import ScriptedTCP, refused_port
from support.waiting import DEADLINE, wait_until
from support.websocket import BINARY, WebSocket

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
UPGRADE = (b"GET / HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
           b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n")


def v2(source, destination, command=0x21, tlvs=b""):
    """A version 2 header for IPv4; `source` and `destination` are (address, port)."""
    body = b"".join(socket.inet_aton(address) for address, _ in (source, destination))
    body += struct.pack(">HH", source[1], destination[1]) + tlvs
    return SIGNATURE + bytes([command, 0x11]) + struct.pack(">H", len(body)) + body


# Behind.

@pytest.fixture
def back():
    server = ScriptedTCP()
    yield server
    server.close()


def read_exactly(wire, count):
    data = b""
    while len(data) < count:
        piece = wire.receive(DEADLINE)
        assert piece, f"the connection ended after {data!r}"
        data += piece
    return data


@pytest.mark.parametrize("mode", ["close", "resume"])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_back_end_is_told_of_the_client_before_all_else(start_bridge, make_config, back, version, mode):
    backends = {"b": {"protocol": "tcp", "endpoints": [f"127.0.0.1:{back.port}"], "proxyProtocol": version}}
    routes = [{"match": {"protocol": "websocket"}, "backend": "b", "reconnect": {"mode": mode}}]
    bridge = start_bridge(make_config(routes, backends=backends))
    with WebSocket(bridge.address("clear"), "/") as client:
        here, there = client.wire.socket.getsockname(), client.wire.socket.getpeername()
        connection = back.take()
        client.send(BINARY, b"first")
        if version == "v1":
            expected = f"PROXY TCP4 {here[0]} {there[0]} {here[1]} {there[1]}\r\n".encode()
        else:
            expected = v2(here, there)
        assert read_exactly(connection, len(expected) + 5) == expected + b"first"
        connection.send(b"answer")
        assert client.read_bytes(6) == b"answer"


def test_the_header_stands_before_tls(start_bridge, make_config, back, tmp_path):
    authority = Authority(tmp_path)
    backends = {"b": {"protocol": "tcp", "endpoints": [f"127.0.0.1:{back.port}"], "proxyProtocol": "v2",
                      "tls": {"caFile": authority.ca}}}
    bridge = start_bridge(make_config([{"match": {"protocol": "websocket"}, "backend": "b"}], backends=backends))
    with socket.create_connection(bridge.address("clear"), DEADLINE) as client:
        client.sendall(UPGRADE)
        connection = back.take()
        header = read_exactly(connection, 28 + 3)
        assert header[:28] == v2(client.getsockname(), client.getpeername())
        assert header[28] == 22, "a TLS handshake record (RFC 8446 §5.1)"


@pytest.mark.parametrize("version, expected", [("v1", b"PROXY UNKNOWN\r\n"), ("v2", SIGNATURE + b"\x20\0\0\0")])
def test_health_checks_are_nobody_s(start_bridge, make_config, back, version, expected):
    backends = {"b": {"protocol": "tcp", "endpoints": [f"127.0.0.1:{back.port}"], "proxyProtocol": version,
                      "healthCheck": {"type": "http", "interval": "60s"}}}
    start_bridge(make_config([{"match": {"protocol": "websocket"}, "backend": "b"}], backends=backends))
    connection, data = back.take(), b""
    while b"GET " not in data:
        data += connection.receive(DEADLINE)
    assert data.startswith(expected + b"GET /healthz HTTP/1.1\r\n")


# Behind, by HTTP: connections that are kept, each for one client.

@pytest.fixture(scope="module")
def nginx(program, tmp_path_factory):
    """Tells whose PROXY header a request came behind, which of its connections that was, and its place there."""
    directory = tmp_path_factory.mktemp("nginx")
    taken, port = refused_port()
    taken.close()
    (directory / "nginx.conf").write_text(f"""
        daemon off; master_process off; pid {directory}/pid; error_log stderr warn;
        events {{}}
        http {{
            access_log off; client_body_temp_path {directory}/b; proxy_temp_path {directory}/p;
            fastcgi_temp_path {directory}/f; uwsgi_temp_path {directory}/u; scgi_temp_path {directory}/s;
            server {{
                listen 127.0.0.1:{port} proxy_protocol;
                location / {{
                    return 200 "$proxy_protocol_addr:$proxy_protocol_port $connection $connection_requests\\n";
                }}
            }}
        }}""")
    child = Child([program("nginx"), "-c", directory / "nginx.conf", "-p", directory], directory / "nginx.log")

    def listens():
        assert child.is_running, child.errors()
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", port)) == 0

    wait_until("nginx", listens)
    child.port = port
    yield child
    child.kill()


class Browser:
    """A client that keeps its connection, from an address of its own."""

    def __init__(self, address, context=None, source="127.0.0.1"):
        source = (source, 0)
        self.connection = (
            http.client.HTTPSConnection("localhost", address[1], timeout=DEADLINE, context=context, source_address=source)
            if context else http.client.HTTPConnection(*address, timeout=DEADLINE, source_address=source))
        self.connection.connect()
        self.name = "%s:%d" % self.connection.sock.getsockname()[:2]

    def ask(self):
        """Who nginx says that it is, nginx's number of its connection, and the request's number there."""
        self.connection.request("GET", "/")
        reply = self.connection.getresponse()
        body = reply.read().decode()
        assert reply.status == 200, body
        who, connection, number = body.split()
        return who, connection, int(number)


@pytest.fixture(scope="module", params=["v1", "v2"])
def site(request, start_bridge, make_config, nginx):
    backends = {"b": {"protocol": "http", "endpoints": [f"127.0.0.1:{nginx.port}"], "proxyProtocol": request.param}}
    config = make_config([{"match": {"protocol": "http"}, "backend": "b"}], backends=backends, workers=1)
    config["listeners"]["proxied"] = {"address": "127.0.0.1:0", "proxyProtocol": {"accept": True, "trustedProxies": ["127.0.0.1"]}}
    return start_bridge(config)


@pytest.mark.parametrize("listener", ["clear", "tls"])
def test_nginx_is_told_of_each_client_in_turn_and_connections_are_kept(site, certificates, listener):
    context = certificates.context() if listener == "tls" else None
    clients = [Browser(site.address(listener), context, source) for source in ("127.0.0.1", "127.0.0.2", "127.0.0.2")]
    connections = []
    for number in range(1, 6):
        replies = [client.ask() for client in clients]
        assert [who for who, _, _ in replies] == [client.name for client in clients]
        assert [place for _, _, place in replies] == [number] * 3, "each on a connection that was kept"
        connections.append([connection for _, connection, _ in replies])
    assert all(same == connections[0] for same in connections) and len(set(connections[0])) == 3
    for client in clients:
        client.connection.close()


def test_many_clients_at_once_are_never_mixed_up(site):
    wrong, done = [], []

    def run(index):
        for _ in range(5):
            client = Browser(site.address("clear"), source=f"127.0.1.{index + 1}")
            for _ in range(10):
                who, _, _ = client.ask()
                if who != client.name:
                    wrong.append((who, client.name))
            client.connection.close()
        done.append(index)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 16 and not wrong, wrong[:5]


def test_streams_of_one_http2_connection_share_its_connections(site, program, certificates):
    url = "https://localhost:%d/" % site.address("tls")[1]
    # Over TLS: curl 7.88 cannot use an HTTP/2 connection in the clear twice, whoever is on the other side.
    result = subprocess.run(
        [program("curl"), "-sS", "--ipv4", "--http2", "--cacert", certificates.ca, "-w", "%{http_version} %{local_ip}:%{local_port}\n",
         url, url], text=True, capture_output=True, timeout=DEADLINE)
    assert len(result.stdout.splitlines()) == 4, result
    first, name, second, same_name = result.stdout.splitlines()
    assert name == same_name and f"2 {first.split()[0]}" == f"2 {second.split()[0]}" == name
    assert first.split()[1] == second.split()[1] and second.split()[2] == "2"


def test_a_client_behind_a_trusted_proxy_is_passed_on(site):
    with socket.create_connection(site.address("proxied"), DEADLINE) as client:
        client.sendall(b"PROXY TCP4 203.0.113.9 198.51.100.1 4711 443\r\nGET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        data = b""
        while piece := client.recv(4096):
            data += piece
    assert b"203.0.113.9:4711 " in data


def test_a_kept_connection_is_closed_with_its_client(start_bridge, make_config, back):
    backends = {"b": {"protocol": "http", "endpoints": [f"127.0.0.1:{back.port}"], "proxyProtocol": "v1"}}
    bridge = start_bridge(make_config([{"match": {"protocol": "http"}, "backend": "b"}], backends=backends))
    client = Browser(bridge.address("clear"))
    client.connection.request("GET", "/")
    connection = back.take()
    head = b""
    while b"\r\n\r\n" not in head:
        head += connection.receive(DEADLINE)
    assert head.startswith(b"PROXY TCP4 127.0.0.1 ") and head.count(b"PROXY") == 1
    connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
    assert client.connection.getresponse().read() == b""
    client.connection.close()
    assert connection.receive(DEADLINE) == b"", "it waited for a client that is gone"


# In front.

@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, tcp_ack, certificates):
    config = make_config([{"match": {"protocol": "websocket"}, "backend": f"tcp://127.0.0.1:{tcp_ack.port}"}])
    trusted = {"accept": True, "trustedProxies": ["127.0.0.0/8", "::1"]}
    config["listeners"]["clear"]["proxyProtocol"] = trusted
    config["listeners"]["clear"]["limits"] = {"headerTimeout": "700ms"}
    config["listeners"]["tls"]["proxyProtocol"] = trusted
    config["listeners"]["strict"] = {"address": "127.0.0.1:0",
                                     "proxyProtocol": {"accept": True, "trustedProxies": ["192.0.2.0/24"]}}
    return start_bridge(config)


def answer(address, *pieces):
    """What comes back for these bytes; b"" for a connection that is closed without a word."""
    with socket.create_connection(address, DEADLINE) as client:
        client.settimeout(DEADLINE)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for piece in pieces:
                client.sendall(piece)
            return client.recv(65536)
        except ConnectionError:
            return b""


CLIENT, PROXY = ("203.0.113.9", 4711), ("198.51.100.1", 443)


@pytest.mark.parametrize("header, client", [
    (b"PROXY TCP4 203.0.113.9 198.51.100.1 4711 443\r\n", "203.0.113.9"),
    (b"PROXY TCP6 2001:db8::9 2001:db8::1 4711 443\r\n", "2001:db8::9"),
    (b"PROXY UNKNOWN\r\n", "127.0.0.1"),
    (v2(CLIENT, PROXY), "203.0.113.9"),
    (v2(CLIENT, PROXY, tlvs=b"\x01\0\x02h2"), "203.0.113.9"),
    (v2(CLIENT, PROXY, command=0x20), "127.0.0.1"),
])
@pytest.mark.parametrize("cut", [False, True])
def test_the_client_is_the_one_in_the_header(bridge, header, client, cut):
    before = len(bridge.errors())
    request = header + UPGRADE
    pieces = [request[i:i + 1] for i in range(len(request))] if cut else [request]
    assert answer(bridge.address("clear"), *pieces).startswith(b"HTTP/1.1 101 ")
    wait_until("the access line", lambda: f"client.address={client} " in bridge.errors()[before:])


def test_tls_comes_behind_the_header(bridge, certificates):
    before = len(bridge.errors())
    with socket.create_connection(bridge.address("tls"), DEADLINE) as raw:
        raw.sendall(v2(CLIENT, PROXY))
        with certificates.context().wrap_socket(raw, server_hostname="localhost") as client:
            client.sendall(UPGRADE)
            assert client.recv(65536).startswith(b"HTTP/1.1 101 ")
    wait_until("the access line", lambda: "client.address=203.0.113.9 " in bridge.errors()[before:])


@pytest.mark.parametrize("bytes, said", [
    (UPGRADE, "the connection does not begin with a PROXY header"),
    (b"PROXY TCP4 203.0.113.9 198.51.100.1 4711\r\n" + UPGRADE, "the PROXY line cannot be read"),
    (b"PROXY " + b"x" * 200, "the PROXY line is longer than 107 bytes"),
    (SIGNATURE + b"\x31\x11\0\x0c" + b"x" * 12, "the PROXY header has an unknown version or command"),
    (SIGNATURE + b"\x21\x11\xff\xff", "the PROXY header is longer than 4 KiB"),
    (b"PROXY TCP4 203.0.113.9", "no whole PROXY header within limits.headerTimeout"),
    (b"", "no whole PROXY header within limits.headerTimeout"),
])
def test_a_trusted_peer_must_send_a_whole_header(bridge, bytes, said):
    before = len(bridge.errors())
    assert answer(bridge.address("clear"), bytes) == b""
    wait_until("the reason in the log", lambda: said in bridge.errors()[before:])


def test_a_peer_that_is_not_trusted_may_not_send_one(bridge):
    assert answer(bridge.address("strict"), UPGRADE).startswith(b"HTTP/1.1 101 ")
    for header in (b"PROXY TCP4 203.0.113.9 198.51.100.1 4711 443\r\n", v2(CLIENT, PROXY)):
        before = len(bridge.errors())
        assert answer(bridge.address("strict"), header + UPGRADE) == b""
        said = "a PROXY header from a peer that is not among proxyProtocol.trustedProxies"
        wait_until("the reason in the log", lambda: said in bridge.errors()[before:])
    assert "client.address=203.0.113.9" not in [line for line in bridge.errors().splitlines() if "strict" in line]


def test_one_bridge_tells_another(start_bridge, make_config, bridge, back):
    """A client's address goes through two bridges: out by the first one, in by the second one."""
    backends = {"b": {"protocol": "websocket", "endpoints": [":".join(map(str, bridge.address("clear")))],
                      "proxyProtocol": "v2"}}
    first = start_bridge(make_config([{"match": {"protocol": "websocket"}, "backend": "b"}], backends=backends,
                                     listener={}))
    before = len(bridge.errors())
    with WebSocket(first.address("clear"), "/") as client:
        client.send(BINARY, b"x")
        assert client.read(DEADLINE).payload
    wait_until("the access line", lambda: "client.address=127.0.0.1 " in bridge.errors()[before:])
    assert "connection refused" not in bridge.errors()[before:]


# HAProxy.

@pytest.fixture
def haproxy(program, tmp_path):
    def start(frontend, backend):
        config = tmp_path / "haproxy.cfg"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        config.write_text(f"""
defaults
  mode tcp
  timeout connect 10s
  timeout client 30s
  timeout server 30s
listen l
  bind 127.0.0.1:{port} {frontend}
  server s {backend}
""")
        child = Child([program("haproxy"), "-db", "-f", config], tmp_path / "haproxy.log")
        started.append(child)

        def is_up():
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return True
            except OSError:
                assert child.is_running, child.errors()
                return False

        wait_until("HAProxy", is_up)
        return "127.0.0.1", port

    started = []
    yield start
    for child in started:
        child.kill()


@pytest.mark.parametrize("option", ["send-proxy", "send-proxy-v2"])
def test_haproxy_in_front(bridge, haproxy, option):
    host, port = bridge.address("clear")
    front = haproxy("", f"{host}:{port} {option}")
    before = len(bridge.errors())
    with WebSocket(front, "/") as client:
        client.send(BINARY, b"x")
        assert client.read(DEADLINE).payload
    wait_until("the access line", lambda: "listener.name=clear" not in bridge.errors()[before:]
               and "client.address=127.0.0.1 " in bridge.errors()[before:])


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_haproxy_behind(start_bridge, make_config, haproxy, back, version):
    """It takes our header, and passes what it says on in version 1."""
    host, port = haproxy("accept-proxy", f"127.0.0.1:{back.port} send-proxy")
    backends = {"b": {"protocol": "tcp", "endpoints": [f"{host}:{port}"], "proxyProtocol": version}}
    bridge = start_bridge(make_config([{"match": {"protocol": "websocket"}, "backend": "b"}], backends=backends))
    with WebSocket(bridge.address("clear"), "/") as client:
        here, there = client.wire.socket.getsockname(), client.wire.socket.getpeername()
        client.send(BINARY, b"first")
        expected = f"PROXY TCP4 {here[0]} {there[0]} {here[1]} {there[1]}\r\nfirst".encode()
        connection = back.take()
        while not (data := connection.receive(DEADLINE)):
            connection = back.take()    # the connection that looked for HAProxy
        assert read_exactly_from(connection, data, len(expected)) == expected


def read_exactly_from(wire, data, count):
    return data if len(data) >= count else data + read_exactly(wire, count - len(data))


# Configurations.

@pytest.mark.parametrize("listener, backend, said", [
    ({"accept": True}, {}, "listeners.l.proxyProtocol.trustedProxies: nobody may send the header"),
    ({"trustedProxies": ["10.0.0.0/8"]}, {}, "listeners.l.proxyProtocol.trustedProxies: has no effect without accept"),
    ({"accept": True, "trustedProxies": ["10.0.0.1/8"]}, {}, "has bits behind its prefix"),
    ({"accept": True, "trustedProxies": ["10.0.0.0/33"]}, {}, "has a prefix outside 0...32"),
    ({"accept": True, "trustedProxies": ["proxy.example"]}, {}, "is no IP address or range of them"),
    ({}, {"proxyProtocol": "v3"}, 'backends.b.proxyProtocol: "v3" is not known here'),
    ({}, {"protocol": "grpc", "proxyProtocol": "v1"}, "backends.b.proxyProtocol: grpc back-ends take no PROXY header"),
])
def test_wrong_options_are_refused(tmp_path, listener, backend, said):
    config = tmp_path / "routes.json"
    config.write_text(json.dumps({
        "listeners": {"l": {"address": "127.0.0.1:0", "proxyProtocol": listener}},
        "backends": {"b": {"protocol": "tcp", "endpoints": ["127.0.0.1:1"], **backend}},
        "routes": [{"backend": "b"}]}))
    result = subprocess.run([binary(), "check", "--config", config], text=True, capture_output=True, timeout=DEADLINE)
    assert result.returncode == 2 and said in result.stderr, result

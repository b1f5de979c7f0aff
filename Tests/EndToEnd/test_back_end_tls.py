# rtbridge: TLS to back-ends: names, trust, client certificates, ALPN, and what is said when one of them is wrong.
# SPDX-License-Identifier: Apache-2.0
import json
import os
import ssl
import subprocess

import pytest

from support.authority import Authority, self_signed
from support.bridge import binary
from support.grpc_web import Endpoint, frame, name_message
from support.tls_server import PlainServer, TLSEcho
from support.waiting import DEADLINE, wait_until
from support.websocket import BINARY, WebSocket, close_payload, CLOSE

HELLO = "/helloworld.Greeter/SayHello"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def good(authority):
    return authority.issue("good")


@pytest.fixture(scope="module")
def servers():
    """servers(class, …): a server that is closed at the module's end."""
    started = []

    def start(kind, *arguments, **options):
        started.append(kind(*arguments, **options))
        return started[-1]

    yield start
    for server in started:
        server.close()


def websocket_routes(backends, **route):
    return [{"name": name, "match": {"protocol": "websocket", "path": f"/{name}"}, "backend": name, **route}
            for name in backends]


def tcp(port, host="127.0.0.1", **tls):
    return {"protocol": "tcp", "endpoints": [f"{host}:{port}"], "tls": tls}


# Sessions.

@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("mode", ["close", "resume"])
def test_a_session_goes_through_tls_intact(start_bridge, make_config, authority, good, servers, version, mode):
    server = servers(TLSEcho, *good, versions=version)
    backends = {"echo": tcp(server.port, caFile=authority.ca)}
    routes = websocket_routes(backends, reconnect={"mode": mode}, websocket={"maxMessageBytes": "4MiB"})
    bridge = start_bridge(make_config(routes, backends=backends))
    with WebSocket(bridge.address("clear"), "/echo") as client:
        for size in (1, 16384, 16385, 100_000, 3_000_001):
            data = os.urandom(size)
            client.send(BINARY, data)
            assert client.read_bytes(size) == data
        client.send(CLOSE, close_payload(1000))
        _, close = client.read_until_close()
        assert close is not None and close.code == 1000
    wait_until("the session's clean end", lambda: server.names)
    assert not server.failures


def test_the_name_is_asked_for_and_an_address_is_not(start_bridge, make_config, authority, good, servers):
    """RFC 6066 §3: literal addresses are not permitted in "HostName"."""
    server = servers(TLSEcho, *authority.issue("sni", ["DNS:localhost", "DNS:other.example", "IP:127.0.0.1"]))
    backends = {
        "name": tcp(server.port, "localhost", caFile=authority.ca),
        "address": tcp(server.port, caFile=authority.ca),
        "other": tcp(server.port, caFile=authority.ca, serverName="other.example"),
    }
    bridge = start_bridge(make_config(websocket_routes(backends), backends=backends))
    for name, expected in (("name", "localhost"), ("address", None), ("other", "other.example")):
        server.names.clear()
        with WebSocket(bridge.address("clear"), f"/{name}") as client:
            client.send(BINARY, b"x")
            assert client.read_bytes(1) == b"x"
        assert server.names == [expected]


def test_a_url_is_enough_where_the_system_trusts_the_server(start_bridge, make_config, good, authority, servers, tmp_path,
                                                           monkeypatch):
    # OpenSSL's own variable for the system's roots.
    monkeypatch.setenv("SSL_CERT_FILE", authority.ca)
    server = servers(TLSEcho, *good)
    routes = [{"match": {"protocol": "websocket"}, "backend": f"tls://localhost:{server.port}"}]
    bridge = start_bridge(make_config(routes))
    with WebSocket(bridge.address("clear"), "/") as client:
        client.send(BINARY, b"through the system's roots")
        assert client.read_bytes(26) == b"through the system's roots"


def test_a_client_certificate_is_shown(start_bridge, make_config, authority, good, servers, tmp_path):
    clients = Authority(tmp_path / "clients", "clients")
    cert, key = clients.issue("bridge", [])
    server = servers(TLSEcho, *good, client_ca=clients.ca)
    backends = {"echo": tcp(server.port, caFile=authority.ca, certFile=cert, keyFile=key)}
    bridge = start_bridge(make_config(websocket_routes(backends), backends=backends))
    with WebSocket(bridge.address("clear"), "/echo") as client:
        client.send(BINARY, b"who am I")
        assert client.read_bytes(8) == b"who am I"
    assert server.peers[0]["subject"] == ((("commonName", "bridge"),),)


def test_an_end_without_close_notify_is_no_clean_end(start_bridge, make_config, authority, good, servers):
    """RFC 8446 §6.1: what comes before such an end may be cut short."""
    def cut(data):
        raise OSError("the connection is closed without a close_notify")

    server = servers(TLSEcho, *good, on_bytes=cut)
    backends = {"echo": tcp(server.port, caFile=authority.ca)}
    bridge = start_bridge(make_config(websocket_routes(backends), backends=backends))
    with WebSocket(bridge.address("clear"), "/echo") as client:
        client.send(BINARY, b"x")
        _, close = client.read_until_close()
        assert close.code == 1013 and "without a close_notify" in close.reason


# gRPC.

@pytest.mark.parametrize("balanced", [False, True])
def test_grpc_goes_through_tls_with_h2(start_bridge, make_config, authority, good, start_backend, grpc_proto, balanced):
    server = start_backend("secure_greeter.py", *good, modules=grpc_proto)
    backends = {"greeter": {"protocol": "grpc", "endpoints": [f"{'localhost' if balanced else '127.0.0.1'}:{server.port}"],
                            "tls": {"caFile": authority.ca}}}
    if balanced:
        backends["greeter"]["healthCheck"] = {"type": "grpc", "interval": "1s"}
    bridge = start_bridge(make_config([{"match": {"protocol": "grpc-web"}, "backend": "greeter"}], backends=backends,
                                      admin={"address": "127.0.0.1:0"}, health={"requireBackends": ["greeter"]}))
    for version in ("http/1.1", "http/2"):
        reply = Endpoint(bridge.address("clear"), None, version).call(HELLO, frame(name_message("TLS")))
        assert reply.messages == [name_message("Hello, TLS!")]


# What is wrong, in the client's error, the log and `check --probe`.

@pytest.fixture(scope="module")
def wrong(authority, good, servers, tmp_path_factory):
    """name: (back-end, what is said)."""
    directory = tmp_path_factory.mktemp("wrong")
    stranger = Authority(directory / "stranger", "stranger")
    ca = authority.ca

    def echo(certificate, **options):
        return servers(TLSEcho, *certificate, **options).port

    def grpc(port):
        return {"protocol": "grpc", "endpoints": [f"127.0.0.1:{port}"], "tls": {"caFile": ca}}

    wanted = echo(good, client_ca=ca)
    return {
        "expired": (tcp(echo(authority.issue("expired", end="20200201000000Z")), caFile=ca), "certificate has expired"),
        "early": (tcp(echo(authority.issue("early", start="20980101000000Z")), caFile=ca), "certificate is not yet valid"),
        "name": (tcp(echo(authority.issue("name", ["DNS:other.example"])), "localhost", caFile=ca),
                 "the certificate is not for localhost; it has other.example (tls.serverName)"),
        "address": (tcp(echo(authority.issue("address", ["DNS:localhost"])), caFile=ca),
                    "the certificate is not for 127.0.0.1; it has localhost (tls.serverName)"),
        "unknown-ca": (tcp(echo(stranger.issue("unknown")), caFile=ca), "no trusted root signed the certificate"),
        "self-signed": (tcp(echo(self_signed(directory)), caFile=ca), "self-signed certificate"),
        "plain": (tcp(servers(PlainServer, b"220 ready\r\n").port, caFile=ca), "the peer does not speak TLS"),
        "silent": ({**tcp(servers(PlainServer, b"").port, caFile=ca), "timeouts": {"connect": "700ms"}},
                   "no end of the handshake within 0.7 s (timeouts.connect)"),
        "client-certificate": (tcp(wanted, caFile=ca), "the back-end wants a client certificate (tls.certFile, tls.keyFile)"),
        "client-certificate-1.2": (tcp(echo(good, client_ca=ca, versions=ssl.TLSVersion.TLSv1_2), caFile=ca),
                                   "the back-end wants a client certificate (tls.certFile, tls.keyFile)"),
        "grpc-expired": (grpc(echo(authority.issue("grpc-expired", end="20200201000000Z"), alpn=["h2"])),
                         "certificate has expired"),
        "grpc-no-alpn": (grpc(echo(good)), "agreed to no protocol by ALPN; gRPC needs h2"),
        "grpc-client-certificate": (grpc(echo(good, client_ca=ca, alpn=["h2"])),
                                    "the back-end wants a client certificate (tls.certFile, tls.keyFile)"),
    }


@pytest.fixture(scope="module")
def wrong_bridge(start_bridge, make_config, wrong):
    backends = {name: backend for name, (backend, _) in wrong.items()}
    routes = []
    for name, backend in backends.items():
        protocol = "grpc-web" if backend["protocol"] == "grpc" else "websocket"
        routes.append({"name": name, "match": {"protocol": protocol, "pathPrefix": f"/{name}/"}, "backend": name})
    return start_bridge(make_config(routes, backends=backends, logging={"level": "debug"}))


NAMES = ["expired", "early", "name", "address", "unknown-ca", "self-signed", "plain", "silent", "client-certificate",
         "client-certificate-1.2", "grpc-expired", "grpc-no-alpn", "grpc-client-certificate"]


@pytest.mark.parametrize("name", NAMES)
def test_a_failed_handshake_is_explained_to_the_client_and_in_the_log(wrong, wrong_bridge, name):
    backend, said = wrong[name]
    where = f"route {name}: {backend['endpoints'][0]}: TLS: "
    if backend["protocol"] == "grpc":
        reply = Endpoint(wrong_bridge.address("clear"), None, "http/2").call(f"/{name}/x", frame(b""))
        assert reply.status == 14
        message = reply.message
    else:
        reply = open_until_lost(wrong_bridge.address("clear"), f"/{name}/")
        message = reply
    # An endpoint that is a name is dialled at its addresses.
    assert message.startswith(where.replace("localhost", "127.0.0.1")), message
    # A close frame has room for 123 bytes.
    assert said[:60] in message, message
    wait_until("the reason in the log", lambda: said in wrong_bridge.errors())
    # The connection that was given up has nothing more to tell.
    assert "before its SETTINGS frame" not in wrong_bridge.errors()


def open_until_lost(address, path):
    """The text with which a session is refused, or closed at once."""
    from support.websocket import Refused
    try:
        with WebSocket(address, path) as client:
            client.send(BINARY, b"x")
            _, close = client.read_until_close()
            assert close.code == 1013
            return close.reason
    except Refused as refused:
        assert refused.reply.status in (502, 504)
        return refused.reply.body.decode()


def test_check_with_probe_says_what_each_back_end_is(wrong, authority, good, servers, tmp_path):
    backends = {name: backend for name, (backend, _) in wrong.items()}
    backends["good"] = tcp(servers(TLSEcho, *good).port, "localhost", caFile=authority.ca)
    config = tmp_path / "routes.json"
    config.write_text(json.dumps({
        "listeners": {"l": {"address": "127.0.0.1:0"}}, "backends": backends,
        "routes": [{"match": {"protocol": "websocket"}, "backend": "good"}]}))
    result = subprocess.run([binary(), "check", "--config", config, "--probe"], text=True, capture_output=True,
                            timeout=3 * DEADLINE)
    assert result.returncode == 1, result
    assert f"backends.good.endpoints[0]: {backends['good']['endpoints'][0]}: reached" in result.stdout
    for name, (backend, said) in wrong.items():
        line = next(line for line in result.stderr.splitlines() if line.startswith(f"backends.{name}.endpoints[0]: "))
        assert f"{backend['endpoints'][0]}: TLS: " in line and said in line
    only_good = {"good": backends["good"]}
    config.write_text(json.dumps({
        "listeners": {"l": {"address": "127.0.0.1:0"}}, "backends": only_good,
        "routes": [{"match": {"protocol": "websocket"}, "backend": "good"}]}))
    result = subprocess.run([binary(), "check", "--config", config, "--probe"], text=True, capture_output=True,
                            timeout=DEADLINE)
    assert result.returncode == 0 and not result.stderr, result


# Health checks.

@pytest.mark.parametrize("kind", ["tcp", "http", "grpc-http"])
def test_health_checks_go_over_tls(start_bridge, make_config, authority, good, servers, kind):
    answers = []

    def answer(data):
        answers.append(data)
        return b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n"

    server = servers(TLSEcho, *good, alpn=["h2", "http/1.1"], on_bytes=answer)
    expired = servers(TLSEcho, *authority.issue(f"health-{kind}", end="20200201000000Z"))
    check = {"type": "tcp" if kind == "tcp" else "http", "interval": "200ms", "unhealthyThreshold": 1}
    backends = {}
    for name, port in (("well", server.port), ("ill", expired.port)):
        backends[name] = {**tcp(port, caFile=authority.ca), "healthCheck": check}
        if kind == "grpc-http":
            backends[name]["protocol"] = "grpc"
    match = {"protocol": "grpc-web" if kind == "grpc-http" else "websocket"}
    routes = [{"match": {**match, "pathPrefix": f"/{name}"}, "backend": name} for name in backends]
    bridge = start_bridge(make_config(routes, backends=backends))
    expected = "TLS: certificate has expired"
    wait_until("the failed check in the log", lambda: expected in bridge.errors() and "unhealthy" in bridge.errors())
    wait_until("a check of the other one", lambda: server.names)
    if kind != "tcp":
        wait_until("its request", lambda: answers)
        assert answers[0].startswith(b"GET /healthz HTTP/1.1\r\n")
    assert not [line for line in bridge.errors().splitlines() if "unhealthy" in line and f":{server.port}" in line]


# Configurations.

@pytest.mark.parametrize("tls, said", [
    ({"caFile": "missing.pem"}, 'backends.b.tls.caFile: "missing.pem" cannot be read: No such file or directory'),
    ({"certFile": "CERT"}, "backends.b.tls.certFile: a certificate without its key"),
    ({"keyFile": "KEY"}, "backends.b.tls.keyFile: a key without its certificate"),
    ({"verify": False, "caFile": "CERT"}, "backends.b.tls.caFile: has no effect with verify false"),
    ({"serverName": "a b"}, 'backends.b.tls.serverName: "a b" has a host that is no name or IP address'),
    ({"certFile": "CERT", "keyFile": "OTHER"}, "the key does not match the certificate"),
    ({"caFile": "KEY"}, "no certificate in it; expected PEM"),
])
def test_wrong_options_are_refused_when_the_file_is_read(good, authority, tmp_path, tls, said):
    other = authority.issue("another")[1]
    files = {"CERT": good[0], "KEY": good[1], "OTHER": other}
    tls = {key: files.get(value, value) if isinstance(value, str) else value for key, value in tls.items()}
    config = tmp_path / "routes.json"
    config.write_text(json.dumps({
        "listeners": {"l": {"address": "127.0.0.1:0"}},
        "backends": {"b": {"protocol": "tcp", "endpoints": ["127.0.0.1:1"], "tls": tls}},
        "routes": [{"match": {"protocol": "websocket"}, "backend": "b"}]}))
    for arguments in (["check", "--config", config], ["--config", config]):
        result = subprocess.run([binary(), *arguments], text=True, capture_output=True, timeout=DEADLINE)
        assert result.returncode == 2 and said in result.stderr, result
        assert "backends.b.tls" in result.stderr, result

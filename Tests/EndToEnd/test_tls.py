# rtbridge: TLS handshakes with independent clients: OpenSSL, GnuTLS, curl, nghttp2 (RFC 8446, RFC 5246, RFC 7301).
# SPDX-License-Identifier: Apache-2.0
import re
import socket
import ssl
import subprocess

import pytest

from support.grpc_web import BINARY, frame, name_message
from support.http1 import Http1
from support.waiting import DEADLINE
from support.wire import Wire

HELLO = "/helloworld.Greeter/SayHello"


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, certificates, greeter):
    config = make_config([
        {"match": {"protocol": "grpc-web"}, "backend": f"grpc://127.0.0.1:{greeter.port}"}])
    config["listeners"].update({
        "tls13": {"address": "127.0.0.1:0", "tls": certificates.listener(minVersion="1.3")},
        "http1": {"address": "127.0.0.1:0", "tls": certificates.listener(), "protocols": ["http/1.1"]},
        "development": {"address": "127.0.0.1:0", "tls": {"development": True}},
        "ciphers": {"address": "127.0.0.1:0",
                    "tls": certificates.listener(cipherSuites=["TLS_CHACHA20_POLY1305_SHA256"], groups=["P-256"])},
    })
    return start_bridge(config)


def run(*arguments, input=""):
    result = subprocess.run([str(argument) for argument in arguments], input=input, text=True, errors="replace",
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=DEADLINE)
    return result.returncode, result.stdout


@pytest.mark.parametrize("version, option", [("TLSv1.2", "-tls1_2"), ("TLSv1.3", "-tls1_3")])
@pytest.mark.parametrize("offer, chosen", [("h2,http/1.1", "h2"), ("http/1.1", "http/1.1"), ("http/1.1,h2", "h2")])
def test_openssl_shakes_hands(bridge, certificates, program, version, option, offer, chosen):
    host, port = bridge.address("tls")
    status, output = run(program("openssl"), "s_client", "-connect", f"{host}:{port}", "-servername", "localhost", option,
                         "-alpn", offer, "-CAfile", certificates.ca, "-verify_return_error", "-verify_hostname",
                         "localhost")
    assert status == 0, output
    assert f"ALPN protocol: {chosen}" in output and "Verify return code: 0 (ok)" in output, output
    assert re.search(rf"(Protocol *: |New, ){re.escape(version)}", output), output


@pytest.mark.parametrize("priority", ["NORMAL:-VERS-ALL:+VERS-TLS1.2", "NORMAL:-VERS-ALL:+VERS-TLS1.3"])
@pytest.mark.parametrize("protocol", ["h2", "http/1.1"])
def test_gnutls_shakes_hands(bridge, certificates, program, priority, protocol):
    _, port = bridge.address("tls")
    status, output = run(program("gnutls-cli"), f"--x509cafile={certificates.ca}", f"--priority={priority}",
                         f"--alpn={protocol}", f"--port={port}", "localhost")
    assert status == 0, output
    assert f"- Application protocol: {protocol}" in output and "Handshake was completed" in output, output
    assert "Status: The certificate is trusted" in output, output


@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
@pytest.mark.parametrize("tls", ["--tlsv1.2 --tls-max 1.2", "--tlsv1.3"])
def test_curl_makes_a_grpc_web_call(bridge, certificates, program, tmp_path, version, tls):
    request, answer = tmp_path / "request", tmp_path / "answer"
    request.write_bytes(frame(name_message("curl")))
    _, port = bridge.address("tls")
    status, output = run(
        program("curl"), "--silent", "--show-error", "--cacert", certificates.ca, version, *tls.split(),
        "--header", f"content-type: {BINARY}", "--data-binary", f"@{request}", "--output", answer,
        "--write-out", "%{http_code} %{http_version}", f"https://localhost:{port}{HELLO}")
    assert status == 0, output
    assert output == f"200 {'2' if version == '--http2' else '1.1'}"
    assert answer.read_bytes().startswith(frame(name_message("Hello, curl!")))


def test_nghttp_makes_a_grpc_web_call_over_h2c_and_tls(bridge, program, tmp_path):
    request = tmp_path / "request"
    request.write_bytes(frame(name_message("nghttp")))
    for listener in ("tls", "clear"):
        status, output = run(program("nghttp"), "--no-verify-peer", "-H", f"content-type: {BINARY}", f"--data={request}",
                             bridge.url(listener, HELLO))
        assert status == 0 and "Hello, nghttp!" in output, output


def test_a_client_below_the_least_version_is_refused(bridge, certificates, program):
    host, port = bridge.address("tls13")
    status, output = run(program("openssl"), "s_client", "-connect", f"{host}:{port}", "-tls1_2",
                         "-CAfile", certificates.ca)
    assert status != 0 and "alert protocol version" in output, output
    status, output = run(program("openssl"), "s_client", "-connect", f"{host}:{port}", "-tls1_3",
                         "-CAfile", certificates.ca)
    assert status == 0, output


@pytest.mark.parametrize("option", ["-tls1", "-tls1_1"])
def test_versions_before_tls_1_2_are_refused(bridge, program, option):
    # RFC 8996: TLS 1.0 and 1.1 must not be used. SECLEVEL 0 lets the client offer them.
    host, port = bridge.address("tls")
    status, output = run(program("openssl"), "s_client", "-connect", f"{host}:{port}", option, "-cipher",
                         "ALL:@SECLEVEL=0")
    assert status != 0, output
    assert "alert protocol version" in output or "alert handshake failure" in output, output


def test_a_listener_without_h2_chooses_http_1_1(bridge, certificates):
    wire = Wire.connect(bridge.address("http1"), certificates.context(), ["h2", "http/1.1"])
    assert wire.alpn == "http/1.1"
    wire.close()


def test_a_client_without_alpn_speaks_http_1_1(bridge, certificates, greeter):
    context = certificates.context()
    http = Http1.__new__(Http1)
    http.wire, http._buffer = Wire.connect(bridge.address("tls"), context), bytearray()
    assert http.wire.alpn is None
    body = frame(name_message("Ada"))
    http.send_head("POST", HELLO, [("content-type", BINARY), ("content-length", str(len(body)))])
    http.send(body)
    assert name_message("Hello, Ada!") in http.read_reply().body
    http.close()


def test_a_client_whose_protocols_are_all_unknown_is_refused_by_alert(bridge, certificates):
    # RFC 7301 §3.2: "the server SHALL respond with a fatal 'no_application_protocol' alert".
    with pytest.raises(ssl.SSLError, match="(?i)no.application.protocol"):
        Wire.connect(bridge.address("tls"), certificates.context(), ["spdy/3"]).close()


def test_suites_and_groups_are_those_of_the_configuration(bridge, certificates, program):
    host, port = bridge.address("ciphers")
    status, output = run(program("openssl"), "s_client", "-connect", f"{host}:{port}", "-CAfile", certificates.ca,
                         "-tls1_3")
    assert status == 0 and "TLS_CHACHA20_POLY1305_SHA256" in output, output
    assert "ECDH, prime256v1" in output or "P-256" in output, output


def test_a_development_certificate_is_made_and_warned_of(bridge, program):
    host, port = bridge.address("development")
    status, output = run(program("openssl"), "s_client", "-connect", f"{host}:{port}", "-servername", "localhost",
                         "-alpn", "h2")
    assert status == 0 and "ALPN protocol: h2" in output, output
    status, text = run(program("openssl"), "x509", "-noout", "-text", input=output)
    assert status == 0 and "DNS:localhost" in text and "IP Address:127.0.0.1" in text, text
    assert re.search(r"(?i)development", bridge.errors()), "no warning in the log"


def test_a_close_notify_ends_the_connection_both_ways(bridge, certificates):
    """RFC 8446 §6.1: each side sends close_notify before it closes; a bare FIN would be a truncation."""
    context = certificates.context()
    with socket.create_connection(bridge.address("tls"), DEADLINE) as raw:
        tls = context.wrap_socket(raw, server_hostname="localhost", suppress_ragged_eofs=False)
        tls.sendall(b"GET /nowhere HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        data = b""
        while piece := tls.recv(65536):        # raises SSLEOFError without close_notify
            data += piece
        assert data.startswith(b"HTTP/1.1 4")
        tls.unwrap()


def test_a_handshake_byte_by_byte_succeeds(bridge, certificates):
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = certificates.context()
    context.set_alpn_protocols(["http/1.1"])
    tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(bridge.address("tls"), DEADLINE) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def drive(step):
            while True:
                try:
                    result = step()
                except ssl.SSLWantReadError:
                    result = None
                while data := outgoing.read(1):
                    raw.sendall(data)
                if result is not None:
                    return result
                incoming.write(raw.recv(1))

        drive(lambda: tls.do_handshake() or True)
        drive(lambda: tls.write(b"GET /nowhere HTTP/1.1\r\nhost: localhost\r\n\r\n"))
        assert drive(lambda: tls.read(4096)).startswith(b"HTTP/1.1 4")


def test_a_session_is_resumed_by_its_ticket(bridge, certificates, program, tmp_path):
    host, port = bridge.address("tls")
    session = tmp_path / "session"
    arguments = [program("openssl"), "s_client", "-connect", f"{host}:{port}", "-CAfile", certificates.ca, "-tls1_2"]
    status, output = run(*arguments, "-sess_out", session)
    assert status == 0 and "New, TLSv1.2" in output, output
    status, output = run(*arguments, "-sess_in", session)
    assert status == 0 and "Reused, TLSv1.2" in output, output

# rtbridge: the bridge needs no privilege: it serves without a single capability, as any user runs it.
# SPDX-License-Identifier: Apache-2.0
import os

import pytest

from support.bridge import binary
from support.grpc_web import Endpoint, frame, name_message
from support.websocket import BINARY, WebSocket


@pytest.fixture(scope="module")
def without_capabilities(tmp_path_factory, program):
    """A program that is the bridge without what makes root more than others (capabilities(7))."""
    wrapper = tmp_path_factory.mktemp("unprivileged") / "rtbridge"
    drop = ""
    if os.getuid() == 0:
        drop = f"{program('setpriv')} --bounding-set=-all --inh-caps=-all --ambient-caps=-all "
    wrapper.write_text(f'#!/bin/sh\nexec {drop}{binary()} "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


@pytest.fixture(scope="module")
def bridge(without_capabilities, start_bridge, make_config, greeter, tcp_echo, udp_echo):
    config = make_config([
        {"match": {"protocol": "grpc-web"}, "backend": f"grpc://127.0.0.1:{greeter.port}"},
        {"match": {"protocol": "websocket", "path": "/tcp"}, "backend": f"tcp://127.0.0.1:{tcp_echo.port}"},
        {"match": {"protocol": "websocket", "path": "/udp"}, "backend": f"udp://127.0.0.1:{udp_echo.port}"},
    ])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RTBRIDGE", str(without_capabilities))
        bridge = start_bridge(config)
    with open(f"/proc/{bridge.pid}/status") as status:
        capabilities = [line for line in status if line.startswith("CapEff:")]
    assert [int(line.split()[1], 16) for line in capabilities] == [0]
    return bridge


@pytest.mark.parametrize("version", ["http/1.1", "http/2"])
def test_a_grpc_web_call_is_answered(bridge, certificates, version):
    reply = Endpoint(bridge.address("tls"), certificates.context(), version).call(
        "/helloworld.Greeter/SayHello", frame(name_message("World")))
    assert (reply.http_status, reply.status) == (200, 0)


@pytest.mark.parametrize("path", ["/tcp", "/udp"])
def test_a_websocket_reaches_its_back_end(bridge, certificates, path):
    socket = WebSocket(bridge.address("tls"), path, certificates.context())
    socket.send(BINARY, b"bytes")
    assert socket.read_bytes(5) == b"bytes"
    socket.close()

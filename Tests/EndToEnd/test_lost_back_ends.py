# rtbridge: a back-end that is killed: its clients are told within a second, and the next call works once it is back.
# SPDX-License-Identifier: Apache-2.0
import threading

import grpc
import pytest

from support.grpc_web import Endpoint, frame, name_message
from support.tcp import refused_port
from support.waiting import DEADLINE, PROMPT, wait_until
from support.websocket import BINARY, Refused, WebSocket

STREAM = "/helloworld.Greeter/SayHelloBidiStream"
HELLO = "/helloworld.Greeter/SayHello"
UNAVAILABLE = 14


@pytest.fixture(scope="module")
def ports():
    """Ports that the back-ends of this module come back on: chosen by the system, kept from others until they start."""
    held = {name: refused_port() for name in ("greeter", "tcp")}
    return held


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, ports):
    return start_bridge(make_config(
        [
            {"match": {"protocol": ["grpc-web", "grpc"]}, "backend": "greeter"},
            {"match": {"protocol": "websocket", "path": "/tcp"}, "backend": f"tcp://127.0.0.1:{ports['tcp'][1]}",
             "websocket": {"allowOrigins": ["*"]}},
        ],
        backends={"greeter": {"protocol": "grpc", "endpoints": [f"127.0.0.1:{ports['greeter'][1]}"],
                              "backoff": {"initial": "50ms", "max": "200ms"}}}))


@pytest.fixture
def start_greeter(start_backend, modules, ports):
    def start():
        ports["greeter"][0].close()
        return start_backend("greeter.py", ports["greeter"][1], modules=modules)
    return start


@pytest.fixture
def start_tcp(start_backend, ports):
    def start():
        ports["tcp"][0].close()
        return start_backend("tcp_server.py", "echo", ports["tcp"][1])
    return start


@pytest.mark.parametrize("version", ["http/1.1", "http/2"])
def test_a_grpc_web_stream_gets_a_status_and_a_later_call_an_answer(bridge, certificates, start_greeter, version):
    greeter = start_greeter()
    endpoint = Endpoint(bridge.address("tls"), certificates.context(), version)
    wait_until("the greeter", lambda: endpoint.call(HELLO, frame(name_message("x"))).status == 0)
    call = endpoint.stream(STREAM)
    call.send(frame(name_message("Ada")))
    answer = frame(name_message("Hello, Ada!"))
    assert call.read(len(answer)) == answer
    greeter.kill()
    # The trailer frame's head, within a second.
    if call.is_http2:
        call.stream.wait("the trailer frame", lambda: len(call.stream.body) > len(answer), PROMPT)
    else:
        assert call.http.read_piece(call._reply, PROMPT)
    reply = call.reply()
    assert reply.status == UNAVAILABLE and "127.0.0.1:" in reply.message
    assert endpoint.call(HELLO, frame(name_message("Ada"))).status == UNAVAILABLE
    greeter = start_greeter()
    wait_until("an answer", lambda: endpoint.call(HELLO, frame(name_message("Ada"))).status == 0)
    greeter.kill()


def test_a_native_stream_gets_a_status_and_a_later_call_an_answer(bridge, start_greeter, modules):
    import helloworld_pb2
    import helloworld_pb2_grpc
    greeter = start_greeter()
    with grpc.insecure_channel("%s:%d" % bridge.address("clear")) as channel:
        stub = helloworld_pb2_grpc.GreeterStub(channel)
        request = helloworld_pb2.HelloRequest(name="Ada")

        def answers():
            try:
                return stub.SayHello(request, timeout=DEADLINE).message == "Hello, Ada!"
            except grpc.RpcError:
                return False

        wait_until("the greeter", answers)

        def requests():
            yield request
            killed.wait(DEADLINE)

        killed = threading.Event()
        replies = stub.SayHelloBidiStream(requests(), timeout=DEADLINE)
        assert next(replies).message == "Hello, Ada!"
        greeter.kill()
        with pytest.raises(grpc.RpcError):
            next(replies)
        killed.set()
        assert replies.code() is grpc.StatusCode.UNAVAILABLE and replies.details()
        greeter = start_greeter()
        wait_until("an answer", answers)
    greeter.kill()


def test_a_websocket_gets_a_close_with_a_reason_and_a_later_one_is_let_in(bridge, certificates, start_tcp):
    server = start_tcp()
    socket = WebSocket(bridge.address("tls"), "/tcp", certificates.context())
    socket.send(BINARY, b"x")
    assert socket.read_bytes(1) == b"x"
    server.kill()
    # The kernel ends the killed process's connection with FIN or RST: 1000, or a code and a reason that tell of it.
    close = socket.read(PROMPT)
    assert close.opcode == 8 and close.code in (1000, 1011, 1012, 1013, 1014)
    assert close.code == 1000 or close.reason
    with pytest.raises(Refused) as refusal:
        WebSocket(bridge.address("tls"), "/tcp", certificates.context())
    assert refusal.value.reply.status in (502, 503)
    server = start_tcp()

    def enters():
        try:
            return WebSocket(bridge.address("tls"), "/tcp", certificates.context())
        except Refused:
            return None

    socket = wait_until("a session", enters)
    socket.send(BINARY, b"back")
    assert socket.read_bytes(4) == b"back"
    socket.close()
    server.kill()

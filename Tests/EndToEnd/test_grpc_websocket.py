# rtbridge: gRPC over WebSocket: all four kinds of call, gRPC's interoperability cases, and what is refused.
# SPDX-License-Identifier: Apache-2.0
"""The cases are those of grpc/doc/interop-test-descriptions.md, under their names there, over both subprotocols."""

import asyncio
import base64

import pytest
from websockets.asyncio.client import connect

from support.grpc_socket import CONTENT_TYPE, MULTIPLEX, SINGLE, Answer, Messages, SharedSocket, SocketCall, block
from support.grpc_web import frame
from support.waiting import DEADLINE, wait_still, wait_until
from support.websocket import TEXT, Refused

ORIGIN = "https://app.example.com"
SERVICE = "/grpc.testing.TestService"
GREETER = "/helloworld.Greeter"


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, interop, greeter):
    back = f"grpc://127.0.0.1:{greeter.port}"
    return start_bridge(make_config([
        {"match": {"protocol": "grpc-web", "service": "helloworld.Greeter", "method": "SayHello"}, "backend": back,
         "cors": {"allowOrigins": [ORIGIN]}, "grpcWeb": {"multiplex": False}},
        {"match": {"protocol": "grpc-web", "service": "helloworld.Greeter"}, "backend": back, "maxMessageBytes": "1MiB"},
        {"match": {"protocol": "grpc-web", "service": "plain.Only"}, "backend": back, "grpcWeb": {"websockets": False}},
        {"match": {"protocol": "grpc-web"}, "backend": f"grpc://127.0.0.1:{interop.port}"},
    ]))


@pytest.fixture(scope="module", params=["tls", "clear"])
def listener(request):
    return request.param


@pytest.fixture(params=[SINGLE, MULTIPLEX])
def begin(request, bridge, listener, tls_of):
    """begin(path, metadata): a call."""
    sockets = []

    def begin(path, metadata=()):
        if request.param == SINGLE:
            call = SocketCall(bridge.address(listener), path, tls_of(listener), metadata)
            sockets.append(call.socket)
            return call
        if not sockets:
            begin.shared = SharedSocket(bridge.address(listener), f"{SERVICE}/EmptyCall", tls_of(listener))
            sockets.append(begin.shared.socket)
        return begin.shared.call(path, metadata)

    yield begin
    for socket in sockets:
        socket.close()


@pytest.fixture(scope="module")
def m(grpc_proto):
    from interop_protos import messages_pb2
    return messages_pb2


def body(m, size):
    return m.Payload(type=m.COMPRESSABLE, body=b"\0" * size)


def unary(begin, path, request, metadata=()):
    call = begin(path, metadata)
    call.send(request.SerializeToString())
    call.end()
    return call.rest(), call.answer


def test_empty_unary(begin, m):
    call = begin(f"{SERVICE}/EmptyCall")
    call.send(b"")
    call.end()
    assert call.rest() == [b""]
    assert call.answer.status == 0


def test_large_unary(begin, m):
    request = m.SimpleRequest(response_type=m.COMPRESSABLE, response_size=314159, payload=body(m, 271828))
    replies, answer = unary(begin, f"{SERVICE}/UnaryCall", request)
    assert answer.status == 0
    assert m.SimpleResponse.FromString(replies[0]).payload.body == b"\0" * 314159


def test_client_streaming(begin, m):
    call = begin(f"{SERVICE}/StreamingInputCall")
    for size in (27182, 8, 1828, 45904):
        call.send(m.StreamingInputCallRequest(payload=body(m, size)).SerializeToString())
    call.end()
    reply, = call.rest()
    assert m.StreamingInputCallResponse.FromString(reply).aggregated_payload_size == 74922
    assert call.answer.status == 0


def test_server_streaming(begin, m):
    sizes = [31415, 9, 2653, 58979]
    request = m.StreamingOutputCallRequest(
        response_type=m.COMPRESSABLE, response_parameters=[m.ResponseParameters(size=size) for size in sizes])
    replies, answer = unary(begin, f"{SERVICE}/StreamingOutputCall", request)
    assert [len(m.StreamingOutputCallResponse.FromString(reply).payload.body) for reply in replies] == sizes
    assert answer.status == 0


def ping(m, response_size, request_size):
    return m.StreamingOutputCallRequest(
        response_type=m.COMPRESSABLE, response_parameters=[m.ResponseParameters(size=response_size)],
        payload=body(m, request_size)).SerializeToString()


def size_of(m, reply):
    return len(m.StreamingOutputCallResponse.FromString(reply).payload.body)


def test_ping_pong(begin, m):
    call = begin(f"{SERVICE}/FullDuplexCall")
    for response_size, request_size in zip((31415, 9, 2653, 58979), (27182, 8, 1828, 45904)):
        call.send(ping(m, response_size, request_size))
        assert size_of(m, call.next()) == response_size
    call.end()
    assert call.rest() == []
    assert call.answer.status == 0


def test_empty_stream(begin):
    call = begin(f"{SERVICE}/FullDuplexCall")
    call.end()
    assert call.rest() == []
    assert call.answer.status == 0


def test_cancel_after_begin(begin, bridge):
    begin(f"{SERVICE}/StreamingInputCall", [("x-mark", "after-begin")]).cancel()
    wait_until("the cancelled call", lambda: bridge_says(bridge, "StreamingInputCall", "failure.kind=aborted"))


def test_cancel_after_first_response(begin, m, bridge):
    call = begin(f"{SERVICE}/FullDuplexCall")
    call.send(ping(m, 31415, 27182))
    assert size_of(m, call.next()) == 31415
    call.cancel()
    wait_until("the cancelled call", lambda: bridge_says(bridge, "FullDuplexCall", "failure.kind=aborted"))


def bridge_says(bridge, *parts):
    return any(all(part in line for part in (*parts, "front=grpc-websockets")) for line in bridge.errors().splitlines())


def test_timeout_on_sleeping_server(begin, m):
    call = begin(f"{SERVICE}/FullDuplexCall", [("grpc-timeout", "1m")])
    call.send(m.StreamingOutputCallRequest(payload=body(m, 27182)).SerializeToString())
    assert call.rest() == []
    assert call.answer.status == 4


def test_custom_metadata(begin, m):
    metadata = [("x-grpc-test-echo-initial", "test_initial_metadata_value"),
                ("x-grpc-test-echo-trailing-bin", base64.b64encode(b"\xab\xab\xab").decode())]
    request = m.SimpleRequest(response_type=m.COMPRESSABLE, response_size=314159, payload=body(m, 271828))
    _, answer = unary(begin, f"{SERVICE}/UnaryCall", request, metadata)
    call = begin(f"{SERVICE}/FullDuplexCall", metadata)
    call.send(ping(m, 314159, 271828))
    assert size_of(m, call.next()) == 314159
    call.end()
    assert call.rest() == []
    for answer in (answer, call.answer):
        assert metadata[0] in answer.headers
        assert base64.b64decode(answer.field("x-grpc-test-echo-trailing-bin") + "==") == b"\xab\xab\xab"


@pytest.mark.parametrize("message", [
    "test status message", "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"],
    ids=["status_code_and_message", "special_status_message"])
def test_a_status_with_its_message(begin, m, message):
    status = m.EchoStatus(code=2, message=message)
    for path, request in (("UnaryCall", m.SimpleRequest(response_status=status)),
                          ("FullDuplexCall", m.StreamingOutputCallRequest(response_status=status))):
        _, answer = unary(begin, f"{SERVICE}/{path}", request)
        assert (answer.status, answer.message) == (2, message)


@pytest.mark.parametrize("path", [f"{SERVICE}/UnimplementedCall", "/grpc.testing.UnimplementedService/UnimplementedCall"],
                         ids=["unimplemented_method", "unimplemented_service"])
def test_unimplemented(begin, path):
    call = begin(path)
    call.send(b"")
    call.end()
    assert call.rest() == []
    assert call.answer.status == 12


# The newcomer's Greeter.

@pytest.fixture(scope="module")
def hello(modules):
    import helloworld_pb2
    return lambda name: helloworld_pb2.HelloRequest(name=name).SerializeToString()


@pytest.fixture(scope="module")
def text(modules):
    import helloworld_pb2
    return lambda reply: helloworld_pb2.HelloReply.FromString(reply).message


def test_the_greeter_takes_a_stream_and_talks_both_ways(begin, hello, text):
    call = begin(f"{GREETER}/SayHelloClientStream")
    for name in ("Ada", "Bob", "Cy"):
        call.send(hello(name))
    call.end()
    assert [text(reply) for reply in call.rest()] == ["Hello, Ada and Bob and Cy!"]
    call = begin(f"{GREETER}/SayHelloBidiStream")
    for name in ("Ada", "Bob", "Cy"):
        call.send(hello(name))
        assert text(call.next()) == f"Hello, {name}!"
    call.end()
    assert (call.rest(), call.answer.status) == ([], 0)


def test_a_message_above_the_limit_is_refused(begin, hello):
    call = begin(f"{GREETER}/SayHelloBidiStream")
    call.send(hello("x" * (1 << 20)))
    assert call.rest() == []
    assert call.answer.status == 8
    assert "maxMessageBytes" in call.answer.message


def test_a_hundred_calls_share_a_websocket(bridge, listener, tls_of, hello, text):
    """Each with ten messages, which come and go in turns."""
    shared = SharedSocket(bridge.address(listener), f"{GREETER}/SayHelloBidiStream", tls_of(listener))
    calls = [shared.call(f"{GREETER}/SayHelloBidiStream") for _ in range(100)]
    # The server has sixteen threads: a call that waits for one must not stop those that have theirs.
    for turn in range(10):
        for number, call in enumerate(calls):
            call.send(hello(f"{number}/{turn}" + "x" * 3000))
    for call in calls:
        call.end()
    for number, call in enumerate(calls):
        assert [text(reply)[:20].rstrip("x") for reply in call.rest()] == \
            [f"Hello, {number}/{turn}" for turn in range(10)]
        assert call.answer.status == 0
    shared.close()


def test_frames_are_cut_anyhow(bridge, listener, tls_of, hello, text):
    call = SocketCall(bridge.address(listener), f"{GREETER}/SayHelloBidiStream", tls_of(listener))
    data = b"".join(frame(hello(name)) for name in ("Ada", "Bob", "Cy"))
    # Several frames in a message, which comes in fragments; then frames that span messages.
    call.socket.put(b"\0" + data[:3], data[3:4], data[4:])
    for start in range(0, len(data), 7):
        call.socket.put(b"\0" + data[start:start + 7])
    call.end()
    assert [text(reply) for reply in call.rest()] == [f"Hello, {name}!" for name in ("Ada", "Bob", "Cy") * 2]
    assert (call.answer.status, call.close_code) == (0, 1000)


def test_an_independent_client_is_served(bridge, listener, tls_of, hello, text):
    """`websockets`, which offers compression, pings by itself, and closes by the book."""
    async def talk():
        url = bridge.url(listener, f"{GREETER}/SayHelloBidiStream", websocket=True)
        async with connect(url, ssl=tls_of(listener), subprotocols=[SINGLE], open_timeout=DEADLINE) as socket:
            answer = Answer()
            await socket.send(block([CONTENT_TYPE]))
            await socket.send([b"\0", frame(hello("Ada"))])
            await socket.send(b"\1")
            async for message in socket:
                answer.feed(message)
            return answer, socket.close_code

    answer, code = asyncio.run(asyncio.wait_for(talk(), DEADLINE))
    assert [text(reply) for reply in answer.messages] == ["Hello, Ada!"]
    assert (answer.status, code) == (0, 1000)


# What is refused.

def refusal(bridge, path, subprotocols, **options):
    with pytest.raises(Refused) as failure:
        Messages(bridge.address("clear"), path, subprotocols, **options)
    return failure.value.reply


def test_an_origin_that_cors_does_not_allow_is_refused(bridge):
    path = f"{GREETER}/SayHello"
    response = refusal(bridge, path, [SINGLE], origin="https://evil.example.com")
    assert response.status == 403
    assert b"cors.allowOrigins" in response.body
    socket = Messages(bridge.address("clear"), path, [SINGLE], origin=ORIGIN)
    assert socket.subprotocol == SINGLE
    socket.close()
    # Without `cors` the page has to be of the host that it calls.
    assert refusal(bridge, f"{GREETER}/SayHelloBidiStream", [SINGLE], origin=ORIGIN).status == 403


def test_a_route_may_take_no_websockets_or_no_shared_ones(bridge):
    assert refusal(bridge, "/plain.Only/Call", [SINGLE]).status == 404
    socket = Messages(bridge.address("clear"), f"{GREETER}/SayHello", [MULTIPLEX, SINGLE])
    assert socket.subprotocol == SINGLE
    socket.close()
    shared = SharedSocket(bridge.address("clear"), f"{GREETER}/SayHelloBidiStream")
    call = shared.call(f"{GREETER}/SayHello")
    call.rest()
    assert call.answer.status == 12
    assert "grpcWeb.multiplex" in call.answer.message
    shared.close()


def test_a_text_message_closes_with_1003(bridge):
    call = SocketCall(bridge.address("clear"), f"{GREETER}/SayHelloBidiStream")
    call.socket.socket.send(TEXT, b"text")
    assert (call.rest(), call.close_code) == ([], 1003)


def test_a_back_end_that_is_away_is_unavailable(start_bridge, make_config, start_backend, modules, hello):
    import socket
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        bridge = start_bridge(make_config([{"match": {"protocol": "grpc-web"}, "backend": f"grpc://127.0.0.1:{port}"}]))
        call = SocketCall(bridge.address("clear"), f"{GREETER}/SayHello")
        call.send(hello("Ada"))
        call.end()
        assert (call.rest(), call.answer.status, call.close_code) == ([], 14, 1000)


@pytest.mark.parametrize("kind", [SINGLE, MULTIPLEX])
def test_a_client_that_reads_nothing_stops_the_back_end(start_bridge, make_config, scripted, kind):
    count, sent = 400, []

    def answer(stream):
        stream.send_headers([(":status", "200"), ("content-type", "application/grpc")])
        for _ in range(count):
            stream.send_data(frame(b"x" * 100_000))
            sent.append(100_005)
        stream.send_headers([("grpc-status", "0")], end=True)

    scripted.script = answer
    bridge = start_bridge(make_config([
        {"match": {"protocol": "grpc-web"}, "backend": f"grpc://127.0.0.1:{scripted.port}"}]))
    place = bridge.address("clear"), f"{GREETER}/SayHelloStreamReply"
    options = {"receive_buffer": 65536}
    call = SocketCall(*place, **options) if kind == SINGLE else \
        SharedSocket(*place, **options).call(f"{GREETER}/SayHelloStreamReply")
    call.end()
    # Kernels and the bridge hold some megabytes at most, of forty.
    assert 0 < wait_still("what the back-end has sent", lambda: sum(sent)) < 20_000_000
    assert [len(message) for message in call.rest()] == [100_000] * count
    assert call.answer.status == 0


@pytest.mark.parametrize("kind", [SINGLE, MULTIPLEX])
def test_a_call_is_tried_again(start_bridge, make_config, scripted, kind):
    """UNAVAILABLE in trailers alone, as gRPC A6 has it; the request's frames are sent again."""
    seen = []

    def answer(stream):
        stream.wait_end()
        seen.append((stream.header("grpc-previous-rpc-attempts"), bytes(stream.body)))
        head = [(":status", "200"), ("content-type", "application/grpc")]
        if len(seen) == 1:
            return stream.send_headers([*head, ("grpc-status", "14")], end=True)
        stream.send_headers(head)
        stream.send_data(frame(b"reply"))
        stream.send_headers([("grpc-status", "0")], end=True)

    scripted.script = answer
    bridge = start_bridge(make_config([
        {"match": {"protocol": "grpc-web"}, "backend": f"grpc://127.0.0.1:{scripted.port}",
         "retryPolicy": {"maxAttempts": 3, "initialBackoff": "10ms"}}]))
    place = bridge.address("clear"), f"{GREETER}/SayHello"
    call = SocketCall(*place) if kind == SINGLE else SharedSocket(*place).call(f"{GREETER}/SayHello")
    call.send(b"request")
    call.end()
    assert call.rest() == [b"reply"]
    assert call.answer.status == 0
    assert seen == [(None, frame(b"request")), ("1", frame(b"request"))]


def test_a_drain_lets_calls_end(start_bridge, make_config, greeter, hello, text):
    bridge = start_bridge(make_config([
        {"match": {"protocol": "grpc-web"}, "backend": f"grpc://127.0.0.1:{greeter.port}"}]))
    place = bridge.address("clear"), f"{GREETER}/SayHelloBidiStream"
    own, shared = SocketCall(*place), SharedSocket(*place)
    calls = [own, shared.call(f"{GREETER}/SayHelloBidiStream")]
    for call in calls:
        call.send(hello("Ada"))
        assert text(call.next()) == "Hello, Ada!"
    bridge.signal(15)
    while not shared.is_going_away:
        assert shared.read()
    for call in calls:
        call.send(hello("Bob"))
        assert text(call.next()) == "Hello, Bob!"
        call.end()
        assert call.rest() == []
        assert call.answer.status == 0
    while shared.read():
        pass
    assert (own.close_code, shared.close_code) == (1000, 1001)
    bridge.wait(DEADLINE)
    bridge.was_stopped = True

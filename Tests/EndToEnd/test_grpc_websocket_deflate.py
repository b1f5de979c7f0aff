# rtbridge: permessage-deflate under gRPC over WebSocket (RFC 7692): real clients, and what a small message may become.
# SPDX-License-Identifier: Apache-2.0
import asyncio
import struct
import threading
import zlib

import pytest
from websockets.asyncio.client import connect

from support.grpc_socket import CONTENT_TYPE, FINAL, MULTIPLEX, SINGLE, Answer, SharedSocket, SocketCall, block
from support.grpc_web import frame
from support.waiting import DEADLINE, wait_still
from support.websocket import BINARY, CLOSE, WebSocket, encode

GREETER = "/helloworld.Greeter"
OFFER = "permessage-deflate; client_max_window_bits"


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, scripted_server, interop, greeter):
    def route(match, port, compression):
        return {"match": {"protocol": "grpc-web", **match}, "backend": f"grpc://127.0.0.1:{port}",
                "websocket": {"compression": compression}}

    return start_bridge(make_config([
        route({"service": "helloworld.Greeter", "method": "SayHello"}, greeter.port, "off"),
        route({"service": "helloworld.Greeter"}, greeter.port, "on"),
        route({"service": "scripted.Service"}, scripted_server.port, "on"),
        route({}, interop.port, "on"),
    ]))


def deflate(data, compressor):
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.fixture(scope="module")
def m(grpc_proto):
    from interop_protos import messages_pb2
    return messages_pb2


def talk(bridge, path, kind, send, number=7):
    """A call by `websockets`, which offers the extension by itself: the answer, the extensions, bytes that came in."""
    async def run():
        shared, answer, count = kind == MULTIPLEX, Answer(), 0
        url = bridge.url("clear", path, websocket=True)
        async with connect(url, subprotocols=[kind], open_timeout=DEADLINE, max_size=None) as socket:
            def message(data, final=False):
                return (struct.pack(">I", number | (FINAL if final else 0)) if shared else b"") + data

            names = [extension.name for extension in socket.protocol.extensions]
            fields = [CONTENT_TYPE] + ([("grpc-websockets-path", path[1:])] if shared else [])
            await socket.send(message(block(fields)))
            for data in send:
                await socket.send(message(b"\0" + frame(data)))
            await socket.send(message(b"\1", final=True))
            while answer.trailers is None:
                data = await socket.recv()
                count += len(data)
                if shared:
                    assert struct.unpack(">I", data[:4])[0] & ~FINAL == number
                answer.feed(data[4:] if shared else data)
            return answer, names

    return asyncio.run(asyncio.wait_for(run(), DEADLINE))


@pytest.mark.parametrize("kind", [SINGLE, MULTIPLEX])
def test_large_messages_go_both_ways_compressed(bridge, m, kind):
    request = m.SimpleRequest(response_type=m.COMPRESSABLE, response_size=314159,
                              payload=m.Payload(type=m.COMPRESSABLE, body=b"\0" * 271828))
    answer, names = talk(bridge, "/grpc.testing.TestService/UnaryCall", kind, [request.SerializeToString()])
    assert names == ["permessage-deflate"]
    assert m.SimpleResponse.FromString(answer.messages[0]).payload.body == b"\0" * 314159
    assert answer.status == 0


@pytest.mark.parametrize("kind", [SINGLE, MULTIPLEX])
def test_many_messages_of_all_sizes_keep_their_context(bridge, m, kind):
    sizes = [0, 1, 63, 64, 65, 1000, 31415, 9, 2653, 100_000] * 5
    requests = [m.StreamingOutputCallRequest(
        response_type=m.COMPRESSABLE, response_parameters=[m.ResponseParameters(size=size)],
        payload=m.Payload(type=m.COMPRESSABLE, body=bytes(index % 7 for index in range(size)))).SerializeToString()
        for size in sizes]
    answer, _ = talk(bridge, "/grpc.testing.TestService/FullDuplexCall", kind, requests)
    assert [len(m.StreamingOutputCallResponse.FromString(reply).payload.body) for reply in answer.messages] == sizes
    assert answer.status == 0


@pytest.mark.parametrize("path, offer, expected", [
    (f"{GREETER}/SayHello", OFFER, False), (f"{GREETER}/SayHelloBidiStream", OFFER, True),
    (f"{GREETER}/SayHelloBidiStream", None, False)])
def test_it_is_used_where_the_route_and_the_client_want_it(bridge, path, offer, expected):
    with WebSocket(bridge.address("clear"), path, subprotocols=[SINGLE], extensions=offer) as socket:
        extensions = socket.reply.header("sec-websocket-extensions")
        assert (extensions or "").startswith("permessage-deflate") == expected
        if not expected:
            # RFC 6455 §5.2: without the extension the bit is an error.
            socket.send(BINARY, b"x", rsv=4)
            assert socket.read_until_close()[1].code == 1002


@pytest.mark.parametrize("kind", [SINGLE, MULTIPLEX])
def test_what_inflates_waits_for_a_back_end_that_does_not_take_it(bridge, scripted, kind):
    """A hundred bytes on the wire are 60 KiB in memory, and a read brings hundreds of them."""
    may_take = threading.Event()

    def script(stream):
        stream.is_held = True
        may_take.wait(DEADLINE)
        stream.release()
        body = stream.wait_end()
        stream.send_headers([(":status", "200"), ("content-type", "application/grpc")])
        stream.send_data(frame(str(len(body)).encode()))
        stream.send_headers([("grpc-status", "0")], end=True)

    scripted.script = script
    path, count = "/scripted.Service/Take", 2000
    message = frame(b"\0" * 60_000)
    compressor = zlib.compressobj(9, wbits=-12)
    make = SocketCall if kind == SINGLE else SharedSocket
    call = make(bridge.address("clear"), path, extensions=OFFER)
    socket = call.socket.socket
    if kind == MULTIPLEX:
        call = call.call(path)
    prefix = struct.pack(">I", 0) if kind == MULTIPLEX else b""
    sent, before = [0], bridge.peak_memory()

    def flood():
        while sent[0] < count:
            data = b"".join(encode(BINARY, deflate(prefix + b"\0" + message, compressor), rsv=4) for _ in range(10))
            socket.send_raw(data)
            sent[0] += 10

    writer = threading.Thread(target=flood, daemon=True)
    writer.start()
    # All of it fits the buffers of the kernels as it is on the wire.
    wait_still("the flood", lambda: sent[0])
    assert bridge.peak_memory() - before < 8 << 20
    may_take.set()
    writer.join(DEADLINE)
    call.end()
    assert call.rest() == [str(count * len(message)).encode()]
    assert call.answer.status == 0
    assert bridge.peak_memory() - before < 16 << 20


@pytest.mark.parametrize("payload", [b"\xff\xff\xff", b""], ids=["garbage", "empty"])
def test_what_cannot_be_inflated_is_refused(bridge, payload):
    with WebSocket(bridge.address("clear"), f"{GREETER}/SayHelloBidiStream", subprotocols=[SINGLE],
                   extensions=OFFER) as socket:
        socket.send(BINARY, payload, rsv=4)
        if payload:
            assert socket.read_until_close()[1].code == 1007
        else:
            # An empty message, which is no header block.
            socket.send(CLOSE, struct.pack(">H", 1000))
            assert socket.read_until_close()[1].code == 1000

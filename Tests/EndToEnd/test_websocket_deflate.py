# rtbridge: permessage-deflate with real clients and servers, and what a hostile one gets.
# SPDX-License-Identifier: Apache-2.0
import asyncio
import random
import threading
import zlib

import pytest
from websockets.asyncio.client import connect as ws_connect
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory

from support.waiting import DEADLINE, wait_still
from support.websocket import BINARY, CLOSE, CONTINUATION, PING, TEXT, Refused, WebSocket, close_payload, encode
from support.websocket_server import ScriptedWebSocket

TAIL = b"\0\0\xff\xff"


def deflate(data, compressor=None):
    """RFC 7692 §7.2.1."""
    compressor = compressor or zlib.compressobj(wbits=-15)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflate(payload, decompressor=None):
    decompressor = decompressor or zlib.decompressobj(wbits=-15)
    return decompressor.decompress(payload + TAIL)


@pytest.fixture(scope="module")
def deflating_server(start_backend):
    return start_backend("ws_server.py", 0, '{"compression": "deflate"}')


@pytest.fixture(scope="module")
def scripted_back():
    server = ScriptedWebSocket()
    yield server
    server.close()


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, tcp_echo, udp_echo, ws_server, deflating_server, scripted_back):
    def route(path, backend, compression="on", **more):
        return {"name": path[1:], "match": {"protocol": "websocket", "pathPrefix": path}, "backend": backend,
                "websocket": {"allowOrigins": ["*"], "pingInterval": "off", "compression": compression,
                              **more.pop("websocket", {})}, **more}

    return start_bridge(make_config([
        route("/tcp/", f"tcp://127.0.0.1:{tcp_echo.port}", websocket={"maxMessageBytes": "4MiB"}),
        route("/udp/", f"udp://127.0.0.1:{udp_echo.port}"),
        route("/plain/", f"ws://127.0.0.1:{ws_server.port}", websocket={"maxMessageBytes": "4MiB"}),
        route("/both/", f"ws://127.0.0.1:{deflating_server.port}", websocket={"maxMessageBytes": "4MiB"}),
        route("/through/", f"ws://127.0.0.1:{deflating_server.port}", "passthrough",
              websocket={"maxMessageBytes": "4MiB"}),
        route("/through-plain/", f"ws://127.0.0.1:{ws_server.port}", "passthrough"),
        route("/off/", f"ws://127.0.0.1:{deflating_server.port}", "off"),
        route("/scripted/", f"ws://127.0.0.1:{scripted_back.port}"),
        route("/scripted-through/", f"ws://127.0.0.1:{scripted_back.port}", "passthrough"),
        route("/resumed/", f"ws://127.0.0.1:{scripted_back.port}", reconnect={"mode": "resume"}),
        route("/small/", f"tcp://127.0.0.1:{tcp_echo.port}", websocket={"maxMessageBytes": "64KiB"}),
    ]))


@pytest.fixture
def connect(bridge):
    opened = []

    def connect(path, extensions="permessage-deflate", **options):
        opened.append(WebSocket(bridge.address("clear"), path, extensions=extensions, **options))
        return opened[-1]

    yield connect
    for socket in opened:
        socket.close()


@pytest.fixture
def pair(bridge, scripted_back):
    """pair(path, answer=…): an open session: (the client's socket, the back-end's)."""
    opened = []

    def pair(path, extensions="permessage-deflate", answer=None):
        result = []
        thread = threading.Thread(target=lambda: result.append(
            WebSocket(bridge.address("clear"), path, extensions=extensions)), daemon=True)
        thread.start()
        back = scripted_back.take()
        back.accept(headers=[("Sec-WebSocket-Extensions", answer)] if answer else ())
        thread.join(DEADLINE)
        opened.extend([result[0], back])
        return result[0], back

    yield pair
    for socket in opened:
        socket.close()


# Real clients and servers, in all combinations of parameters.

@pytest.mark.parametrize("options", [
    {}, {"server_no_context_takeover": True}, {"client_no_context_takeover": True},
    {"server_no_context_takeover": True, "client_no_context_takeover": True},
    {"server_max_window_bits": 9}, {"server_max_window_bits": 15}, {"client_max_window_bits": 9},
    {"client_max_window_bits": True}, {"server_max_window_bits": 9, "client_max_window_bits": 9,
                                       "server_no_context_takeover": True, "client_no_context_takeover": True},
], ids=str)
@pytest.mark.parametrize("path", ["/plain/echo", "/both/echo", "/through/echo", "/tcp/"])
def test_a_client_of_websockets_talks_through_every_route(bridge, path, options):
    """Autobahn 12 and 13: messages of all sizes, whole and in fragments, one after the other."""
    async def talk():
        async with ws_connect(bridge.url("clear", path, websocket=True), compression=None, proxy=None, max_size=None,
                              extensions=[ClientPerMessageDeflateFactory(**options)]) as socket:
            assert [extension.name for extension in socket.protocol.extensions] == ["permessage-deflate"]
            for number, size in enumerate([0, 16, 64, 256, 1024, 4096, 8192, 32768, 131072]):
                data = (f"grüße {number} " * (size // 9 + 1)).encode()[:size].decode(errors="ignore")
                if path == "/tcp/":
                    if size == 0:
                        continue
                    await socket.send(data.encode())
                    received = b""
                    while len(received) < len(data.encode()):
                        received += await socket.recv()
                    assert received == data.encode()
                    continue
                await socket.send(data)
                assert await socket.recv() == data
                noise = random.Random(number).randbytes(size)
                await socket.send([noise[place:place + 1000] for place in range(0, size, 1000)] or noise)
                assert await socket.recv() == noise

    asyncio.run(asyncio.wait_for(talk(), 4 * DEADLINE))


def test_datagrams_are_what_comes_out_of_compressed_messages(connect):
    socket = connect("/udp/")
    compressor, decompressor = zlib.compressobj(wbits=-15), zlib.decompressobj(wbits=-15)
    for size in (10, 1000, 30_000):
        socket.send(BINARY, deflate(b"x" * size, compressor), rsv=4)
        frame = socket.read()
        assert (frame.rsv == 4, frame.fin) == (size >= 64, True)
        assert (inflate(frame.payload, decompressor) if frame.rsv else frame.payload) == b"x" * size


def test_compression_is_not_there_unless_asked_for(connect):
    assert connect("/off/echo").reply.header("sec-websocket-extensions") is None
    assert connect("/tcp/", None).reply.header("sec-websocket-extensions") is None
    assert connect("/through-plain/echo").reply.header("sec-websocket-extensions") is None
    assert connect("/tcp/", "permessage-deflate; server_max_window_bits=7").reply.header(
        "sec-websocket-extensions") is None
    assert connect("/tcp/", "x, permessage-deflate; foo, permessage-deflate; client_max_window_bits").reply.header(
        "sec-websocket-extensions") == "permessage-deflate; client_max_window_bits=12"


def test_small_messages_go_as_they_are_and_large_ones_with_the_context_of_those_before(connect):
    socket = connect("/plain/echo")
    socket.send(TEXT, b"short")
    assert (frame := socket.read()).rsv == 0 and frame.payload == b"short"
    data = random.Random(1).randbytes(1500)
    compressor, decompressor = zlib.compressobj(wbits=-15), zlib.decompressobj(wbits=-15)
    sizes = []
    for _ in range(3):
        socket.send(BINARY, deflate(data, compressor), rsv=4)
        frame = socket.read()
        assert frame.rsv == 4 and inflate(frame.payload, decompressor) == data
        sizes.append(len(frame.payload))
    assert sizes[1] < 200 and sizes[2] < 200


# What is agreed with the back-end.

def test_on_offers_the_bridges_own_and_compresses_for_both(pair):
    front, back = pair("/scripted/x", answer="permessage-deflate; server_max_window_bits=12; client_max_window_bits=10")
    assert back.header("sec-websocket-extensions") == (
        "permessage-deflate; server_max_window_bits=12; client_max_window_bits")
    data = b"the same again and again; " * 100
    front.send(TEXT, deflate(data), rsv=4)
    frame = back.read()
    assert frame.rsv == 4 and inflate(frame.payload, zlib.decompressobj(wbits=-10)) == data
    back.send(TEXT, deflate(data, zlib.compressobj(wbits=-12)), rsv=4)
    frame = front.read()
    assert frame.rsv == 4 and inflate(frame.payload) == data


def test_a_fragment_of_a_compressed_message_goes_on_before_its_end(pair):
    front, back = pair("/scripted/x", answer="permessage-deflate; server_max_window_bits=12")
    for source, sink in ((front, back), (back, front)):
        compressor, decompressor = zlib.compressobj(wbits=-12), zlib.decompressobj(wbits=-15)
        source.send(TEXT, compressor.compress(b"one ") + compressor.flush(zlib.Z_SYNC_FLUSH), fin=False, rsv=4)
        frame = sink.read()
        assert (frame.opcode, frame.fin, frame.rsv) == (TEXT, False, 4)
        assert decompressor.decompress(frame.payload) == b"one "
        source.send(PING, b"?")
        assert source.read().payload == b"?"
        source.send(CONTINUATION, deflate(b"two", compressor))
        rest, fin = b"", False
        while not fin:
            frame = sink.read()
            assert frame.rsv == 0 and frame.opcode == CONTINUATION
            rest, fin = rest + frame.payload, frame.fin
        assert decompressor.decompress(rest + TAIL) == b"two"


def test_a_back_end_without_the_extension_gets_plain_messages(pair):
    front, back = pair("/scripted/x")
    front.send(TEXT, deflate(b"plain " * 100), rsv=4)
    data = b""
    while len(data) < 600:
        frame = back.read()
        assert frame.rsv == 0
        data += frame.payload
    assert data == b"plain " * 100


def test_a_route_that_resumes_compresses_for_the_client_alone(pair):
    front, back = pair("/resumed/x")
    assert front.reply.header("sec-websocket-extensions") and back.header("sec-websocket-extensions") is None


def test_what_is_passed_through_is_the_clients_and_the_back_ends(pair):
    offer = "permessage-deflate; client_max_window_bits; server_no_context_takeover"
    answer = "permessage-deflate; server_no_context_takeover; client_max_window_bits=11"
    front, back = pair("/scripted-through/x", "x-other, " + offer, answer)
    assert back.header("sec-websocket-extensions") == offer
    assert front.reply.header("sec-websocket-extensions") == answer
    payload = deflate(b"once")
    for source, sink in ((front, back), (back, front)):
        source.send(TEXT, payload[:3], fin=False, rsv=4)
        frames = [sink.read()]
        source.send(CONTINUATION, payload[3:])
        source.send(BINARY, b"plain")
        frames += [sink.read() for _ in range(2)]
        assert [(f.opcode, f.payload, f.fin, f.rsv) for f in frames] == [
            (TEXT, payload[:3], False, 4), (CONTINUATION, payload[3:], True, 0), (BINARY, b"plain", True, 0)]


@pytest.mark.parametrize("answer", ["permessage-deflate; server_max_window_bits=13", "permessage-deflate; x=1",
                                    "permessage-deflate, permessage-deflate", "permessage-bzip2"])
def test_an_answer_that_is_none_is_a_502(bridge, scripted_back, answer):
    result = []

    def connect():
        try:
            WebSocket(bridge.address("clear"), "/scripted/x", extensions="permessage-deflate")
        except Refused as refused:
            result.append(refused.reply)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    scripted_back.take().accept(headers=[("Sec-WebSocket-Extensions", answer)])
    thread.join(DEADLINE)
    assert result[0].status == 502


# Hostile ones.

def test_a_bomb_is_1009_and_takes_no_memory(bridge, connect):
    bomb = deflate(b"\0" * (64 << 20), zlib.compressobj(9, wbits=-15))
    before = bridge.peak_memory()
    for _ in range(5):
        socket = connect("/small/")
        socket.send(BINARY, bomb, rsv=4)
        _, close = socket.read_until_close()
        assert close.code == 1009 and "maxMessageBytes" in close.reason
    assert bridge.peak_memory() - before < 8 << 20


def test_many_small_bombs_wait_for_a_back_end_that_does_not_read(bridge, pair):
    """A hundred bytes on the wire are 64 KiB in memory, and a read brings hundreds of them."""
    front, back = pair("/scripted/x")
    message = b"\0" * 65536
    one = encode(BINARY, deflate(message, zlib.compressobj(9, wbits=-15)), rsv=4)
    before = bridge.peak_memory()
    sent, count = [0], 3000

    def flood():
        while sent[0] < count:
            front.send_raw(one * 10)
            sent[0] += 10

    threading.Thread(target=flood, daemon=True).start()
    wait_still("the flood", lambda: sent[0])
    assert bridge.peak_memory() - before < 16 << 20
    total = 0
    while total < count * 65536:
        total += len(back.read().payload)
    assert total == count * 65536
    assert bridge.peak_memory() - before < 16 << 20


def test_many_small_bombs_of_the_back_end_wait_for_a_client_that_does_not_read(bridge, pair):
    front, back = pair("/scripted/x", answer="permessage-deflate; server_max_window_bits=12")
    one = encode(BINARY, deflate(b"\0" * 65536, zlib.compressobj(9, wbits=-12)), rsv=4, mask=None)
    before = bridge.peak_memory()
    sent, count = [0], 3000

    def flood():
        while sent[0] < count:
            back.send_raw(one * 10)
            sent[0] += 10

    threading.Thread(target=flood, daemon=True).start()
    # What reaches the client is compressed again: nothing stands still unless it does not read for long.
    decompressor, total = zlib.decompressobj(wbits=-15), 0
    while total < count * 65536:
        frame = front.read()
        data = decompressor.decompress(frame.payload + (TAIL if frame.fin else b""))
        assert not data.strip(b"\0")
        total += len(data)
    assert total == count * 65536
    assert bridge.peak_memory() - before < 16 << 20


@pytest.mark.parametrize("raw, code", [
    (encode(PING, b"x", rsv=4), 1002), (encode(CLOSE, close_payload(1000), rsv=4), 1002),
    (encode(TEXT, deflate(b"a"), rsv=6), 1002), (encode(TEXT, b"\xff\xff", rsv=4), 1007),
    (encode(TEXT, deflate(b"\xc0\x80" * 100), rsv=4), 1007),
    (encode(TEXT, deflate(b"a"), fin=False, rsv=4) + encode(CONTINUATION, b"", rsv=4), 1002),
])
def test_what_breaks_the_rules_is_refused(connect, raw, code):
    socket = connect("/plain/echo")
    socket.send_raw(raw)
    _, close = socket.read_until_close()
    assert close.code == code


def test_a_back_end_whose_data_cannot_be_read_is_1014(pair):
    front, back = pair("/scripted/x", answer="permessage-deflate; server_max_window_bits=12")
    back.send(BINARY, b"\xff\xff", rsv=4)
    _, close = front.read_until_close()
    assert close.code == 1014 and "deflate" in close.reason
    assert back.read().code == 1007

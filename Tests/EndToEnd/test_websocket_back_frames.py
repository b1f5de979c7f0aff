# rtbridge: a test for each of the Autobahn test suite's groups 1 to 7, 9 and 10, on WebSocket to WebSocket echo.
# SPDX-License-Identifier: Apache-2.0
"""The back-end is an echo of the `websockets` package, and the same client runs against it directly: what the bridge makes of
a case must be what RFC 6455 says, and at least as strict as the server by itself. Messages keep their type and their borders;
fragments may come in other pieces. Groups 12 and 13 are in test_websocket_deflate.py."""

import random

import pytest

from support.websocket import (BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, WebSocket, close_payload, encode)

PROTOCOL_ERROR, BAD_UTF8 = 1002, 1007


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, ws_server):
    return start_bridge(make_config([
        {"match": {"protocol": "websocket", "path": "/echo"}, "backend": f"ws://127.0.0.1:{ws_server.port}",
         "websocket": {"allowOrigins": ["*"], "pingInterval": "off", "maxMessageBytes": "32MiB"}}]))


@pytest.fixture(params=["bridge, tls", "bridge, clear", "the server alone"])
def socket(request, bridge, ws_server, tls_of):
    listener = request.param.rpartition(" ")[2]
    if request.param.startswith("bridge"):
        opened = WebSocket(bridge.address(listener), "/echo", tls_of(listener))
    else:
        opened = WebSocket(("127.0.0.1", ws_server.port), "/echo")
    with opened:
        yield opened


def read_message(socket):
    """(opcode, payload) of the next message; pongs are left in `socket.pongs`."""
    opcode, payload, fin = None, bytearray(), False
    while not fin:
        frame = socket.read()
        assert frame is not None and frame.opcode != CLOSE and frame.rsv == 0, frame
        if frame.opcode == PONG:
            socket.pongs = [*getattr(socket, "pongs", []), frame.payload]
            continue
        assert (frame.opcode == CONTINUATION) == (opcode is not None), frame
        opcode = frame.opcode if opcode is None else opcode
        payload, fin = payload + frame.payload, frame.fin
    return opcode, bytes(payload)


def check_echo(socket, opcode, payload):
    socket.send(opcode, payload)
    assert read_message(socket) == (opcode, payload)


def check_failed(socket, *codes):
    """RFC 6455 §7.1.7: a Close with a code that says why, then the end of the connection, in order."""
    data, close = socket.read_until_close()
    assert close is not None, "the connection ended without a close frame"
    assert close.code in codes, f"{close.code} {close.reason!r}"
    try:
        socket.send(CLOSE, close.payload[:2])
        assert socket.read() is None, "something came after the close frame"
    except ConnectionError:
        pass
    return data


# 1: framing.

@pytest.mark.parametrize("count", [0, 125, 126, 127, 128, 65535, 65536])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_1_messages_of_all_lengths_come_back(socket, opcode, count):
    check_echo(socket, opcode, (b"*" if opcode == TEXT else b"\xfe") * count)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_1_1_8_and_1_2_8_a_frame_in_chops_comes_back(socket, opcode):
    data = b"*" * 65536
    raw = encode(opcode, data)
    for position in range(0, len(raw), 997):
        socket.send_raw(raw[position:position + 997])
    assert read_message(socket) == (opcode, data)


# 2: pings and pongs.

@pytest.mark.parametrize("payload", [b"", b"Hello, world!", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125])
def test_2_1_to_2_4_a_ping_is_answered_with_its_payload(socket, payload):
    socket.send(PING, payload)
    frame = socket.read()
    assert (frame.opcode, frame.payload) == (PONG, payload)


def test_2_5_a_ping_of_126_bytes_is_a_protocol_error(socket):
    socket.send(PING, b"\xfe" * 126)
    check_failed(socket, PROTOCOL_ERROR)


def test_2_6_a_ping_byte_by_byte_is_answered(socket):
    for byte in encode(PING, b"\xfe" * 125):
        socket.send_raw(bytes([byte]))
    assert socket.read().payload == b"\xfe" * 125


@pytest.mark.parametrize("payload", [b"", b"unsolicited pong payload"])
def test_2_7_to_2_9_an_unsolicited_pong_is_taken_in_silence(socket, payload):
    socket.send(PONG, payload)
    socket.send(PING, b"ping payload")
    assert socket.read().payload == b"ping payload"


def test_2_10_and_2_11_ten_pings_get_ten_pongs_in_order(socket):
    payloads = [b"payload-%d" % number for number in range(10)]
    socket.send_raw(b"".join(encode(PING, payload) for payload in payloads))
    assert [socket.read().payload for _ in payloads] == payloads


# 3 and 4: reserved bits and opcodes.

@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("opcode", [TEXT, PING, CLOSE])
def test_3_a_reserved_bit_is_a_protocol_error_behind_a_message_that_is_not_lost(socket, rsv, opcode):
    check_echo(socket, TEXT, b"before")
    socket.send(opcode, b"" if opcode == CLOSE else b"x", rsv=rsv)
    check_failed(socket, PROTOCOL_ERROR)


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("payload", [b"", b"reserved opcode payload"])
def test_4_a_reserved_opcode_is_a_protocol_error(socket, opcode, payload):
    socket.send(opcode, payload)
    check_failed(socket, PROTOCOL_ERROR)


# 5: fragmentation.

@pytest.mark.parametrize("opcode", [PING, PONG])
def test_5_1_and_5_2_a_fragmented_control_frame_is_a_protocol_error(socket, opcode):
    socket.send(opcode, b"fragment1", fin=False)
    socket.send(CONTINUATION, b"fragment2")
    check_failed(socket, PROTOCOL_ERROR)


@pytest.mark.parametrize("chop", [None, 1])
@pytest.mark.parametrize("between", [[], [PING]])
def test_5_3_to_5_8_fragments_come_back_as_one_message(socket, chop, between):
    raw = encode(TEXT, b"fragment1", fin=False)
    raw += b"".join(encode(opcode, b"between") for opcode in between) + encode(CONTINUATION, b"fragment2")
    for position in range(0, len(raw), chop or len(raw)):
        socket.send_raw(raw[position:position + (chop or len(raw))])
    socket.pongs = []
    assert read_message(socket) == (TEXT, b"fragment1fragment2")
    assert socket.pongs == [b"between"] * len(between)


@pytest.mark.parametrize("fin", [True, False])
def test_5_9_to_5_14_a_continuation_of_nothing_is_a_protocol_error(socket, fin):
    socket.send(CONTINUATION, b"non-continuation payload", fin=fin)
    socket.send(TEXT, b"Hello, world!")
    assert check_failed(socket, PROTOCOL_ERROR) == b""


def test_5_15_a_continuation_after_the_end_is_a_protocol_error(socket):
    socket.send(TEXT, b"fragment1", fin=False)
    socket.send(CONTINUATION, b"fragment2")
    assert read_message(socket) == (TEXT, b"fragment1fragment2")
    socket.send(CONTINUATION, b"fragment3", fin=False)
    check_failed(socket, PROTOCOL_ERROR)


@pytest.mark.parametrize("fin", [True, False])
def test_5_18_a_new_message_inside_a_message_is_a_protocol_error(socket, fin):
    socket.send(TEXT, b"fragment1", fin=False)
    socket.send(TEXT, b"fragment2", fin=fin)
    check_failed(socket, PROTOCOL_ERROR)


def test_5_19_and_5_20_many_fragments_with_pings_between_come_back(socket):
    for opcode, payload, fin in [(TEXT, b"1", False), (CONTINUATION, b"2", False), (PING, b"pongme 1!", True),
                                 (CONTINUATION, b"3", False), (CONTINUATION, b"", False), (PING, b"pongme 2!", True),
                                 (CONTINUATION, b"5", True)]:
        socket.send(opcode, payload, fin=fin)
    socket.pongs = []
    assert read_message(socket) == (TEXT, b"1235")
    assert socket.pongs == [b"pongme 1!", b"pongme 2!"]


# 6: UTF-8.

VALID = ["Hello-µ@ßöäüàá-UTF-8!!", "κόσμε", "\U0001F600", "\ud7ff", "\U0010ffff", "\0", "\ufffe", "\U0008fffe"]
INVALID = [b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\x80",
           b"\xff", b"\xe2\x82", b"\xf8\x88\x80\x80\x80", b"\xed\xa0\x80", b"\xfc\x84\x80\x80\x80\x80"]


@pytest.mark.parametrize("text", VALID, ids=ascii)
def test_6_2_valid_text_comes_back_wherever_it_is_cut(socket, text):
    data = text.encode()
    for cut in range(len(data) + 1):
        socket.send(TEXT, data[:cut], fin=False)
        socket.send(CONTINUATION, data[cut:])
        assert read_message(socket) == (TEXT, data)


@pytest.mark.parametrize("data", INVALID, ids=ascii)
def test_6_3_invalid_text_is_refused(socket, data):
    socket.send(TEXT, data)
    check_failed(socket, BAD_UTF8)


@pytest.mark.parametrize("data", INVALID, ids=ascii)
def test_6_binary_is_never_checked_for_utf8(socket, data):
    check_echo(socket, BINARY, data)


# 7: closing.

def test_7_1_1_a_message_then_a_close_gets_both_answers(socket):
    check_echo(socket, TEXT, b"Hello World!")
    socket.send(CLOSE, close_payload(1000))
    check_failed(socket, 1000)


@pytest.mark.parametrize("after", [encode(CLOSE, close_payload(1000)), encode(PING, b"x"), encode(TEXT, b"x")],
                         ids=["close", "ping", "data"])
def test_7_1_2_to_7_1_4_what_follows_a_close_is_ignored(socket, after):
    socket.send_raw(encode(CLOSE, close_payload(1000)) + after)
    assert check_failed(socket, 1000) == b""


def test_7_1_5_a_close_inside_a_fragmented_message_closes(socket):
    """The server by itself answers 1002, "incomplete fragmented message"; its answer is what the client gets."""
    socket.send(TEXT, b"fragment1", fin=False)
    socket.send(CLOSE, close_payload(1000))
    socket.send(CONTINUATION, b"fragment2")
    check_failed(socket, 1000, 1002)


def test_7_1_6_a_close_behind_a_large_message_comes_behind_its_echo(socket):
    data = b"BAsd7&jh23" * 26 * 1024
    socket.send(TEXT, data)
    socket.send(CLOSE, close_payload(1000))
    received, close = socket.read_until_close()
    assert close.code == 1000 and received in (data, b""), "an echo is whole, or is not begun"


def test_7_3_1_an_empty_close_is_answered(socket):
    socket.send(CLOSE)
    check_failed(socket, 1000, 1005)


def test_7_3_2_a_close_of_one_byte_is_a_protocol_error(socket):
    socket.send(CLOSE, b"\x03")
    check_failed(socket, PROTOCOL_ERROR)


@pytest.mark.parametrize("reason", [b"", b"Hello World!", b"*" * 123])
def test_7_3_3_to_7_3_5_a_close_with_a_reason_is_answered(socket, reason):
    socket.send(CLOSE, close_payload(1000, reason))
    check_failed(socket, 1000)


def test_7_3_6_a_close_of_126_bytes_is_a_protocol_error(socket):
    socket.send(CLOSE, close_payload(1000, b"*" * 124))
    check_failed(socket, PROTOCOL_ERROR)


def test_7_5_1_a_reason_that_is_no_utf8_is_refused(socket):
    socket.send(CLOSE, close_payload(1000, INVALID[0]))
    check_failed(socket, PROTOCOL_ERROR, BAD_UTF8)


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
def test_7_7_a_valid_code_is_answered_with_itself(socket, code):
    socket.send(CLOSE, close_payload(code))
    check_failed(socket, code)


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535])
def test_7_9_and_7_13_an_invalid_code_is_a_protocol_error(socket, code):
    socket.send(CLOSE, close_payload(code))
    check_failed(socket, PROTOCOL_ERROR)


# 9: large messages and many of them.

@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [64 << 10, 1 << 20, 16 << 20])
def test_9_1_and_9_2_large_messages_come_back(socket, opcode, size):
    check_echo(socket, opcode, b"*" * size)


@pytest.mark.parametrize("fragment", [64, 4096, 256 << 10])
def test_9_3_and_9_4_a_large_message_in_fragments_comes_back(socket, fragment):
    size = 256 << 10 if fragment == 64 else 4 << 20
    pieces = [b"*" * fragment] * (size // fragment)
    socket.send_raw(b"".join(
        encode(CONTINUATION if number else BINARY, piece, fin=number == len(pieces) - 1)
        for number, piece in enumerate(pieces)))
    assert read_message(socket) == (BINARY, b"*" * size)


@pytest.mark.parametrize("chop", [64, 1024])
def test_9_5_and_9_6_a_large_message_in_chops_comes_back(socket, chop):
    data = b"*" * (chop << 10)
    raw = encode(TEXT, data)
    for position in range(0, len(raw), chop):
        socket.send_raw(raw[position:position + chop])
    assert read_message(socket) == (TEXT, data)


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("size", [0, 16, 256, 4096])
def test_9_7_and_9_8_many_messages_come_back_in_order(socket, opcode, size):
    for number in range(300):
        check_echo(socket, opcode, (b"%04d" % number + b"*" * size)[:size])


# 10: auto-fragmentation.

@pytest.mark.parametrize("fragment", [1300, 65536])
def test_10_a_long_message_in_fragments_comes_back(socket, fragment):
    seed = random.SystemRandom().randrange(1 << 32)
    data = random.Random(seed).randbytes(65536 if fragment < 65536 else 1 << 20)
    pieces = [data[position:position + fragment] for position in range(0, len(data), fragment)]
    socket.send_raw(b"".join(
        encode(CONTINUATION if number else BINARY, piece, fin=number == len(pieces) - 1)
        for number, piece in enumerate(pieces)))
    assert read_message(socket) == (BINARY, data), f"seed {seed}"

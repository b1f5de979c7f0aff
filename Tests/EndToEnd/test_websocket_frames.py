# rtbridge: a test for each of the Autobahn test suite's groups 1 to 7 and 10, on WebSocket to TCP echo.
# SPDX-License-Identifier: Apache-2.0
"""Autobahn's echo server keeps messages and their types; a TCP server keeps bytes alone. So answers are compared as bytes,
and text either passes as bytes, with its UTF-8 checked, or is refused with 1003. The rules for frames (RFC 6455 §5) are
tested to the letter."""

import random

import pytest

from support.websocket import (BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, WebSocket, close_payload, encode)

PROTOCOL_ERROR, WRONG_TYPE, BAD_UTF8 = 1002, 1003, 1007


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, tcp_echo):
    return start_bridge(make_config([
        {"match": {"protocol": "websocket", "path": "/echo"}, "backend": f"tcp://127.0.0.1:{tcp_echo.port}",
         "websocket": {"allowOrigins": ["*"], "pingInterval": "off", "maxMessageBytes": "16MiB"}}]))


@pytest.fixture(params=["tls", "clear"])
def socket(request, bridge, tls_of):
    with WebSocket(bridge.address(request.param), "/echo", tls_of(request.param)) as opened:
        yield opened


def check_alive(socket):
    socket.send(BINARY, b"alive?")
    assert socket.read_bytes(6) == b"alive?"


def check_failed(socket, *codes):
    """RFC 6455 §7.1.7: the connection is failed: a Close with a code that says why, then the end."""
    data, close = socket.read_until_close()
    assert close is not None, "the connection ended without a close frame"
    assert close.code in codes, f"{close.code} {close.reason!r}"
    try:
        assert socket.read() is None, "something came after the close frame"
    except ConnectionError:
        pass
    return data


# 1: framing.

@pytest.mark.parametrize("count", [0, 125, 126, 127, 128, 65535, 65536])
def test_1_2_binary_messages_of_all_lengths_come_back(socket, count):
    socket.send(BINARY, b"\xfe" * count)
    if count:
        assert socket.read_bytes(count) == b"\xfe" * count
    check_alive(socket)


@pytest.mark.parametrize("chop", [997, 1])
def test_1_2_8_a_frame_in_small_pieces_comes_back(socket, chop):
    data = b"\xfe" * (65536 if chop > 1 else 2000)
    raw = encode(BINARY, data)
    for position in range(0, len(raw), chop):
        socket.send_raw(raw[position:position + chop])
    assert socket.read_bytes(len(data)) == data


@pytest.mark.parametrize("count", [0, 125, 126, 65535, 65536])
def test_1_1_text_messages_pass_as_bytes_or_are_refused_by_type(socket, count):
    socket.send(TEXT, b"*" * count)
    socket.send(BINARY, b"|")
    frame = socket.read()
    if frame.opcode == CLOSE:
        assert frame.code == WRONG_TYPE
        return
    data = frame.payload
    while len(data) < count + 1:
        data += socket.read().payload
    assert data == b"*" * count + b"|"


@pytest.mark.parametrize("count, length_bytes", [(0, 2), (125, 2), (125, 8), (126, 8), (65535, 8)])
def test_a_length_that_is_longer_than_it_must_be_is_a_protocol_error(socket, count, length_bytes):
    # RFC 6455 §5.2: "the minimal number of bytes MUST be used to encode the length".
    socket.send(BINARY, b"x" * count, length_bytes=length_bytes)
    check_failed(socket, PROTOCOL_ERROR)


def test_a_64_bit_length_with_the_top_bit_is_a_protocol_error(socket):
    # RFC 6455 §5.2: "the most significant bit MUST be 0".
    socket.send_raw(b"\x82\xff" + b"\xff" * 8 + b"\0\0\0\0")
    check_failed(socket, PROTOCOL_ERROR, 1009)


def test_a_length_that_no_memory_holds_is_too_big(socket):
    socket.send_raw(b"\x82\xff\x7f" + b"\xff" * 7 + b"\0\0\0\0")
    check_failed(socket, 1009)


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
    frame = socket.read()
    assert (frame.opcode, frame.payload) == (PONG, b"\xfe" * 125)


@pytest.mark.parametrize("payload", [b"", b"unsolicited pong payload"])
def test_2_7_to_2_9_an_unsolicited_pong_is_taken_in_silence(socket, payload):
    socket.send(PONG, payload)
    socket.send(PING, b"ping payload")
    assert socket.read().payload == b"ping payload"


def test_2_10_and_2_11_ten_pings_get_ten_pongs_in_order(socket):
    payloads = [b"payload-%d" % number for number in range(10)]
    socket.send_raw(b"".join(encode(PING, payload) for payload in payloads))
    assert [socket.read().payload for _ in payloads] == payloads


# 3: reserved bits.

@pytest.mark.parametrize("rsv", range(1, 8))
@pytest.mark.parametrize("opcode", [BINARY, TEXT, PING, CLOSE])
def test_3_a_reserved_bit_is_a_protocol_error(socket, rsv, opcode):
    socket.send(opcode, b"" if opcode == CLOSE else b"x", rsv=rsv)
    check_failed(socket, PROTOCOL_ERROR)


def test_3_3_what_came_before_a_reserved_bit_is_not_lost(socket):
    socket.send(BINARY, b"before")
    assert socket.read_bytes(6) == b"before"
    socket.send(BINARY, b"x", rsv=3)
    check_failed(socket, PROTOCOL_ERROR)


# 4: opcodes.

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


def test_5_3_fragments_come_back_as_their_bytes(socket):
    socket.send(BINARY, b"fragment1", fin=False)
    socket.send(CONTINUATION, b"fragment2")
    assert socket.read_bytes(18) == b"fragment1fragment2"


def test_5_5_fragments_byte_by_byte_come_back_as_their_bytes(socket):
    for byte in encode(BINARY, b"fragment1", fin=False) + encode(CONTINUATION, b"fragment2"):
        socket.send_raw(bytes([byte]))
    assert socket.read_bytes(18) == b"fragment1fragment2"


def test_5_6_to_5_8_a_ping_between_fragments_is_answered(socket):
    socket.send(BINARY, b"fragment1", fin=False)
    socket.send(PING, b"ping payload")
    socket.send(CONTINUATION, b"fragment2")
    data, pongs = bytearray(), []
    while len(data) < 18 or not pongs:
        frame = socket.read()
        (pongs.append(frame.payload) if frame.opcode == PONG else data.extend(frame.payload))
    assert bytes(data) == b"fragment1fragment2" and pongs == [b"ping payload"]


@pytest.mark.parametrize("fin", [True, False])
def test_5_9_to_5_14_a_continuation_of_nothing_is_a_protocol_error(socket, fin):
    socket.send(CONTINUATION, b"non-continuation payload", fin=fin)
    check_failed(socket, PROTOCOL_ERROR)


def test_5_15_a_continuation_after_the_end_is_a_protocol_error(socket):
    socket.send(BINARY, b"fragment1", fin=False)
    socket.send(CONTINUATION, b"fragment2")
    socket.send(CONTINUATION, b"fragment3", fin=False)
    check_failed(socket, PROTOCOL_ERROR)


@pytest.mark.parametrize("fin", [True, False])
def test_5_18_a_new_message_inside_a_message_is_a_protocol_error(socket, fin):
    socket.send(BINARY, b"fragment1", fin=False)
    socket.send(BINARY, b"fragment2", fin=fin)
    check_failed(socket, PROTOCOL_ERROR)


def test_5_19_and_5_20_many_fragments_with_pings_between_come_back(socket):
    socket.send(BINARY, b"fragment1", fin=False)
    socket.send(CONTINUATION, b"fragment2", fin=False)
    socket.send(PING, b"pongme 1!")
    socket.send(CONTINUATION, b"fragment3", fin=False)
    socket.send(CONTINUATION, b"fragment4", fin=False)
    socket.send(PING, b"pongme 2!")
    socket.send(CONTINUATION, b"fragment5")
    data, pongs = bytearray(), []
    while len(data) < 45 or len(pongs) < 2:
        frame = socket.read()
        (pongs.append(frame.payload) if frame.opcode == PONG else data.extend(frame.payload))
    assert bytes(data) == b"fragment1fragment2fragment3fragment4fragment5"
    assert pongs == [b"pongme 1!", b"pongme 2!"]


def test_5_empty_fragments_are_no_end(socket):
    socket.send(BINARY, b"", fin=False)
    socket.send(CONTINUATION, b"", fin=False)
    socket.send(CONTINUATION, b"x", fin=False)
    socket.send(CONTINUATION, b"")
    assert socket.read_bytes(1) == b"x"


# 6: UTF-8.

VALID = ["Hello-µ@ßöäüàá-UTF-8!!", "κόσμε", "\U0001F600", "\ud7ff", "\U0010ffff"]
INVALID = [b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0\x80edited", b"\xf4\x90\x80\x80", b"\xc0\xaf", b"\x80",
           b"\xff", b"\xe2\x82", b"\xf8\x88\x80\x80\x80"]


@pytest.mark.parametrize("text", VALID, ids=ascii)
def test_6_valid_text_passes_as_bytes_or_is_refused_by_type(socket, text):
    data = text.encode()
    for cut in range(len(data) + 1):
        socket.send(TEXT, data[:cut], fin=False)
        socket.send(CONTINUATION, data[cut:])
        frame = socket.read()
        if frame.opcode == CLOSE:
            assert frame.code == WRONG_TYPE
            return
        received = frame.payload
        while len(received) < len(data):
            received += socket.read().payload
        assert received == data


@pytest.mark.parametrize("data", INVALID, ids=ascii)
def test_6_invalid_text_is_refused(socket, data):
    socket.send(TEXT, data)
    check_failed(socket, BAD_UTF8, WRONG_TYPE)


@pytest.mark.parametrize("data", INVALID, ids=ascii)
def test_6_binary_is_never_checked_for_utf8(socket, data):
    socket.send(BINARY, data)
    assert socket.read_bytes(len(data)) == data


def test_6_4_bad_utf8_is_refused_before_the_message_ends(socket):
    socket.send(TEXT, b"\xf4", fin=False)
    socket.send(CONTINUATION, b"\x90", fin=False)
    check_failed(socket, BAD_UTF8, WRONG_TYPE)


# 7: closing.

def test_7_1_1_a_message_then_a_close_gets_both_answers(socket):
    socket.send(BINARY, b"Hello World!")
    assert socket.read_bytes(12) == b"Hello World!"
    socket.send(CLOSE, close_payload(1000))
    check_failed(socket, 1000)


@pytest.mark.parametrize("after", [encode(CLOSE, close_payload(1000)), encode(PING, b"x"), encode(BINARY, b"x")],
                         ids=["close", "ping", "data"])
def test_7_1_2_to_7_1_4_what_follows_a_close_is_ignored(socket, after):
    socket.send_raw(encode(CLOSE, close_payload(1000)) + after)
    assert check_failed(socket, 1000) == b""


def test_7_1_5_a_close_inside_a_fragmented_message_closes(socket):
    socket.send(BINARY, b"fragment1", fin=False)
    socket.send(CLOSE, close_payload(1000))
    socket.send(CONTINUATION, b"fragment2")
    check_failed(socket, 1000)


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
    check_failed(socket, code, 1000)


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
def test_7_9_and_7_13_an_invalid_code_is_a_protocol_error(socket, code):
    socket.send(CLOSE, close_payload(code))
    check_failed(socket, PROTOCOL_ERROR)


# Masks.

def test_an_unmasked_frame_is_a_protocol_error(socket):
    # RFC 6455 §5.1: "a server MUST close the connection upon receiving a frame that is not masked".
    socket.send(BINARY, b"naked", mask=None)
    check_failed(socket, PROTOCOL_ERROR)


@pytest.mark.parametrize("mask", [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x01\0\0\0", b"\0\0\0\x80"])
def test_any_mask_is_taken_off(socket, mask):
    for count in range(1, 40):
        data = bytes(range(count))
        socket.send(BINARY, data, mask=mask)
        assert socket.read_bytes(count) == data


# 10: auto-fragmentation; 9 in small.

@pytest.mark.parametrize("fragment", [64, 1300, 65536])
def test_10_a_long_message_in_fragments_comes_back(socket, fragment):
    seed = random.SystemRandom().randrange(1 << 32)
    data = random.Random(seed).randbytes(65536 if fragment < 65536 else 1 << 20)
    pieces = [data[position:position + fragment] for position in range(0, len(data), fragment)]
    raw = b"".join(
        encode(CONTINUATION if number else BINARY, piece, fin=number == len(pieces) - 1)
        for number, piece in enumerate(pieces))
    socket.send_raw(raw)
    assert socket.read_bytes(len(data)) == data, f"seed {seed}"

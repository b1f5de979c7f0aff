# rtbridge: sessions whose WebSocket back-end goes away and comes back: by whole messages, and none of them twice.
# SPDX-License-Identifier: Apache-2.0
import json
import threading

import pytest

from support.faults import FaultProxy
from support.waiting import DEADLINE, wait_still, wait_until
from support.websocket import BINARY, CLOSE, CONTINUATION, TEXT, Refused, WebSocket, close_payload, encode
from support.websocket_server import ScriptedWebSocket

QUICK = {"initial": "5ms", "max": "50ms", "jitter": "full"}


@pytest.fixture(scope="module")
def back():
    server = ScriptedWebSocket()
    yield server
    server.close()


@pytest.fixture(scope="module")
def slow_back():
    """Its sockets take little, so that messages are cut."""
    server = ScriptedWebSocket(receive_buffer=4096)
    yield server
    server.close()


@pytest.fixture(scope="module")
def proxy(back):
    proxy = FaultProxy(back.port)
    yield proxy
    proxy.close()


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, back, slow_back, proxy):
    def route(path, port, **reconnect):
        return {"name": path[1:], "match": {"protocol": "websocket", "path": path}, "backend": f"ws://127.0.0.1:{port}",
                "websocket": {"allowOrigins": ["*"], "pingInterval": "off", "maxMessageBytes": "16MiB"},
                "reconnect": {"backoff": QUICK, "maxHold": "60s", **reconnect}}

    return start_bridge(make_config([
        route("/resume", back.port, mode="resume"),
        route("/notify", back.port, mode="notify", preamble="LOGIN"),
        route("/close", back.port, mode="close"),
        route("/slow", slow_back.port, mode="resume", bufferBytes="32MiB"),
        route("/away", proxy.port, mode="resume"),
        route("/tries", back.port, mode="resume", maxAttempts=3),
    ]))


@pytest.fixture
def open_pair(bridge):
    opened = []

    def open_pair(path, back, **options):
        result = []
        thread = threading.Thread(
            target=lambda: result.append(WebSocket(bridge.address("clear"), path, **options)), daemon=True)
        thread.start()
        behind = back.open()
        thread.join(DEADLINE)
        opened.extend([result[0], behind])
        return result[0], behind

    yield open_pair
    for socket in opened:
        socket.close()


@pytest.mark.parametrize("how", ["cut", 1001, 1012, 1013])
def test_a_back_end_that_goes_away_is_dialled_again_and_the_client_is_told_nothing(open_pair, back, how):
    front, first = open_pair("/resume", back)
    for round in range(3):
        front.send(TEXT, b"before %d" % round)
        assert first.read().payload == b"before %d" % round
        if how != "cut":
            first.send(CLOSE, close_payload(how, b"soon back"))
            assert first.read().code == how
        first.close()
        front.send(TEXT, b"mean")
        front.send(BINARY, b"while", fin=False)
        front.send(CONTINUATION, b"...")
        second = back.open()
        assert (frame := second.read()).opcode == TEXT and frame.payload == b"mean"
        assert (frame := second.read()).opcode == BINARY
        data = frame.payload
        while not frame.fin:
            data += (frame := second.read()).payload
        assert data == b"while..."
        second.send(TEXT, b"after")
        assert (frame := front.read()).opcode == TEXT and frame.payload == b"after"
        first = second


@pytest.mark.parametrize("code", [1000, 1002, 1003, 1007, 1008, 1009, 1011, 3000, 4000])
def test_a_close_that_is_meant_for_the_client_reaches_it(open_pair, back, code):
    front, first = open_pair("/resume", back)
    first.send(CLOSE, close_payload(code, b"meant"))
    assert (frame := front.read()).code == code and frame.reason == "meant"


def test_notify_greets_each_session_and_tells_a_client_that_asks(open_pair, back):
    front, first = open_pair("/notify", back, subprotocols=("rtbridge.events",))
    assert first.header("sec-websocket-protocol") is None, "that one is the bridge's own"
    assert front.subprotocol == "rtbridge.events"
    assert (frame := first.read()).opcode == TEXT and frame.payload == b"LOGIN"
    first.close()
    assert json.loads(front.read().payload)["event"] == "reconnecting"
    second = back.open()
    assert (frame := second.read()).opcode == TEXT and frame.payload == b"LOGIN"
    while (event := json.loads(front.read().payload)["event"]) == "reconnecting":
        pass
    assert event == "reconnected"
    second.send(TEXT, b"hello")
    assert front.read().payload == b"hello"


def test_close_mode_closes_a_session_that_had_begun(open_pair, back):
    front, first = open_pair("/close", back)
    front.send(TEXT, b"x")
    first.read()
    first.close()
    assert front.read().code == 1013


def test_a_message_that_the_client_has_the_beginning_of_ends_the_session(open_pair, back):
    """Nobody can go on with it, and its end must not be made up."""
    front, first = open_pair("/resume", back)
    first.send(TEXT, b"half", fin=False)
    assert not front.read().fin
    first.close()
    assert (frame := front.read()).code == 1013 and "inside a message" in frame.reason


def test_the_rest_of_a_message_that_the_lost_session_had_begun_is_dropped(open_pair, back):
    front, first = open_pair("/resume", back)
    front.send(TEXT, b"begun", fin=False)
    assert first.read().payload == b"begun"
    first.close()
    front.send(CONTINUATION, b" and ended")
    front.send(TEXT, b"next")
    second = back.open()
    assert (frame := second.read()).opcode == TEXT and frame.payload == b"next"


def test_what_was_not_written_goes_to_the_next_session_in_whole_messages(open_pair, slow_back):
    """The lost session's kernel has taken messages up to somewhere inside one: that one is gone, the rest arrive once."""
    front, first = open_pair("/slow", slow_back)
    count, size = 400, 30_000
    sent = []

    def send():
        for number in range(count):
            front.send_raw(encode(BINARY, number.to_bytes(4, "big") * (size // 4)))
            sent.append(number)

    threading.Thread(target=send, daemon=True).start()
    assert (frame := first.read()).payload[:4] == bytes(4)
    while not frame.fin:
        frame = first.read()
    wait_still("the client", lambda: len(sent))
    first.send(CLOSE, close_payload(1001))
    second = slow_back.open()
    # All that the bridge had written to the first session, to the byte; the first message was read above.
    frames, rest = first.read_to_end()
    written, message = {0}, b""
    for frame in frames:
        message += frame.payload
        if frame.opcode == CLOSE:
            break
        if frame.fin:
            written.add(int.from_bytes(message[:4], "big"))
            message = b""
    later = []
    while not later or later[-1] != count - 1:
        message, fin = b"", False
        while not fin:
            frame = second.read()
            message, fin = message + frame.payload, frame.fin
        assert len(message) == size and message == message[:4] * (size // 4)
        later.append(int.from_bytes(message[:4], "big"))
    assert later == list(range(later[0], count)) and written == set(range(max(written) + 1))
    is_cut = bool(rest or message)
    assert later[0] == max(written) + (2 if is_cut else 1), "the message that was cut, and no other, is missing"


def test_a_back_end_that_is_not_there_yet_is_waited_for(bridge, proxy, back):
    proxy.refuse()
    result = []
    thread = threading.Thread(target=lambda: result.append(WebSocket(bridge.address("clear"), "/away")), daemon=True)
    thread.start()
    wait_until("attempts", lambda: thread.is_alive())
    proxy.pass_on()
    behind = back.open()
    thread.join(DEADLINE)
    behind.send(TEXT, b"late")
    assert result[0].read().payload == b"late"
    result[0].close()


@pytest.mark.parametrize("status, is_tried_again", [(403, False), (404, False), (500, False), (502, True), (503, True)])
def test_a_server_that_says_it_is_away_is_asked_again(bridge, back, status, is_tried_again):
    refused = []

    def connect():
        try:
            WebSocket(bridge.address("clear"), "/tries")
        except Refused as refusal:
            refused.append(refusal.reply)

    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    for _ in range(3 if is_tried_again else 1):
        behind = back.take()
        behind.send_raw(b"HTTP/1.1 %d x\r\nContent-Length: 4\r\n\r\nsoon" % status)
        behind.close()
    thread.join(DEADLINE)
    assert [(reply.status, reply.body) for reply in refused] == [(status, b"soon")]


def test_a_new_session_that_is_refused_closes_the_client(open_pair, back):
    front, first = open_pair("/resume", back)
    first.close()
    second = back.take()
    second.send_raw(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    assert (frame := front.read()).code == 1014 and "403" in frame.reason


def test_a_new_session_with_another_subprotocol_is_none(bridge, back):
    result = []
    thread = threading.Thread(target=lambda: result.append(
        WebSocket(bridge.address("clear"), "/resume", subprotocols=("a", "b"))), daemon=True)
    thread.start()
    first = back.open(subprotocol="a")
    thread.join(DEADLINE)
    first.close()
    second = back.take()
    assert second.header("sec-websocket-protocol") == "a, b"
    second.accept(subprotocol="b")
    assert (frame := result[0].read()).code == 1014 and "subprotocol" in frame.reason
    result[0].close()

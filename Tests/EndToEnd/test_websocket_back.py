# rtbridge: WebSocket to WebSocket: the handshake, what passes, what ends it.
# SPDX-License-Identifier: Apache-2.0
import json
import socket as sockets
import threading

import pytest

from support.tcp import refused_port
from support.waiting import DEADLINE, PROMPT, wait_still, wait_until
from support.websocket import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Refused, WebSocket, close_payload, encode
from support.websocket_server import ScriptedWebSocket


@pytest.fixture(scope="module")
def scripted_back():
    server = ScriptedWebSocket()
    yield server
    server.close()


@pytest.fixture(scope="module")
def nobody():
    sock, port = refused_port()
    yield port
    sock.close()


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, ws_server, scripted_back, nobody):
    def route(path, port, websocket=None, **more):
        return {"name": path[1:], "match": {"protocol": "websocket", "pathPrefix": path},
                "backend": f"ws://127.0.0.1:{port}",
                "websocket": {"allowOrigins": ["*"], "pingInterval": "off", **(websocket or {})}, **more}

    impatient = {"protocol": "websocket", "endpoints": [f"127.0.0.1:{scripted_back.port}"],
                 "timeouts": {"handshake": "300ms"}}
    two = {"protocol": "websocket", "endpoints": [f"127.0.0.1:{nobody}", f"127.0.0.1:{scripted_back.port}"]}
    return start_bridge(make_config([
        route("/server/", ws_server.port),
        route("/scripted/", scripted_back.port),
        route("/pinged/", scripted_back.port, {"pingInterval": "200ms", "pongTimeout": "300ms"}),
        route("/small/", scripted_back.port, {"maxMessageBytes": 1000}),
        route("/nobody/", nobody),
        route("/brief/", nobody, errors={"detail": "brief"}),
        {**route("/impatient/", 1), "backend": impatient},
        {**route("/two/", 1), "backend": two},
        {**route("/own-origin/", scripted_back.port), "websocket": {}},
    ], logging={"level": "debug"}))


@pytest.fixture
def connect(bridge, tls_of):
    opened = []

    def connect(path, listener="clear", **options):
        opened.append(WebSocket(bridge.address(listener), path, tls_of(listener), **options))
        return opened[-1]

    yield connect
    for socket in opened:
        socket.close()


@pytest.fixture
def start(bridge, scripted_back, tls_of):
    """start(path): the client's connection is under way in a thread, and the back-end has its request."""
    opened = []

    class Starting:
        def __init__(self, path, listener="clear", **options):
            self.result = None
            self.thread = threading.Thread(target=self._run, args=(path, listener, options), daemon=True)
            self.thread.start()
            self.back = scripted_back.take()
            opened.append(self)

        def _run(self, path, listener, options):
            try:
                self.result = WebSocket(bridge.address(listener), path, tls_of(listener), **options)
            except Exception as error:
                self.result = error

        def front(self):
            self.thread.join(DEADLINE)
            assert self.result is not None, "the client waits for its answer"
            if isinstance(self.result, Exception):
                raise self.result
            return self.result

        def refusal(self):
            with pytest.raises(Refused) as refused:
                self.front()
            return refused.value.reply

    yield Starting
    for one in opened:
        one.back.close()
        if isinstance(one.result, WebSocket):
            one.result.close()


@pytest.fixture
def pair(start):
    """pair(path): an open session: (the client's socket, the back-end's)."""
    def pair(path="/scripted/x", **options):
        starting = start(path, **options)
        starting.back.accept()
        return starting.front(), starting.back

    return pair


# The request.

@pytest.mark.parametrize("listener, scheme", [("clear", "http"), ("tls", "https")])
def test_the_back_end_sees_the_clients_own_request(start, listener, scheme):
    starting = start("/scripted/a%20b/%C3%A9?q=1&r=%2F", listener, origin="https://app.example", headers=[
        ("host", "chat.example:8443"), ("cookie", "session=abc; theme=dark"), ("authorization", "Bearer t0ken"),
        ("accept-language", "de"), ("x-custom", "one"), ("x-custom", "two"), ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-proto", "gopher"), ("te", "trailers"), ("keep-alive", "5")])
    back = starting.back
    assert back.request_line == "GET /scripted/a%20b/%C3%A9?q=1&r=%2F HTTP/1.1"
    assert back.header("host") == "chat.example:8443"
    assert back.header("origin") == "https://app.example"
    assert back.header("cookie") == "session=abc; theme=dark"
    assert back.header("authorization") == "Bearer t0ken"
    assert back.header("accept-language") == "de"
    assert back.all("x-custom") == ["one", "two"]
    assert back.header("x-forwarded-for") == "203.0.113.9, 127.0.0.1"
    assert back.header("x-forwarded-proto") == scheme
    assert back.header("x-forwarded-host") == "chat.example:8443"
    assert back.header("forwarded") == f'for=127.0.0.1;host="chat.example:8443";proto={scheme}'
    assert back.header("upgrade") == "websocket" and back.header("connection") == "Upgrade"
    assert back.header("sec-websocket-version") == "13"
    assert len(back.header("sec-websocket-key")) == 24
    for name in ("te", "keep-alive", "sec-websocket-extensions", "sec-websocket-protocol", "transfer-encoding"):
        assert back.header(name) is None
    back.accept()
    starting.front()


def test_fields_that_connection_names_stay_here(bridge, scripted_back):
    with sockets.create_connection(bridge.address("clear"), DEADLINE) as client:
        client.sendall(b"GET /scripted/ HTTP/1.1\r\nhost: h\r\nupgrade: websocket\r\nconnection: Upgrade, x-private\r\n"
                       b"x-private: 1\r\nx-public: 1\r\nsec-websocket-version: 13\r\n"
                       b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
        back = scripted_back.take()
        assert back.header("x-private") is None and back.header("x-public") == "1"
        assert back.header("sec-websocket-key") != "dGhlIHNhbXBsZSBub25jZQ==", "each hop has a key of its own"
        back.close()


def test_each_connection_has_a_key_and_each_frame_a_mask_of_its_own(pair):
    keys, masks = set(), set()
    for _ in range(3):
        front, back = pair()
        keys.add(back.header("sec-websocket-key"))
        for _ in range(40):
            front.send(BINARY, b"same")
            masks.add(back.read().mask)
    assert len(keys) == 3 and len(masks) == 120


# Its answer.

def test_the_client_is_answered_when_the_back_end_has_answered(start):
    starting = start("/scripted/late")
    starting.thread.join(0.3)
    assert starting.result is None
    starting.back.accept()
    starting.front()


@pytest.mark.parametrize("offers, chosen", [(("soap", "chat.v2"), "chat.v2"), (("soap",), None), ((), None)])
def test_the_back_end_chooses_the_subprotocol(connect, offers, chosen):
    socket = connect("/server/head", subprotocols=offers)
    headers = dict(json.loads(socket.read().payload)["headers"])
    assert headers.get("Sec-WebSocket-Protocol") == (", ".join(offers) or None)
    assert socket.subprotocol == chosen


def test_fields_of_the_answer_reach_the_client(start):
    starting = start("/scripted/")
    starting.back.accept(headers=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("X-Served-By", "me"),
                                  ("Keep-Alive", "5")])
    reply = starting.front().reply
    assert reply.all("set-cookie") == ["a=1", "b=2"] and reply.header("x-served-by") == "me"
    assert reply.header("keep-alive") is None
    assert len(reply.all("sec-websocket-accept")) == len(reply.all("connection")) == len(reply.all("upgrade")) == 1


def test_frames_behind_the_answer_in_its_piece_are_not_lost(start):
    starting = start("/scripted/")
    starting.back.accept(behind=encode(TEXT, b"welcome", mask=None) + encode(BINARY, b"\0\1", mask=None))
    front = starting.front()
    assert (frame := front.read()).opcode == TEXT and frame.payload == b"welcome"
    assert (frame := front.read()).opcode == BINARY and frame.payload == b"\0\1"


def test_an_answer_byte_by_byte_with_an_early_hint_before_it_is_an_answer(start):
    starting = start("/scripted/")
    starting.back.send_raw(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n")
    sent, send_raw = [], starting.back.wire.send
    starting.back.wire.send = sent.append
    starting.back.accept()
    for byte in sent[0]:
        send_raw(bytes([byte]))
    starting.back.wire.send = send_raw
    starting.front()


@pytest.mark.parametrize("status", [400, 401, 403, 404, 426, 500, 503])
def test_a_refusal_of_the_back_end_reaches_the_client(connect, status):
    with pytest.raises(Refused) as refused:
        connect(f"/server/status?{status}")
    reply = refused.value.reply
    assert (reply.status, reply.body, reply.header("set-cookie")) == (status, b"not for you", "why=1")


@pytest.mark.parametrize("answer, body", [
    (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!", b"no!"),
    (b"HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\nn\r\n2\r\no!\r\n0\r\nt: 1\r\n\r\n", b"no!"),
    (b"HTTP/1.0 403 Forbidden\r\n\r\nno!", b"no!"),
    (b"HTTP/1.1 403 Forbidden\r\n\r\n", b""),
    (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100000, b""),
    (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 10\r\n\r\nno!", b""),
    (b"HTTP/1.1 403 Forbidden\r\n\r\n" + b"x" * 100000, b""),
])
def test_refusals_in_every_framing_have_a_bound(start, answer, body):
    starting = start("/scripted/")
    starting.back.send_raw(answer)
    starting.back.close()
    reply = starting.refusal()
    assert (reply.status, bytes(reply.body)) == (403, body)


@pytest.mark.parametrize("answer, status, part", [
    (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", 502, b"not valid HTTP/1.1"),
    (b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 502, b"Sec-WebSocket-Accept"),
    (b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n", 502,
     b"Sec-WebSocket-Accept"),
    (b"HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 502, b"Upgrade"),
    (b"HTTP/1.1 101 x\r\nX: " + b"x" * 20000, 502, b"longer than"),
    (b"HTTP/1.1 403 x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 502, b"not valid HTTP/1.1"),
    (b"HTTP/1.1 403 x\r\nContent Length: 1\r\n\r\n", 502, b"not valid HTTP/1.1"),
    (b"", 502, b"before it answered"),
])
def test_what_is_no_answer_is_a_502_that_says_why(start, answer, status, part):
    starting = start("/scripted/")
    starting.back.send_raw(answer)
    starting.back.close()
    reply = starting.refusal()
    assert reply.status == status and part in reply.body, reply.body


def test_a_subprotocol_that_nobody_offered_is_a_502(start):
    starting = start("/scripted/", subprotocols=("a",))
    starting.back.accept(subprotocol="b")
    assert (reply := starting.refusal()).status == 502 and b"subprotocol" in reply.body


def test_an_extension_that_nobody_offered_is_a_502(start):
    starting = start("/scripted/")
    starting.back.accept(headers=[("Sec-WebSocket-Extensions", "permessage-deflate")])
    assert (reply := starting.refusal()).status == 502 and b"extension" in reply.body


def test_no_answer_in_time_is_a_504_that_names_the_key(start):
    reply = start("/impatient/").refusal()
    assert reply.status == 504 and b"timeouts.handshake" in reply.body


def test_nobody_there_is_a_502_with_address_and_errno(connect, nobody):
    with pytest.raises(Refused) as refused:
        connect("/nobody/")
    reply = refused.value.reply
    assert reply.status == 502 and f"127.0.0.1:{nobody}: connect: connection refused" in reply.body.decode()
    with pytest.raises(Refused) as refused:
        connect("/brief/")
    assert refused.value.reply.body == b"connect failed\n"


def test_the_next_endpoint_is_tried(start):
    for _ in range(4):
        starting = start("/two/")
        starting.back.accept()
        starting.front()


def test_another_origin_does_not_get_to_the_back_end(connect):
    with pytest.raises(Refused) as refused:
        connect("/own-origin/", origin="https://evil.example")
    assert refused.value.reply.status == 403


# Messages.

def test_types_and_borders_of_messages_are_kept(connect):
    socket = connect("/server/echo")
    messages = [(TEXT, "grüße".encode()), (BINARY, b"\xff\0"), (TEXT, b""), (BINARY, b""), (TEXT, b"x" * 70000)]
    for opcode, payload in messages:
        socket.send(opcode, payload)
    for opcode, payload in messages:
        assert read_message(socket) == (opcode, payload)


def read_message(socket):
    first = socket.read()
    assert first.opcode in (TEXT, BINARY), first
    payload, frame = bytearray(first.payload), first
    while not frame.fin:
        frame = socket.read()
        assert frame.opcode == CONTINUATION
        payload += frame.payload
    return first.opcode, bytes(payload)


def test_a_fragment_goes_on_before_its_message_ends(pair):
    front, back = pair()
    for source, sink in ((front, back), (back, front)):
        for opcode, payload, fin in ((TEXT, b"on", False), (CONTINUATION, b"", False), (CONTINUATION, b"e", True)):
            source.send(opcode, payload, fin=fin)
            frame = sink.read(PROMPT)
            assert (frame.opcode, frame.payload, frame.fin, frame.rsv) == (opcode, payload, fin, 0)


def test_half_a_frame_goes_on_as_a_fragment(pair):
    front, back = pair()
    for source, sink, mask in ((front, back, b"abcd"), (back, front, None)):
        raw = encode(BINARY, b"0123456789", mask=mask)
        source.send_raw(raw[:-4])
        frame = sink.read(PROMPT)
        assert (frame.opcode, frame.payload, frame.fin) == (BINARY, b"012345", False)
        source.send_raw(raw[-4:])
        frame = sink.read(PROMPT)
        assert (frame.opcode, frame.payload, frame.fin) == (CONTINUATION, b"6789", True)


def test_a_frame_that_comes_by_a_few_bytes_does_not_become_as_many_fragments(pair):
    front, back = pair()
    payload = bytes(range(256)) * 3000
    for source, sink, mask in ((front, back, b"abcd"), (back, front, None)):
        raw = encode(BINARY, payload, mask=mask)
        frames, start = [], 0
        # Each piece is sent when what came before it has been read, or will not come yet.
        while start < len(raw):
            source.send_raw(raw[start:start + 1000])
            start += 1000
            if len(frames) < 256 and start < len(raw):
                frames.append(sink.read(PROMPT))
        while not frames or not frames[-1].fin:
            frames.append(sink.read())
        assert b"".join(frame.payload for frame in frames) == payload
        assert frames[0].opcode == BINARY and {frame.opcode for frame in frames[1:]} == {CONTINUATION}
        assert 256 < len(frames) < 350 and max(len(frame.payload) for frame in frames) >= 16 * 1024


def test_fragments_that_come_together_go_on_as_few(pair):
    """Servers bound how many they take of a message."""
    front, back = pair()
    for source, sink, mask in ((front, back, b"abcd"), (back, front, None)):
        frames = [encode(CONTINUATION if number else TEXT, b"x", fin=number == 4999, mask=mask) for number in range(5000)]
        source.send_raw(b"".join(frames))
        count, total, frame = 0, 0, None
        while frame is None or not frame.fin:
            frame = sink.read()
            count, total = count + 1, total + len(frame.payload)
        assert total == 5000 and count < 500


def test_control_frames_between_fragments_are_answered_and_stay_here(pair):
    front, back = pair()
    for source, sink in ((front, back), (back, front)):
        source.send(BINARY, b"a", fin=False)
        source.send(PING, b"ping")
        source.send(PONG, b"unasked")
        source.send(CONTINUATION, b"b")
        assert (frame := source.read()).opcode == PONG and frame.payload == b"ping"
        assert read_message(sink) == (BINARY, b"ab")


def test_a_message_of_a_client_that_is_too_long_is_1009_and_the_back_end_may_send_more(pair):
    front, back = pair("/small/")
    back.send(BINARY, b"x" * 5000)
    assert len(read_message(front)[1]) == 5000
    front.send(BINARY, b"x" * 1001)
    _, close = front.read_until_close()
    assert close.code == 1009 and "maxMessageBytes" in close.reason
    assert back.read().code == 1001


def test_a_client_that_does_not_read_stops_the_back_end_and_the_other_way_round(bridge, pair):
    before = bridge.peak_memory()
    for turn in (0, 1):
        front, back = pair()
        source, sink = (front, back)[::1 if turn else -1]
        mask = b"abcd" if turn else None
        data = encode(BINARY, b"\x2a" * 65536, mask=mask)
        sent = [0]

        def flood():
            try:
                while sent[0] < 1000:
                    source.send_raw(data)
                    sent[0] += 1
            except OSError:
                pass

        threading.Thread(target=flood, daemon=True).start()
        stuck = wait_still("the flood", lambda: sent[0])
        assert 0 < stuck < 1000
        total = 0
        while total < 65536 * 1000:
            total += len(sink.read().payload)
        assert total == 65536 * 1000
    assert bridge.peak_memory() - before < 30 << 20


# Pings.

def test_both_sides_are_pinged(pair):
    front, back = pair("/pinged/")
    for _ in range(3):
        for side in (front, back):
            assert (frame := side.read()).opcode == PING
            side.send(PONG, frame.payload)
    front.send(TEXT, b"alive")
    while (frame := back.read()).opcode == PING:
        back.send(PONG, frame.payload)
    assert frame.payload == b"alive"


def test_a_back_end_that_is_silent_after_a_ping_is_lost(pair):
    front, _ = pair("/pinged/")
    while (frame := front.read()).opcode == PING:
        front.send(PONG, frame.payload)
    assert frame.code == 1013 and "pongTimeout" in frame.reason


# Ends.

@pytest.mark.parametrize("code, reason", [(1000, ""), (1001, "bye"), (3000, "x" * 123), (4321, "grüße"), (1011, "oh")])
def test_the_clients_close_reaches_the_back_end_and_its_answer_the_client(pair, code, reason):
    front, back = pair()
    front.send(CLOSE, close_payload(code, reason.encode()[:123]))
    frame = back.read()
    assert (frame.opcode, frame.code, frame.reason) == (CLOSE, code, reason)
    back.send(TEXT, b"one more")
    back.send(CLOSE, close_payload(code, b"and good bye"))
    assert front.read().payload == b"one more"
    frame = front.read()
    assert (frame.code, frame.reason) == (code, "and good bye")
    assert front.read() is None and back.read() is None


def test_a_close_without_a_code_is_one_on_the_other_side_too(pair):
    front, back = pair()
    front.send(CLOSE)
    assert back.read().payload == b""
    back.send(CLOSE)
    assert front.read().payload == b""
    front, back = pair()
    back.send(CLOSE)
    assert front.read().payload == b""
    assert back.read().payload == b""


@pytest.mark.parametrize("code, reason", [(1000, ""), (1001, "bye"), (1012, "restart"), (3999, "x"), (4000, "grüße")])
def test_the_back_ends_close_reaches_the_client_behind_its_last_message(pair, code, reason):
    front, back = pair()
    back.send_raw(encode(TEXT, b"last", mask=None) + encode(CLOSE, close_payload(code, reason.encode()), mask=None))
    assert front.read().payload == b"last"
    frame = front.read()
    assert (frame.opcode, frame.code, frame.reason) == (CLOSE, code, reason)
    assert back.read().code == code
    front.send(CLOSE, close_payload(code))
    assert front.read() is None


def test_a_back_end_that_does_not_answer_the_close_keeps_the_client_for_a_second(pair):
    front, back = pair()
    front.send(CLOSE, close_payload(1000))
    assert back.read().code == 1000
    assert front.read().code == 1000
    assert front.read() is None
    back.close()


def test_a_client_that_is_gone_is_going_away(pair):
    front, back = pair()
    front.send(TEXT, b"last words")
    front.close()
    assert back.read().payload == b"last words"
    assert (frame := back.read()).opcode == CLOSE and frame.code == 1001


def test_a_client_that_breaks_the_rules_is_going_away_for_the_back_end(pair):
    front, back = pair()
    front.send(TEXT, b"\xff")
    _, close = front.read_until_close()
    assert close.code == 1007
    assert (frame := back.read()).opcode == CLOSE and frame.code == 1001


@pytest.mark.parametrize("raw, code", [
    (encode(TEXT, b"x", mask=b"abcd"), 1002),            # RFC 6455 §5.1: a server must not mask.
    (encode(TEXT, b"x", mask=None, rsv=4), 1002),        # §5.2: no extension was negotiated.
    (encode(0x3, b"x", mask=None), 1002),                # §5.2: a reserved opcode.
    (encode(CONTINUATION, b"x", mask=None), 1002),       # §5.4: it continues nothing.
    (encode(PING, b"x" * 126, mask=None), 1002),         # §5.5.
    (encode(TEXT, b"\xc0\x80", mask=None), 1007),        # §8.1.
    (encode(CLOSE, close_payload(1005), mask=None), 1002),
])
def test_a_back_end_that_breaks_the_rules_is_1014(pair, raw, code):
    front, back = pair()
    back.send_raw(raw)
    _, close = front.read_until_close()
    assert close.code == 1014, close.reason
    assert back.read().code == code


def test_a_back_end_without_a_close_frame_is_1013(pair):
    front, back = pair()
    back.send(TEXT, b"whole")
    back.close()
    assert front.read().payload == b"whole"
    assert (frame := front.read()).code == 1013 and "without a close frame" in frame.reason


def test_a_back_end_that_ends_inside_a_message_is_1013_and_nothing_is_made_up(pair):
    front, back = pair()
    back.send(TEXT, b"half", fin=False)
    back.close()
    assert not front.read().fin
    assert (frame := front.read()).code == 1013 and "inside a message" in frame.reason


def test_the_access_line_says_how_it_ended(bridge, pair):
    front, back = pair("/scripted/access")
    front.send(BINARY, b"12345")
    back.read()
    back.send(BINARY, b"123")
    front.read()
    back.send(CLOSE, close_payload(4001, b"enough"))
    front.read()
    front.send(CLOSE, close_payload(4001))
    wait_until("the access line", lambda: any(
        "/scripted/access" in line and "4001" in line for line in bridge.lines + bridge.errors().splitlines()))


# TLS.

@pytest.fixture(scope="module")
def secured(start_bridge, make_config, start_backend, certificates):
    server = start_backend("ws_server.py", 0, "{}", certificates.cert, certificates.key)

    def route(path, backend, **more):
        return {"match": {"protocol": "websocket", "pathPrefix": path}, "backend": backend,
                "websocket": {"allowOrigins": ["*"]}, **more}

    trusted = {"protocol": "websocket", "endpoints": [f"localhost:{server.port}"], "tls": {"caFile": certificates.ca}}
    return start_bridge(make_config([
        route("/close/", trusted), route("/resume/", trusted, reconnect={"mode": "resume"}),
        route("/untrusted/", f"wss://localhost:{server.port}")]))


@pytest.mark.parametrize("mode", ["close", "resume"])
def test_a_back_end_by_tls_is_the_same(secured, mode):
    with WebSocket(secured.address("clear"), f"/{mode}/echo") as socket:
        for count in (0, 1, 20_000, 500_000):
            data = bytes(range(256)) * (count // 256) + b"x" * (count % 256)
            socket.send(BINARY, data)
            assert read_message(socket) == (BINARY, data)
        socket.send(CLOSE, close_payload(4000))
        assert socket.read().code == 4000


def test_a_certificate_that_nobody_knows_is_a_502_that_says_so(secured):
    with pytest.raises(Refused) as refused:
        WebSocket(secured.address("clear"), "/untrusted/echo")
    assert refused.value.reply.status == 502 and b"TLS" in refused.value.reply.body
    assert b"tls.caFile" in refused.value.reply.body


# Compared with what a client of the `websockets` package sees.

def test_a_real_server_and_its_handlers(connect, ws_server):
    socket = connect("/server/fragments")
    assert read_message(socket) == (TEXT, b"one two three")
    socket = connect("/server/close")
    socket.send(TEXT, b"4321 a reason")
    assert (frame := socket.read()).code == 4321 and frame.reason == "a reason"
    socket = connect("/server/closed")
    socket.send(CLOSE, close_payload(4999, "tschüß".encode()))
    assert socket.read().code == 4999
    ws_server.wait_line(r"^CLOSED 4999 tschüß$")
    connect("/server/closed").close()
    ws_server.wait_line(r"^CLOSED 1001 $")

# rtbridge: sessions whose TCP back-end goes away and comes back, in each mode of `reconnect`.
# SPDX-License-Identifier: Apache-2.0
import contextlib
import json
import random
import struct
import threading

import pytest

from support.faults import FaultProxy, RestartingEcho, RestartingUDPEcho
from support.waiting import DEADLINE, wait_still, wait_until
from support.websocket import BINARY, CLOSE, TEXT, Refused, WebSocket, close_payload

RESTARTS = 200
QUICK = {"initial": "5ms", "max": "50ms", "jitter": "full"}
PREAMBLE = "HELLO\n"


@pytest.fixture(scope="module")
def places():
    """The back-ends of this module, each for one route."""
    made = {"resume": RestartingEcho(receive_buffer=4096), "notify": RestartingEcho(receive_buffer=4096),
            "small": RestartingEcho(), "many": RestartingEcho()}
    made["proxied"] = FaultProxy(made["small"].port)
    yield made
    for place in made.values():
        place.close()


@pytest.fixture(scope="module")
def udp():
    server = RestartingUDPEcho()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, places, udp):
    def route(path, place, backend=None, **reconnect):
        return {"name": path[1:], "match": {"protocol": "websocket", "path": path},
                "backend": backend or f"tcp://127.0.0.1:{places[place].port}",
                "websocket": {"allowOrigins": ["*"], "pingInterval": "off"},
                "reconnect": {"backoff": QUICK, "maxHold": "120s", **reconnect}}

    def proxied(path, **reconnect):
        return route(path, "proxied", **reconnect)

    return start_bridge(make_config([
        route("/resume", "resume", mode="resume", resetAfter="0s"),
        route("/notify", "notify", mode="notify", resetAfter="0s", preamble=PREAMBLE),
        route("/many", "many", mode="notify",
              backoff={"initial": "500ms", "max": "10s", "jitter": "decorrelated"}),
        proxied("/close", mode="close"),
        proxied("/proxied-resume", mode="resume"),
        proxied("/proxied-notify", mode="notify"),
        proxied("/given-up", mode="resume", maxAttempts=3),
        proxied("/short", mode="resume", maxHold="300ms"),
        proxied("/overflow-close", mode="resume", bufferBytes=1000, overflow="close"),
        proxied("/overflow-drop", mode="resume", bufferBytes=1000, overflow="dropOldest"),
        proxied("/overflow-pause", mode="resume", bufferBytes="64KiB", overflow="pause"),
        {**proxied("/plain"), "reconnect": None},
        route("/udp", None, f"udp://127.0.0.1:{udp.port}", mode="notify"),
        route("/udp-close", None, f"udp://127.0.0.1:{udp.port}", mode="close"),
        {**proxied("/idle", mode="resume"), "timeouts": {"idle": "500ms"}},
    ], drain="5s"))


@pytest.fixture
def open_socket(bridge):
    opened = []

    def open_one(path, **options):
        socket = WebSocket(bridge.address("clear"), path, **options)
        opened.append(socket)
        return socket

    yield open_one
    for socket in opened:
        socket.close()


@pytest.fixture
def proxy(places):
    """In good order at the test's beginning and end."""
    proxy = places["proxied"]
    yield proxy
    proxy.break_all()
    proxy.pass_on()


class Reader:
    """Reads a session in a thread: `data` and `events`, and the close frame in the end."""

    def __init__(self, socket):
        self.socket, self.data, self.events, self.close = socket, bytearray(), [], None
        self.is_over = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError, AssertionError):
            while (frame := self.socket.read(10 * DEADLINE)) is not None:
                if frame.opcode == CLOSE:
                    self.close = frame
                    break
                if frame.opcode == TEXT:
                    self.events.append(json.loads(frame.payload))
                elif frame.opcode == BINARY:
                    self.data += frame.payload
        self.is_over.set()


def restart_under_traffic(echo, how, send, random):
    """Stops and starts the echo RESTARTS times; `send()` is called in a thread all the time."""
    stopping = threading.Event()
    failures = []

    def traffic():
        try:
            while not stopping.is_set():
                send()
        except Exception as failure:    # shown by the test, and not by the thread
            failures.append(failure)

    thread = threading.Thread(target=traffic, daemon=True)
    thread.start()
    for round in range(RESTARTS):
        want = random.randrange(1, 20_000)
        wait_until(f"traffic in round {round}", lambda: failures or len(echo.sessions[-1].received) >= want)
        assert not failures, failures
        echo.stop(how)
        count = len(echo.sessions)
        echo.start()
        wait_until(f"the session of round {round}", lambda: failures or len(echo.sessions) > count)
    stopping.set()
    thread.join(DEADLINE)
    assert not thread.is_alive() and not failures, failures


# 200 restarts under traffic.

@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ["end", "reset"])
def test_a_resumed_stream_has_no_byte_twice_and_lacks_none_that_the_kernel_did_not_take(places, open_socket, how):
    """A back-end that ends in order reads to the bridge's own end, and so knows each byte that the kernel took: together
    its sessions have the stream as it was sent. One that resets loses what lay in its kernel, and no more can be said
    than that nothing comes twice or out of order."""
    echo, dice = places["resume"], random.Random(how)
    wait_until("the end of earlier sessions", lambda: not echo.live())
    first = len(echo.sessions)
    socket = open_socket("/resume")
    wait_until("the first session", echo.live)
    reader = Reader(socket)
    sent = bytearray()
    counter = 0

    def send():
        nonlocal counter
        numbers = range(counter, counter + dice.randrange(1, 5000))
        counter = numbers.stop
        data = struct.pack(f">{len(numbers)}I", *numbers)
        cut = dice.randrange(4)
        message = data[:len(data) - cut] if cut else data
        # What is cut off goes with the next message, so that messages do not begin where numbers do.
        message = bytes(left_over) + message
        left_over[:] = data[len(data) - cut:] if cut else b""
        sent.extend(message)
        socket.send(BINARY, message)

    left_over = bytearray()
    restart_under_traffic(echo, how, send, dice)
    assert len(echo.sessions) - first == RESTARTS + 1
    parts = [session.received for session in echo.sessions[first:]]
    assert reader.events == [] and reader.close is None, "the client is told nothing"
    if how == "end":
        wait_until("the last byte", lambda: sum(map(len, parts)) == len(sent))
        assert b"".join(parts) == sent
    else:
        wait_until("the last byte", lambda: parts[-1][-64:] == sent[-64:])
        place = 0
        for part in parts:
            if part:
                found = sent.find(part, place)
                assert found >= place, f"a session does not go on behind {place} of {len(sent)}"
                place = found + len(part)
        assert place == len(sent)
    socket.send(CLOSE, close_payload(1000))
    assert reader.is_over.wait(DEADLINE) and reader.close.code == 1000


@pytest.mark.timeout(600)
@pytest.mark.parametrize("how", ["end", "reset"])
def test_a_notified_client_s_messages_come_once_and_whole_sessions_begin_with_the_preamble(places, open_socket, how):
    echo, dice = places["notify"], random.Random(how)
    wait_until("the end of earlier sessions", lambda: not echo.live())
    first = len(echo.sessions)
    socket = open_socket("/notify?rtbridge-events=1")
    wait_until("the first session", echo.live)
    reader = Reader(socket)
    count = 0

    def send():
        nonlocal count
        size = dice.randrange(0, 20_000)
        socket.send(BINARY, struct.pack(">II", count, size) + bytes(size))
        count += 1

    restart_under_traffic(echo, how, send, dice)
    sessions = echo.sessions[first:]
    assert len(sessions) == RESTARTS + 1

    def messages(data):
        """The numbers of the messages, and of one that was cut at the end (or None)."""
        numbers, place = [], 0
        while place + 8 <= len(data):
            number, size = struct.unpack_from(">II", data, place)
            assert size < 20_000 and data[place + 8:place + 8 + size].count(0) == len(data[place + 8:place + 8 + size])
            if place + 8 + size > len(data):
                return numbers, number
            numbers.append(number)
            place += 8 + size
        return numbers, numbers[-1] + 1 if numbers and place < len(data) else None

    def last_came():
        return struct.unpack_from(">I", sent_last)[0] in messages(bytes(sessions[-1].received[len(PREAMBLE):]))[0]

    sent_last = struct.pack(">I", count - 1)
    wait_until("the last message", last_came)
    numbers, cuts = [], []
    for session in sessions:
        preamble, body = session.received[:len(PREAMBLE)], session.received[len(PREAMBLE):]
        assert PREAMBLE.encode().startswith(preamble)
        whole, cut = messages(bytes(body))
        numbers += whole
        cuts.append(cut)
    assert numbers == sorted(set(numbers)), "a message came twice or out of order"
    if how == "end":
        missing = set(range(count)) - set(numbers)
        assert len(missing) <= len([cut for cut in cuts if cut is not None]), "only what had begun to be written is missing"
    wait_until("the events", lambda: sum(event["event"] == "reconnected" for event in reader.events) == RESTARTS)
    # Each outage is told of before its end.
    last = None
    for event in reader.events:
        if event["event"] == "reconnecting":
            assert event["attempt"] == 1 if last != "reconnecting" else event["attempt"] > attempt
            assert event["delayMs"] >= 0
            attempt = event["attempt"]
        else:
            assert event == {"event": "reconnected"} and last == "reconnecting"
        last = event["event"]
    assert reader.close is None


# Faults, one by one.

def echoed(socket, data):
    socket.send(BINARY, data)
    assert socket.read_bytes(len(data)) == data


def test_connecting_is_tried_again_before_the_first_byte(proxy, open_socket):
    proxy.refuse()
    opened = []
    thread = threading.Thread(target=lambda: opened.append(open_socket("/close")), daemon=True)
    thread.start()
    proxy.pass_on()
    thread.join(DEADLINE)
    echoed(opened[0], b"there")


def test_without_reconnect_a_refusal_is_told_at_once(proxy, open_socket):
    proxy.refuse()
    with pytest.raises(Refused) as refusal:
        open_socket("/plain")
    assert refusal.value.reply.status == 502
    assert b"connect: connection refused" in refusal.value.reply.body and b"attempt" not in refusal.value.reply.body


def test_the_attempts_are_told_where_the_first_connection_is_given_up(proxy, open_socket):
    proxy.refuse()
    with pytest.raises(Refused) as refusal:
        open_socket("/given-up")
    assert refusal.value.reply.status == 502
    text = refusal.value.reply.body.decode()
    assert text.startswith(f"route given-up: 127.0.0.1:{proxy.port}: connect: connection refused (attempt 3 of 3, ")
    assert text.rstrip().endswith(" ms)")


def test_close_closes_a_session_that_had_begun(proxy, open_socket):
    socket = open_socket("/close")
    echoed(socket, b"x")
    proxy.break_all()
    close = socket.read()
    assert (close.opcode, close.code) == (CLOSE, 1013) and "reset" in close.reason


def test_a_session_that_is_given_up_is_closed_with_1013_and_says_why(proxy, open_socket, bridge):
    socket = open_socket("/given-up")
    echoed(socket, b"x")
    proxy.refuse()
    close = socket.read()
    assert (close.opcode, close.code) == (CLOSE, 1013)
    assert close.reason.startswith(f"route given-up: 127.0.0.1:{proxy.port}: connect: connection refused (attempt 3 of 3, ")
    line = next(line for line in bridge.errors().splitlines() if "back-end given up" in line and "given-up" in line)
    assert "failure.attempts=" in line


def test_a_session_is_held_no_longer_than_it_may_be(proxy, open_socket):
    socket = open_socket("/short")
    echoed(socket, b"x")
    proxy.refuse()
    close = socket.read()
    assert (close.opcode, close.code) == (CLOSE, 1013)
    assert "connection refused, and no answer within reconnect.maxHold (attempt " in close.reason


@pytest.mark.parametrize("path", ["/proxied-resume", "/proxied-notify"])
def test_a_connection_that_is_reset_in_mid_frame_is_replaced(proxy, open_socket, path):
    proxy.reset_after(10)
    socket = open_socket(path)
    # Ten bytes go through, and the rest was written to a kernel that lost it.
    socket.send(BINARY, b"0123456789abcdef")
    wait_until("a second connection", lambda: proxy.accepted >= 2)
    reader = Reader(socket)
    wait_until("an echo", lambda: socket.send(BINARY, b"<ping>") or b"<ping>" in reader.data)
    assert b"0123456789abcdef" not in reader.data


@pytest.mark.parametrize("fault", ["hang", "half_open"])
def test_a_connection_that_nobody_reads_is_replaced_once_it_breaks(proxy, open_socket, fault):
    """What a kernel took for a back-end that never read it is gone; what the kernel did not take is not."""
    if fault == "hang":
        proxy.hang()
    socket = open_socket("/proxied-resume")
    if fault == "half_open":
        echoed(socket, b"x")
        proxy.half_open()
    sent = bytearray()
    stopping = threading.Event()

    def send():
        number = 0
        while not stopping.is_set():
            message = b"%07d;" % number * 1000
            sent.extend(message)
            socket.send(BINARY, message)
            number += 1

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    wait_still("the client", lambda: len(sent))
    reader = Reader(socket)
    proxy.break_all()
    proxy.pass_on()
    wait_until("more", lambda: len(reader.data) > 1_000_000)
    stopping.set()
    thread.join(DEADLINE)
    wait_until("all of the rest", lambda: sent.endswith(reader.data[-8000:]))
    # One gap, at the place where the old connection's kernel stopped; behind it nothing is missing.
    assert sent.endswith(reader.data)


def test_an_idle_session_ends_while_it_is_held(proxy, open_socket):
    socket = open_socket("/idle")
    reconnecting(socket, proxy)
    close = socket.read()
    assert (close.opcode, close.code) == (CLOSE, 1001) and "timeouts.idle" in close.reason


def test_a_slow_back_end_gets_all(proxy, open_socket):
    proxy.slow(100)
    socket = open_socket("/proxied-resume")
    data = bytes(range(256)) * 100
    socket.send(BINARY, data)
    assert socket.read_bytes(len(data)) == data


def test_what_is_sent_while_the_back_end_is_away_arrives_in_order(proxy, open_socket):
    socket = open_socket("/proxied-resume")
    echoed(socket, b"x")
    proxy.refuse()
    for number in range(100):
        socket.send(BINARY, b"%d;" % number)
    proxy.pass_on()
    expected = b"".join(b"%d;" % number for number in range(100))
    # What the bridge wrote before it saw the reset is gone with the connection.
    data = read_until(socket, b";99;")
    assert expected.endswith(data)


def read_until(socket, end):
    data = b""
    while not data.endswith(end):
        frame = socket.read()
        assert frame is not None and frame.opcode == BINARY, frame
        data += frame.payload
    return data


def reconnecting(socket, proxy):
    """The session's back-end is away, and the bridge has seen it."""
    echoed(socket, b"x")
    proxy.refuse()


def test_overflow_close_closes_with_1013(proxy, open_socket):
    socket = open_socket("/overflow-close")
    reconnecting(socket, proxy)
    with contextlib.suppress(ConnectionError):
        for _ in range(100):
            socket.send(BINARY, bytes(100))
    _, close = socket.read_until_close()
    assert close.code == 1013 and "reconnect.bufferBytes" in close.reason


def test_overflow_drop_keeps_the_newest_messages(proxy, open_socket, bridge):
    socket = open_socket("/overflow-drop")
    reconnecting(socket, proxy)
    wait_until("the loss", lambda: "route.name=overflow-drop" in bridge.errors())
    for number in range(1000):
        socket.send(BINARY, b"%08d;\n" % number)
    # The answer to a ping says that all of them were read.
    socket.send(0x9, b"!")
    while socket.read().opcode != 0xA:
        pass
    proxy.pass_on()
    data = read_until(socket, b"00000999;\n")
    assert data == b"".join(b"%08d;\n" % number for number in range(900, 1000))
    socket.send(CLOSE, close_payload(1000))
    socket.read_until_close()
    wait_until("the access line", lambda: "messages.dropped=900" in bridge.errors())


def test_overflow_pause_stops_the_client_and_loses_nothing(proxy, open_socket, bridge):
    socket = open_socket("/overflow-pause")
    reconnecting(socket, proxy)
    wait_until("the loss", lambda: "route.name=overflow-pause" in bridge.errors())
    data = random.Random(1).randbytes(8_000_000)
    taken = threading.Event()

    def send():
        for place in range(0, len(data), 10_000):
            socket.send(BINARY, data[place:place + 10_000])
        taken.set()

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    # More than all buffers on the way hold: it cannot be sent while there is no back-end.
    assert not taken.wait(1)
    proxy.pass_on()
    assert socket.read_bytes(len(data), 4 * DEADLINE) == data
    thread.join(DEADLINE)


def test_a_client_that_leaves_while_it_is_held_leaves_nothing_behind(proxy, open_socket, bridge):
    socket = open_socket("/proxied-resume")
    reconnecting(socket, proxy)
    wait_until("the loss", lambda: "route.name=proxied-resume" in bridge.errors())
    socket.send(BINARY, b"for nobody")
    socket.send(CLOSE, close_payload(1000))
    _, close = socket.read_until_close()
    assert close.code == 1000
    count = proxy.accepted
    proxy.pass_on()
    other = open_socket("/proxied-resume")
    echoed(other, b"alone")
    assert proxy.accepted == count + 1


def test_events_are_told_to_those_that_ask_alone(proxy, open_socket):
    by_query = open_socket("/proxied-notify?a=b&rtbridge-events=1")
    by_protocol = open_socket("/proxied-notify", subprotocols=["rtbridge.events", "binary"])
    by_protocol_alone = open_socket("/proxied-notify", subprotocols=["rtbridge.events"])
    silent = open_socket("/proxied-notify?rtbridge-events=0", subprotocols=["binary"])
    resumed = open_socket("/proxied-resume?rtbridge-events=1")
    assert [by_protocol.subprotocol, by_protocol_alone.subprotocol, silent.subprotocol] == [
        "binary", "rtbridge.events", "binary"]
    sockets = [by_query, by_protocol, by_protocol_alone, silent, resumed]
    for socket in sockets:
        echoed(socket, b"x")
    readers = [Reader(socket) for socket in sockets]
    count = proxy.accepted
    proxy.break_all()
    wait_until("new connections", lambda: proxy.accepted >= count + len(sockets))
    for socket, reader in zip(sockets, readers):
        wait_until("an echo", lambda: socket.send(BINARY, b"y") or b"y" in reader.data)
        told = [event["event"] for event in reader.events]
        assert (told[:1] == ["reconnecting"] and told[-1:] == ["reconnected"]) == (socket not in (silent, resumed)), told
        assert told == [] or socket not in (silent, resumed)


def test_many_sessions_come_back_spread(places, open_socket, capsys):
    echo = places["many"]
    sockets = [open_socket("/many?rtbridge-events=1") for _ in range(200)]
    for socket in sockets:
        echoed(socket, b"x")
    readers = [Reader(socket) for socket in sockets]
    echo.stop("reset")
    echo.start()
    wait_until("all of them", lambda: all(reader.events and reader.events[-1]["event"] == "reconnected"
                                          for reader in readers))
    buckets = {}
    for reader in readers:
        delay = reader.events[0]["delayMs"]
        assert 500 <= delay <= 1500
        buckets[delay // 100] = buckets.get(delay // 100, 0) + 1
    with capsys.disabled():
        print("\nsessions by their delay in 100 ms:", dict(sorted(buckets.items())))
    # An even share is 20; that chance brings 50 into one bucket has a probability of 1e-9.
    assert max(buckets.values()) <= 50 and len(buckets) >= 8


# UDP.

def test_a_udp_session_gets_a_new_socket_when_nobody_listens(udp, open_socket):
    socket = open_socket("/udp?rtbridge-events=1")
    echoed(socket, b"one")
    peers = len(udp.peers)
    udp.stop()
    reader = Reader(socket)
    wait_until("the loss", lambda: socket.send(BINARY, b"lost") or reader.events)
    udp.start()
    wait_until("an echo", lambda: socket.send(BINARY, b"two") or b"two" in reader.data)
    wait_until("the event", lambda: {"event": "reconnected"} in reader.events)
    assert len(udp.peers) > peers, "each connection has a socket of its own"
    assert reader.close is None


def test_a_udp_session_ends_where_the_mode_is_close(udp, open_socket):
    socket = open_socket("/udp-close")
    echoed(socket, b"one")
    udp.stop()
    reader = Reader(socket)
    try:
        wait_until("the end", lambda: reader.is_over.is_set() or socket.send(BINARY, b"lost"))
    except (ConnectionError, OSError):
        assert reader.is_over.wait(DEADLINE)
    finally:
        udp.start()
    assert reader.close.code == 1013 and "connection refused" in reader.close.reason


# Drain: with a bridge of its own, for it ends.

def test_a_drain_closes_held_sessions_with_1001_and_waiting_ones_with_503(start_bridge, make_config, proxy):
    bridge = start_bridge(make_config([
        {"name": "held", "match": {"protocol": "websocket"}, "backend": f"tcp://127.0.0.1:{proxy.port}",
         "reconnect": {"mode": "resume", "backoff": QUICK, "maxHold": "120s"}}], drain="5s",
        logging={"level": "debug"}), "draining")
    socket = WebSocket(bridge.address("clear"), "/")
    reconnecting(socket, proxy)
    wait_until("the loss", lambda: "back-end lost" in bridge.errors())
    refused = []

    def wait_for_it():
        try:
            WebSocket(bridge.address("clear"), "/")
        except Refused as refusal:
            refused.append(refusal.reply.status)

    thread = threading.Thread(target=wait_for_it, daemon=True)
    thread.start()
    wait_until("its attempts", lambda: bridge.errors().count("dialled again") > 100)
    bridge.signal(15)
    _, close = socket.read_until_close()
    assert close.code == 1001
    socket.send(CLOSE, close_payload(1001))
    thread.join(DEADLINE)
    assert refused == [503]
    assert bridge.wait(DEADLINE) == 0
    bridge.was_stopped = True

# rtbridge: real servers behind WebSockets: mosquitto, Redis, dnsmasq.
# SPDX-License-Identifier: Apache-2.0
import os
import socket
import struct
import subprocess
import threading

import pytest

from support.ports import accepts, free_port, free_port_of_both
from support.processes import Child
from support.tunnel import Tunnel
from support.waiting import DEADLINE, wait_until
from support.websocket import BINARY, WebSocket


@pytest.fixture
def start(tmp_path):
    started = []

    def run(*arguments):
        child = Child(arguments, tmp_path / f"server-{len(started)}.log")
        started.append(child)
        return child

    yield run
    for child in started:
        child.kill()


@pytest.mark.parametrize("listener", ["clear", "tls"])
def test_mqtt_by_paho_to_mosquitto(start, start_bridge, make_config, program, certificates, tmp_path, listener):
    """500 messages of 20 kB with QoS 1, in order and intact."""
    mqtt = pytest.importorskip("paho.mqtt.client")
    port = free_port()
    config = tmp_path / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 0\n")
    start(program("mosquitto"), "-c", config)
    wait_until("mosquitto", lambda: accepts(port))
    bridge = start_bridge(make_config([{"match": {"protocol": "websocket", "path": "/mqtt"},
                                        "backend": f"tcp://127.0.0.1:{port}", "websocket": {"subprotocols": ["mqtt"]}}]))
    payloads = [struct.pack(">I", number) + os.urandom(19_996) for number in range(500)]
    received, all_there, subscribed = [], threading.Event(), threading.Event()

    def client(name):
        made = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, transport="websockets")
        made.ws_set_options(path="/mqtt")
        if listener == "tls":
            made.tls_set_context(certificates.context())
        return made

    def on_message(_, __, message):
        received.append(bytes(message.payload))
        if len(received) == len(payloads):
            all_there.set()

    subscriber, publisher = client("subscriber"), client("publisher")
    subscriber.on_connect = lambda made, *_: made.subscribe("t", qos=1)
    subscriber.on_subscribe = lambda *_: subscribed.set()
    subscriber.on_message = on_message
    host, bridge_port = bridge.address(listener)
    host = "localhost" if listener == "tls" else host
    try:
        subscriber.connect(host, bridge_port)
        subscriber.loop_start()
        assert subscribed.wait(DEADLINE)
        publisher.max_inflight_messages_set(500)
        publisher.connect(host, bridge_port)
        publisher.loop_start()
        for sent in [publisher.publish("t", payload, qos=1) for payload in payloads]:
            sent.wait_for_publish(DEADLINE)
            assert sent.is_published()
        assert all_there.wait(DEADLINE), f"{len(received)} of {len(payloads)}"
    finally:
        for made in (publisher, subscriber):
            made.disconnect()
            made.loop_stop()
    assert received == payloads


def test_redis_through_a_tunnel(start, start_bridge, make_config, program, tmp_path):
    port = free_port()
    start(program("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", tmp_path)
    wait_until("Redis", lambda: accepts(port))
    bridge = start_bridge(make_config([{"match": {"protocol": "websocket"}, "backend": f"tcp://127.0.0.1:{port}"}]))
    tunnel = Tunnel(bridge.address("clear"), "/")
    try:
        result = subprocess.run(
            [program("redis-benchmark"), "-h", "127.0.0.1", "-p", str(tunnel.port), "-c", "8", "-n", "2000", "-d", "3000",
             "-P", "4", "-t", "ping_inline,set,get,incr,lpush,lpop,mset", "--csv"],
            text=True, capture_output=True, timeout=4 * DEADLINE)
        assert result.returncode == 0 and "rror" not in result.stdout + result.stderr, result
        assert {"SET", "GET", "INCR", "LPUSH", "LPOP"} <= {line.split('"')[1] for line in result.stdout.splitlines()}
        with socket.create_connection(("127.0.0.1", port), DEADLINE) as direct:
            direct.sendall(b"GET counter:__rand_int__\r\n")
            assert direct.recv(100) == b"$4\r\n2000\r\n", "every INCR came once"
    finally:
        tunnel.close()


def test_dns_by_datagrams_to_dnsmasq(start, start_bridge, make_config, program):
    port = free_port_of_both()
    start(program("dnsmasq"), "--keep-in-foreground", "--no-resolv", "--no-hosts", "--conf-file=/dev/null", "--pid-file",
          "--listen-address=127.0.0.1", "--bind-interfaces", f"--port={port}", "--user=root",
          *[f"--address=/host{number}.example/192.0.2.{number}" for number in range(1, 51)])
    bridge = start_bridge(make_config([{"match": {"protocol": "websocket"}, "backend": f"udp://127.0.0.1:{port}"}]))

    def query(number, kind=1):
        """RFC 1035 §4.1: a header with RD, and a question."""
        labels = [f"host{number}".encode(), b"example"]
        name = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
        return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + name + struct.pack(">HH", kind, 1)

    def is_up():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.5)
            sock.connect(("127.0.0.1", port))
            try:
                sock.send(query(1))
                return sock.recv(512)
            except OSError:
                return None

    wait_until("dnsmasq", is_up)
    with WebSocket(bridge.address("clear"), "/") as client:
        answers = {}
        for first in range(1, 51, 10):
            for number in range(first, first + 10):
                client.send(BINARY, query(number))
            for _ in range(10):
                frame = client.read()
                answers[struct.unpack(">H", frame.payload[:2])[0]] = frame.payload
        for number in range(1, 51):
            flags, questions, records = struct.unpack(">HHH", answers[number][2:8])
            assert flags & 0x8000 and flags & 0xF == 0 and (questions, records) == (1, 1)
            assert answers[number].endswith(bytes([192, 0, 2, number]))

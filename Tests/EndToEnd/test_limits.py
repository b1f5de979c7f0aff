# rtbridge: the limits of a listener, kept.
# SPDX-License-Identifier: Apache-2.0
import contextlib

import pytest
from h2.settings import SettingCodes

from support import http2
from support.grpc_web import BINARY, Endpoint, frame, name_message
from support.http1 import Http1
from support.waiting import wait_until

HELLO = "/helloworld.Greeter/SayHello"


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, greeter, scripted_server):
    return start_bridge(make_config(
        [
            {"match": {"protocol": "grpc-web", "service": "helloworld.Greeter"},
             "backend": f"grpc://127.0.0.1:{greeter.port}"},
            {"match": {"protocol": "grpc-web"}, "backend": f"grpc://127.0.0.1:{scripted_server.port}"},
        ],
        listener={"limits": {"maxConnections": 4, "maxConcurrentStreams": 3}}))


@pytest.fixture(params=["tls", "clear"])
def listener(request):
    return request.param


def test_no_more_connections_than_allowed_and_a_place_that_is_free_is_given_again(bridge, tls_of, listener):
    def serves():
        try:
            reply = Endpoint(bridge.address(listener), tls_of(listener), "http/1.1").call(
                HELLO, frame(name_message("Ada")))
        except (OSError, EOFError):
            return False
        return reply.http_status == 200 and reply.messages == [name_message("Hello, Ada!")]

    wait_until("the connections of earlier tests to be gone", serves)
    held = []
    while len(held) < 4:
        http = Http1(bridge.address(listener), tls_of(listener))
        http.send_head("GET", HELLO, [("content-type", BINARY)])
        try:
            assert http.read_reply().status == 405
            held.append(http)
        except (OSError, EOFError):
            http.close()
    assert not serves()
    held.pop().close()
    wait_until("a free place", serves)
    for http in held:
        http.close()


def test_the_limit_of_streams_is_told_and_kept(bridge, tls_of, listener, scripted):
    # RFC 9113 §5.1.2: a stream above the limit is refused with REFUSED_STREAM or PROTOCOL_ERROR.
    scripted.script = lambda stream: stream.wait_reset()
    connection = wait_until("a connection", lambda: open_connection(bridge.address(listener), tls_of(listener)))
    assert connection.h2.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] == 3
    # The library keeps to the limit by itself; the bridge must not rely on that.
    connection.h2.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = 100
    connection.h2.remote_settings.acknowledge()
    streams = []
    # Its own path: a stream of an earlier test may still be on its way to the back-end.
    path = f"/raw.Raw/Limit-{listener}"
    # The bridge may end the connection for it (RFC 9113 §5.1.2 leaves the choice), and then no more can be opened.
    with contextlib.suppress(http2.ConnectionLost):
        for _ in range(10):
            streams.append(connection.open([
                (":method", "POST"), (":scheme", "http"), (":authority", "localhost"), (":path", path),
                ("content-type", BINARY)]))
        connection.wait("refusals", lambda: connection.goaway or sum(s.reset is not None for s in streams) >= 7)
    assert sum(stream.header(":path") == path for stream in scripted.streams) <= 3
    with contextlib.suppress(http2.ConnectionLost):
        for stream in streams[:3]:
            stream.send_reset(8)
    connection.close()


def open_connection(address, tls):
    try:
        connection = http2.connect(address, tls)
        connection.wait("SETTINGS", lambda: connection.settings_received)
        return connection
    except (OSError, http2.ConnectionLost):
        return None

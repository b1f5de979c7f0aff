# rtbridge: CORS for gRPC-Web (WHATWG Fetch §3.2, "HTTP CORS protocol"): preflights, and answers that a page may read.
# SPDX-License-Identifier: Apache-2.0
import pytest

from support import http2
from support.grpc_web import BINARY, Endpoint, frame
from support.http1 import exchange
from support.tcp import refused_port

PAGE = "https://app.example.com"
CALL = "/raw.Raw/Call"
HEADERS = [(":status", "200"), ("content-type", "application/grpc")]


@pytest.fixture(scope="module")
def down():
    keep, port = refused_port()
    yield port
    keep.close()


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, scripted_server, down):
    def route(prefix, cors, port=scripted_server.port):
        match = {"protocol": "grpc-web", "pathPrefix": prefix}
        return {"match": match, "backend": f"grpc://127.0.0.1:{port}", **({"cors": cors} if cors else {})}
    return start_bridge(make_config([
        route("/raw.Raw/", {"allowOrigins": [PAGE, "http://localhost:3000"], "allowCredentials": True, "maxAge": "10m"}),
        route("/any.Any/", {"allowOrigins": ["*"]}),
        route("/few.Few/", {"allowOrigins": [PAGE], "allowHeaders": ["content-type", "x-grpc-web", "x-user-agent"]}),
        route("/none.None/", None),
        route("/down.Down/", {"allowOrigins": [PAGE]}, down),
    ]))


class Answer:
    def __init__(self, status, headers):
        self.status, self.headers = status, headers

    def field(self, name):
        """The value of a header that stands at most once."""
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2, f"{name} is there twice: {values}"
        return values[0] if values else None

    def names(self, name):
        """A comma list, in lower case."""
        values = [value for key, value in self.headers if key == name]
        return {item.strip().lower() for value in values for item in value.split(",") if item.strip()}


@pytest.fixture(params=["http/1.1-tls", "http/2-tls"])
def endpoint(request, bridge, tls_of):
    return Endpoint(bridge.address("tls"), tls_of("tls"), request.param.partition("-")[0])


def preflight(endpoint, path, origin=PAGE, method="POST", ask="content-type,x-grpc-web,x-user-agent,authorization"):
    headers = [("origin", origin), ("access-control-request-method", method)]
    if ask is not None:
        headers.append(("access-control-request-headers", ask))
    if endpoint.version == "http/1.1":
        reply = exchange(endpoint.address, "OPTIONS", path, headers, tls=endpoint.tls)
        return Answer(reply.status, reply.headers)
    connection = http2.connect(endpoint.address, endpoint.tls)
    stream = connection.open([(":method", "OPTIONS"), (":scheme", "https"), (":authority", "localhost"),
                              (":path", path), *headers], end=True)
    stream.wait_end()
    connection.close()
    return Answer(int(stream.headers[0][1]), stream.headers[1:])


def call(endpoint, path, origin=PAGE, **options):
    reply = endpoint.call(path, frame(b""), headers=[("origin", origin)], **options)
    return reply, Answer(reply.http_status, reply.headers)


def test_a_preflight_is_answered_and_not_forwarded(endpoint, scripted):
    answer = preflight(endpoint, CALL)
    assert answer.status == 204
    assert answer.field("access-control-allow-origin") == PAGE
    assert answer.names("access-control-allow-methods") >= {"post"}
    assert answer.names("access-control-allow-headers") == {"content-type", "x-grpc-web", "x-user-agent", "authorization"}
    assert answer.field("access-control-max-age") == "600"
    assert answer.field("access-control-allow-credentials") == "true"
    assert answer.names("vary") >= {"origin", "access-control-request-method", "access-control-request-headers"}
    assert scripted.streams == []


def test_a_preflight_from_elsewhere_allows_nothing(endpoint, scripted):
    answer = preflight(endpoint, CALL, origin="https://evil.example")
    assert answer.field("access-control-allow-origin") is None
    assert answer.status < 500
    assert scripted.streams == []


@pytest.mark.parametrize("origin", ["https://app.example.com.evil.example", "http://app.example.com",
                                    "https://app.example.com:8443", "null"])
def test_an_origin_must_match_to_the_letter(endpoint, origin):
    assert preflight(endpoint, CALL, origin=origin).field("access-control-allow-origin") is None


def test_a_preflight_allows_no_header_that_the_policy_does_not_name(endpoint):
    answer = preflight(endpoint, "/few.Few/Call", ask="content-type,x-grpc-web,x-evil")
    allowed = answer.names("access-control-allow-headers")
    assert "x-evil" not in allowed and allowed >= {"content-type", "x-grpc-web"}


def test_a_route_without_cors_allows_nobody(endpoint, scripted):
    assert preflight(endpoint, "/none.None/Call").field("access-control-allow-origin") is None
    scripted.script = ok
    reply, answer = call(endpoint, "/none.None/Call")
    assert reply.status == 0 and answer.field("access-control-allow-origin") is None


def ok(stream, headers=(), trailers=()):
    stream.wait_end()
    stream.send_headers([*HEADERS, *headers])
    stream.send_data(frame(b"x"))
    stream.send_headers([("grpc-status", "0"), *trailers], end=True)


def test_an_answer_names_the_origin_and_exposes_what_it_carries(endpoint, scripted):
    scripted.script = lambda stream: ok(stream, [("x-custom", "1"), ("x-data-bin", "AA")], [("x-late", "2")])
    reply, answer = call(endpoint, CALL)
    assert reply.status == 0
    assert answer.field("access-control-allow-origin") == PAGE
    assert answer.field("access-control-allow-credentials") == "true"
    assert "origin" in answer.names("vary")
    assert answer.names("access-control-expose-headers") >= {
        "grpc-status", "grpc-message", "grpc-status-details-bin", "x-custom", "x-data-bin"}


def test_the_back_end_s_own_cors_headers_are_replaced(endpoint, scripted):
    scripted.script = lambda stream: ok(stream, [
        ("access-control-allow-origin", "*"), ("access-control-expose-headers", "x-back"),
        ("access-control-allow-credentials", "false")])
    _, answer = call(endpoint, CALL)
    assert answer.field("access-control-allow-origin") == PAGE
    assert answer.field("access-control-allow-credentials") == "true"
    assert "x-back" not in answer.names("access-control-expose-headers")


def test_any_origin_may_be_allowed_without_credentials(endpoint, scripted):
    scripted.script = ok
    for origin in (PAGE, "https://elsewhere.example"):
        _, answer = call(endpoint, "/any.Any/Call", origin)
        assert answer.field("access-control-allow-origin") in ("*", origin)
        assert answer.field("access-control-allow-credentials") is None


def test_trailers_only_answers_expose_their_trailers(endpoint, scripted):
    def script(stream):
        stream.wait_end()
        stream.send_headers([*HEADERS, ("grpc-status", "5"), ("x-why", "lost")], end=True)

    scripted.script = script
    reply, answer = call(endpoint, CALL)
    assert reply.status == 5
    assert answer.field("access-control-allow-origin") == PAGE
    assert answer.names("access-control-expose-headers") >= {"grpc-status", "grpc-message", "x-why"}


def test_errors_that_the_bridge_makes_can_be_read_by_the_page(endpoint):
    reply, answer = call(endpoint, "/down.Down/Call")
    assert reply.status == 14 and reply.message
    assert answer.field("access-control-allow-origin") == PAGE
    assert answer.names("access-control-expose-headers") >= {"grpc-status", "grpc-message"}


def test_a_refused_content_type_can_be_read_by_the_page(endpoint):
    reply, answer = call(endpoint, CALL, content_type="text/plain")
    assert reply.http_status == 415
    assert answer.field("access-control-allow-origin") == PAGE


def test_a_call_without_an_origin_needs_no_cors(endpoint, scripted):
    scripted.script = ok
    reply = endpoint.call(CALL, frame(b""), BINARY)
    assert reply.status == 0
    assert reply.header("access-control-allow-origin") is None


def test_a_foreign_origin_is_not_told_that_it_may_read(endpoint, scripted):
    scripted.script = ok
    _, answer = call(endpoint, CALL, "https://evil.example")
    assert answer.field("access-control-allow-origin") is None

# rtbridge: native gRPC through the bridge: gRPC's own interoperability cases and the Greeter's four call types.
# SPDX-License-Identifier: Apache-2.0
"""The cases are those of grpc/doc/interop-test-descriptions.md, under their names there."""

import threading

import grpc
import pytest

from support.waiting import DEADLINE


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, interop, greeter):
    return start_bridge(make_config([
        {"match": {"protocol": "grpc", "service": "helloworld.Greeter"}, "backend": f"grpc://127.0.0.1:{greeter.port}"},
        {"match": {"protocol": "grpc"}, "backend": f"grpc://127.0.0.1:{interop.port}"},
    ]))


@pytest.fixture(scope="module", params=["tls", "clear"])
def channel(request, bridge, certificates):
    host, port = bridge.address(request.param)
    if request.param == "tls":
        with open(certificates.ca, "rb") as ca:
            credentials = grpc.ssl_channel_credentials(root_certificates=ca.read())
        channel = grpc.secure_channel(f"{host}:{port}", credentials)
    else:
        channel = grpc.insecure_channel(f"{host}:{port}")
    yield channel
    channel.close()


@pytest.fixture(scope="module")
def m(grpc_proto):
    from interop_protos import messages_pb2
    return messages_pb2


@pytest.fixture(scope="module")
def empty(grpc_proto):
    from interop_protos import empty_pb2
    return empty_pb2.Empty()


@pytest.fixture(scope="module")
def service(channel, grpc_proto):
    from interop_protos import test_pb2_grpc
    return test_pb2_grpc.TestServiceStub(channel)


def body(m, size):
    return m.Payload(type=m.COMPRESSABLE, body=b"\0" * size)


class Requests:
    """A request stream that the test feeds while it reads the answers."""

    def __init__(self):
        self._items, self._changed, self._ended = [], threading.Condition(), False

    def put(self, item):
        with self._changed:
            self._items.append(item)
            self._changed.notify()

    def end(self):
        with self._changed:
            self._ended = True
            self._changed.notify()

    def __iter__(self):
        return self

    def __next__(self):
        with self._changed:
            self._changed.wait_for(lambda: self._items or self._ended, DEADLINE)
            if self._items:
                return self._items.pop(0)
            raise StopIteration


def test_empty_unary(service, empty):
    assert service.EmptyCall(empty, timeout=DEADLINE) == empty


def test_large_unary(service, m):
    request = m.SimpleRequest(response_type=m.COMPRESSABLE, response_size=314159, payload=body(m, 271828))
    response = service.UnaryCall(request, timeout=DEADLINE)
    assert response.payload.type == m.COMPRESSABLE
    assert response.payload.body == b"\0" * 314159


def test_client_streaming(service, m):
    requests = [m.StreamingInputCallRequest(payload=body(m, size)) for size in (27182, 8, 1828, 45904)]
    assert service.StreamingInputCall(iter(requests), timeout=DEADLINE).aggregated_payload_size == 74922


def test_server_streaming(service, m):
    sizes = [31415, 9, 2653, 58979]
    request = m.StreamingOutputCallRequest(
        response_type=m.COMPRESSABLE, response_parameters=[m.ResponseParameters(size=size) for size in sizes])
    responses = list(service.StreamingOutputCall(request, timeout=DEADLINE))
    assert [len(response.payload.body) for response in responses] == sizes


def ping(m, response_size, request_size):
    return m.StreamingOutputCallRequest(
        response_type=m.COMPRESSABLE, response_parameters=[m.ResponseParameters(size=response_size)],
        payload=body(m, request_size))


def test_ping_pong(service, m):
    requests = Requests()
    responses = service.FullDuplexCall(requests, timeout=DEADLINE)
    for response_size, request_size in zip((31415, 9, 2653, 58979), (27182, 8, 1828, 45904)):
        requests.put(ping(m, response_size, request_size))
        assert len(next(responses).payload.body) == response_size
    requests.end()
    assert list(responses) == []
    assert responses.code() is grpc.StatusCode.OK


def test_empty_stream(service):
    responses = service.FullDuplexCall(iter(()), timeout=DEADLINE)
    assert list(responses) == []
    assert responses.code() is grpc.StatusCode.OK


def test_cancel_after_begin(service):
    requests = Requests()
    call = service.StreamingInputCall.future(requests, timeout=DEADLINE)
    call.cancel()
    requests.end()
    assert call.cancelled()
    assert call.code() is grpc.StatusCode.CANCELLED


def test_cancel_after_first_response(service, m):
    requests = Requests()
    responses = service.FullDuplexCall(requests, timeout=DEADLINE)
    requests.put(ping(m, 31415, 27182))
    assert len(next(responses).payload.body) == 31415
    responses.cancel()
    requests.end()
    with pytest.raises(grpc.RpcError):
        next(responses)
    assert responses.code() is grpc.StatusCode.CANCELLED


def test_timeout_on_sleeping_server(service, m):
    requests = Requests()
    requests.put(m.StreamingOutputCallRequest(payload=body(m, 27182)))
    responses = service.FullDuplexCall(requests, timeout=0.001)
    with pytest.raises(grpc.RpcError):
        next(responses)
    requests.end()
    assert responses.code() is grpc.StatusCode.DEADLINE_EXCEEDED


METADATA = (("x-grpc-test-echo-initial", "test_initial_metadata_value"),
            ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab"))


def check_metadata(call):
    assert METADATA[0] in [(key, value) for key, value in call.initial_metadata()]
    assert METADATA[1] in [(key, value) for key, value in call.trailing_metadata()]


def test_custom_metadata(service, m):
    request = m.SimpleRequest(response_type=m.COMPRESSABLE, response_size=314159, payload=body(m, 271828))
    response, call = service.UnaryCall.with_call(request, timeout=DEADLINE, metadata=METADATA)
    assert len(response.payload.body) == 314159
    check_metadata(call)

    requests = Requests()
    responses = service.FullDuplexCall(requests, timeout=DEADLINE, metadata=METADATA)
    requests.put(ping(m, 314159, 271828))
    assert len(next(responses).payload.body) == 314159
    requests.end()
    assert list(responses) == []
    check_metadata(responses)


def test_status_code_and_message(service, m):
    message = "test status message"
    status = m.EchoStatus(code=2, message=message)
    with pytest.raises(grpc.RpcError) as failure:
        service.UnaryCall(m.SimpleRequest(response_status=status), timeout=DEADLINE)
    assert (failure.value.code(), failure.value.details()) == (grpc.StatusCode.UNKNOWN, message)

    responses = service.FullDuplexCall(
        iter([m.StreamingOutputCallRequest(response_status=status)]), timeout=DEADLINE)
    with pytest.raises(grpc.RpcError):
        next(responses)
    assert (responses.code(), responses.details()) == (grpc.StatusCode.UNKNOWN, message)


def test_special_status_message(service, m):
    message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
    with pytest.raises(grpc.RpcError) as failure:
        service.UnaryCall(m.SimpleRequest(response_status=m.EchoStatus(code=2, message=message)), timeout=DEADLINE)
    assert (failure.value.code(), failure.value.details()) == (grpc.StatusCode.UNKNOWN, message)


def test_unimplemented_method(service, empty):
    with pytest.raises(grpc.RpcError) as failure:
        service.UnimplementedCall(empty, timeout=DEADLINE)
    assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_unimplemented_service(channel, grpc_proto, empty):
    from interop_protos import test_pb2_grpc
    with pytest.raises(grpc.RpcError) as failure:
        test_pb2_grpc.UnimplementedServiceStub(channel).UnimplementedCall(empty, timeout=DEADLINE)
    assert failure.value.code() is grpc.StatusCode.UNIMPLEMENTED


# The newcomer's Greeter.

@pytest.fixture(scope="module")
def hello(modules):
    import helloworld_pb2
    return lambda name: helloworld_pb2.HelloRequest(name=name)


@pytest.fixture(scope="module")
def stub(channel, modules):
    import helloworld_pb2_grpc
    return helloworld_pb2_grpc.GreeterStub(channel)


def test_the_greeter_answers_a_unary_call(stub, hello):
    assert stub.SayHello(hello("Ada"), timeout=DEADLINE).message == "Hello, Ada!"


def test_the_greeter_answers_with_a_stream(stub, hello):
    messages = [reply.message for reply in stub.SayHelloStreamReply(hello("Ada"), timeout=DEADLINE)]
    assert messages == [f"Hello {number}, Ada!" for number in range(1, 6)]


def test_the_greeter_takes_a_stream(stub, hello):
    reply = stub.SayHelloClientStream(iter([hello("Ada"), hello("Bob"), hello("Cy")]), timeout=DEADLINE)
    assert reply.message == "Hello, Ada and Bob and Cy!"


def test_the_greeter_talks_both_ways(stub, hello):
    requests = Requests()
    replies = stub.SayHelloBidiStream(requests, timeout=DEADLINE)
    for name in ("Ada", "Bob", "Cy"):
        requests.put(hello(name))
        assert next(replies).message == f"Hello, {name}!"
    requests.end()
    assert list(replies) == []


def test_the_greeter_refuses_with_its_own_status(stub, hello):
    with pytest.raises(grpc.RpcError) as failure:
        stub.SayHello(hello(""), timeout=DEADLINE)
    assert (failure.value.code(), failure.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "a name is needed")


def test_many_calls_at_once_each_get_their_own_answer(stub, hello):
    calls = [(f"caller {number}", stub.SayHello.future(hello(f"caller {number}"), timeout=DEADLINE))
             for number in range(200)]
    for name, call in calls:
        assert call.result().message == f"Hello, {name}!"

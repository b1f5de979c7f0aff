# rtbridge: an independent gRPC-Web client, sonora, calls the Greeter through the bridge over TLS.
# SPDX-License-Identifier: Apache-2.0
import asyncio

import aiohttp
import grpc
import pytest
import sonora.aio

from support.waiting import DEADLINE


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, greeter):
    return start_bridge(make_config([
        {"match": {"protocol": "grpc-web", "service": "helloworld.Greeter"},
         "backend": f"grpc://127.0.0.1:{greeter.port}"},
    ]))


@pytest.fixture
def with_greeter(bridge, certificates, modules):
    """Runs `body(stub, HelloRequest)` with a channel that trusts the development CA."""
    import helloworld_pb2
    import helloworld_pb2_grpc

    def run(body):
        async def connect():
            async with sonora.aio.insecure_web_channel(bridge.url("tls")) as channel:
                await channel._session.close()
                channel._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=certificates.context()))
                stub = helloworld_pb2_grpc.GreeterStub(Channel(channel))
                return await asyncio.wait_for(body(stub, helloworld_pb2.HelloRequest), DEADLINE)

        return asyncio.run(connect())

    return run


class Channel:
    """Generated code gives more arguments (`_registered_method`) than sonora knows."""

    def __init__(self, channel):
        self._channel = channel

    def __getattr__(self, name):
        make = getattr(self._channel, name)
        return lambda path, request_serializer=None, response_deserializer=None, **_: make(
            path, request_serializer, response_deserializer)


def test_a_unary_call_is_answered(with_greeter):
    async def body(stub, request):
        return (await stub.SayHello(request(name="Ada"))).message
    assert with_greeter(body) == "Hello, Ada!"


def test_a_stream_is_answered_message_by_message(with_greeter):
    async def body(stub, request):
        return [reply.message async for reply in stub.SayHelloStreamReply(request(name="Ada"))]
    assert with_greeter(body) == [f"Hello {number}, Ada!" for number in range(1, 6)]


def test_a_status_of_the_back_end_reaches_the_caller(with_greeter):
    async def body(stub, request):
        try:
            await stub.SayHello(request(name=""))
        except grpc.RpcError as error:
            return error.code(), error.details()
    assert with_greeter(body) == (grpc.StatusCode.INVALID_ARGUMENT, "a name is needed")


def test_calls_at_once_share_a_session(with_greeter):
    async def body(stub, request):
        async def call(name):
            return (await stub.SayHello(request(name=name))).message
        return await asyncio.gather(*(call(f"caller {number}") for number in range(50)))
    assert with_greeter(body) == [f"Hello, caller {number}!" for number in range(50)]

# rtbridge: a gRPC Greeter as a newcomer writes it, with grpcio; all four call types.
# SPDX-License-Identifier: Apache-2.0
"""Usage: greeter.py [PORT]. PORT 0, or none, lets the system choose. Prints `READY <port>`."""

import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
import helloworld_pb2
import helloworld_pb2_grpc


class Greeter(helloworld_pb2_grpc.GreeterServicer):
    def SayHello(self, request, context):
        if not request.name:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, "a name is needed")
        return helloworld_pb2.HelloReply(message=f"Hello, {request.name}!")

    def SayHelloStreamReply(self, request, context):
        for number in range(1, 6):
            yield helloworld_pb2.HelloReply(message=f"Hello {number}, {request.name}!")

    def SayHelloClientStream(self, requests, context):
        names = [request.name for request in requests]
        return helloworld_pb2.HelloReply(message=f"Hello, {' and '.join(names)}!")

    def SayHelloBidiStream(self, requests, context):
        for request in requests:
            yield helloworld_pb2.HelloReply(message=f"Hello, {request.name}!")


def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    server = grpc.server(ThreadPoolExecutor(max_workers=16))
    helloworld_pb2_grpc.add_GreeterServicer_to_server(Greeter(), server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    print(f"READY {port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()

# rtbridge: a Greeter that says who it is, and that is well or ill as it is told.
# SPDX-License-Identifier: Apache-2.0
"""Usage: named_greeter.py NAME [[HOST:]PORT]. Prints `READY <port>`. SayHello answers NAME; so does each answer of a stream.

SIGUSR1  grpc.health.v1 answers NOT_SERVING          SIGUSR2  and SERVING again
SIGHUP   calls are answered UNAVAILABLE, or are not any more; prints `FAILING` or `WELL`
SIGURG   the server is stopped at once, with its calls, and started again; prints `RESTARTED <retries seen so far>`
"""

import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
import helloworld_pb2
import helloworld_pb2_grpc
from health_protos import health_pb2, health_pb2_grpc


class Greeter(helloworld_pb2_grpc.GreeterServicer):
    def __init__(self, name):
        self.name, self.is_failing, self.retries = name, False, 0

    def SayHello(self, request, context):
        if any(key == "grpc-previous-rpc-attempts" for key, _ in context.invocation_metadata()):
            self.retries += 1
        if self.is_failing:
            context.abort(grpc.StatusCode.UNAVAILABLE, "failing")
        return helloworld_pb2.HelloReply(message=self.name)

    def SayHelloBidiStream(self, requests, context):
        for _ in requests:
            yield helloworld_pb2.HelloReply(message=self.name)


class Health(health_pb2_grpc.HealthServicer):
    status = health_pb2.HealthCheckResponse.SERVING

    def Check(self, request, context):
        return health_pb2.HealthCheckResponse(status=self.status)


def main():
    greeter, health = Greeter(sys.argv[1]), Health()
    wanted = {signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP, signal.SIGURG, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, wanted)

    host, _, first_port = (sys.argv[2] if len(sys.argv) > 2 else "0").rpartition(":")
    host = host or "127.0.0.1"

    def serve(port):
        server = grpc.server(ThreadPoolExecutor(max_workers=64))
        helloworld_pb2_grpc.add_GreeterServicer_to_server(greeter, server)
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
        port = server.add_insecure_port(f"{host}:{port}")
        server.start()
        return server, port

    server, port = serve(int(first_port))
    print(f"READY {port}", flush=True)
    while (number := signal.sigwait(wanted)) != signal.SIGTERM:
        if number == signal.SIGUSR1:
            health.status = health_pb2.HealthCheckResponse.NOT_SERVING
        elif number == signal.SIGUSR2:
            health.status = health_pb2.HealthCheckResponse.SERVING
        elif number == signal.SIGHUP:
            greeter.is_failing = not greeter.is_failing
            print("FAILING" if greeter.is_failing else "WELL", flush=True)
        elif number == signal.SIGURG:
            server.stop(None).wait()
            server, _ = serve(port)
            print(f"RESTARTED {greeter.retries}", flush=True)
    server.stop(None)


if __name__ == "__main__":
    main()

# rtbridge: a Greeter with the health service that gRPC brings for Python.
# SPDX-License-Identifier: Apache-2.0
"""Usage: watched_greeter.py NAME [PORT]. Prints `READY <port>`, and `Watch` or `Check` when it is asked so.

SIGUSR1  helloworld.Greeter is NOT_SERVING           SIGUSR2  and SERVING again
SIGTERM  ends in order: calls in flight go on, for a minute at most; prints `STOPPED` when there is none left
"""

import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
import helloworld_pb2
import helloworld_pb2_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

SERVICE = "helloworld.Greeter"


class Greeter(helloworld_pb2_grpc.GreeterServicer):
    def __init__(self, name):
        self.name = name

    def SayHello(self, request, context):
        return helloworld_pb2.HelloReply(message=self.name)


class Health(health.HealthServicer):
    def Check(self, request, context):
        print("Check", flush=True)
        return super().Check(request, context)

    def Watch(self, request, context, send_response_callback=None):
        print("Watch", flush=True)
        return super().Watch(request, context, send_response_callback)


def main():
    wanted = {signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
    servicer = Health()
    servicer.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
    server = grpc.server(ThreadPoolExecutor(max_workers=64))
    helloworld_pb2_grpc.add_GreeterServicer_to_server(Greeter(sys.argv[1]), server)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port(f"127.0.0.1:{sys.argv[2] if len(sys.argv) > 2 else 0}")
    server.start()
    print(f"READY {port}", flush=True)
    while (number := signal.sigwait(wanted)) != signal.SIGTERM:
        serving = number == signal.SIGUSR2
        servicer.set(SERVICE, health_pb2.HealthCheckResponse.SERVING if serving
                     else health_pb2.HealthCheckResponse.NOT_SERVING)
    server.stop(60).wait()
    print("STOPPED", flush=True)


if __name__ == "__main__":
    main()

# rtbridge: the Greeter behind TLS, with grpcio; it can ask for a client's certificate.
# SPDX-License-Identifier: Apache-2.0
"""Usage: secure_greeter.py CERT KEY [CLIENT_CA]. Prints `READY <port>`."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import helloworld_pb2_grpc
from greeter import Greeter
from health_protos import health_pb2, health_pb2_grpc


class Health(health_pb2_grpc.HealthServicer):
    def Check(self, request, context):
        return health_pb2.HealthCheckResponse(status=health_pb2.HealthCheckResponse.SERVING)


def main():
    cert, key, *client_ca = (Path(path).read_bytes() for path in sys.argv[1:])
    credentials = grpc.ssl_server_credentials(
        [(key, cert)], root_certificates=client_ca[0] if client_ca else None, require_client_auth=bool(client_ca))
    server = grpc.server(ThreadPoolExecutor(max_workers=16))
    helloworld_pb2_grpc.add_GreeterServicer_to_server(Greeter(), server)
    health_pb2_grpc.add_HealthServicer_to_server(Health(), server)
    port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    print(f"READY {port}", flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()

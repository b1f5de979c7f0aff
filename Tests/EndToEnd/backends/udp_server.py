# rtbridge: a UDP server as a newcomer writes it, with `socket`.
# SPDX-License-Identifier: Apache-2.0
"""Usage: udp_server.py MODE [PORT]. Prints `READY <port>`.

MODE  ack   answers ACK to each datagram
      echo  sends each datagram back
      peer  answers the address and port that a datagram came from
"""

import socket
import sys


def main():
    mode = sys.argv[1]
    port = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        server.bind(("127.0.0.1", port))
        print(f"READY {server.getsockname()[1]}", flush=True)
        while True:
            data, peer = server.recvfrom(65535)
            answer = {"ack": b"ACK", "echo": data, "peer": f"{peer[0]}:{peer[1]}".encode()}[mode]
            try:
                server.sendto(answer, peer)
            except OSError as error:
                print(f"answer lost: {error}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()

# rtbridge: a TCP server as a newcomer writes it, with `socket`.
# SPDX-License-Identifier: Apache-2.0
"""Usage: tcp_server.py MODE [[HOST:]PORT]. Prints `READY <port>`.

MODE  ack       answers ACK to each thing it receives
      echo      sends back what it receives
      send:N    sends N bytes (the numbers 0..255 over and over), then closes
      sink      reads to the end, then prints `SUNK <bytes> <sha256>`
      digest    reads to the end, then answers `<bytes> <sha256>` and closes
"""

import hashlib
import socket
import sys
import threading


def ack(connection):
    while connection.recv(65536):
        connection.sendall(b"ACK")


def echo(connection):
    while data := connection.recv(65536):
        connection.sendall(data)


def send(connection, count):
    block = bytes(range(256)) * 256
    while count > 0:
        piece = block[:count]
        connection.sendall(piece)
        count -= len(piece)


def read_to_end(connection):
    count, digest = 0, hashlib.sha256()
    while data := connection.recv(65536):
        count += len(data)
        digest.update(data)
    return f"{count} {digest.hexdigest()}"


def sink(connection):
    print("SUNK", read_to_end(connection), flush=True)


def digest(connection):
    connection.sendall(read_to_end(connection).encode())


def serve(connection, mode):
    name, _, argument = mode.partition(":")
    with connection:
        try:
            if name == "send":
                send(connection, int(argument))
            else:
                {"ack": ack, "echo": echo, "sink": sink, "digest": digest}[name](connection)
        except OSError as error:
            print(f"connection lost: {error}", file=sys.stderr, flush=True)


def main():
    mode = sys.argv[1]
    host, _, port = (sys.argv[2] if len(sys.argv) > 2 else "0").rpartition(":")
    with socket.create_server((host or "127.0.0.1", int(port)), backlog=128) as server:
        print(f"READY {server.getsockname()[1]}", flush=True)
        while True:
            connection, _ = server.accept()
            threading.Thread(target=serve, args=(connection, mode), daemon=True).start()


if __name__ == "__main__":
    main()

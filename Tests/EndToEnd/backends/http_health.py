# rtbridge: a TCP server beside which an HTTP server says how it is.
# SPDX-License-Identifier: Apache-2.0
"""Usage: http_health.py NAME. One port for both: what begins with `GET ` is answered by HTTP, all else is echoed, with
NAME before it. Prints `READY <port>`, and for each question `ASKED <path> <Host> <Connection>`.

`GET /control/<answer>` sets the answer: `<status>`, `<status>+keep-alive`, `<status>+early` (with
1xx answers before it), `silent`, or `garbage`.
"""

import socket
import sys
import threading

answer = "200"


def say_health(connection, head):
    global answer
    lines = head.decode().split("\r\n")
    path = lines[0].split(" ")[1]
    if path.startswith("/control/"):
        answer = path.removeprefix("/control/")
        connection.sendall(b"HTTP/1.1 204 x\r\nconnection: close\r\n\r\n")
        return
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    print("ASKED", path, fields.get("host"), fields.get("connection"), flush=True)
    status, _, kind = answer.partition("+")
    if status == "silent":
        connection.recv(1)
    elif status == "garbage":
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    elif kind == "early":
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 102 y\r\n\r\n")
        connection.sendall(f"HTTP/1.1 {status} x\r\nconnection: close\r\n\r\nok".encode())
    elif kind == "keep-alive":
        # A server that leaves the end to its client (RFC 9112, section 9.3).
        connection.sendall(f"HTTP/1.1 {status} x\r\ncontent-length: 2\r\n\r\nok".encode())
        connection.recv(1)
    else:
        connection.sendall(f"HTTP/1.1 {status} x\r\nconnection: close\r\n\r\nok".encode())


def talk(connection, name):
    with connection:
        try:
            data = connection.recv(65536)
            if data.startswith(b"GET "):
                while b"\r\n\r\n" not in data:
                    data += connection.recv(65536)
                say_health(connection, data)
                return
            while data:
                connection.sendall(name + data)
                data = connection.recv(65536)
        except OSError:
            pass


def main():
    with socket.create_server(("127.0.0.1", 0)) as server:
        print(f"READY {server.getsockname()[1]}", flush=True)
        while True:
            connection, _ = server.accept()
            threading.Thread(target=talk, args=(connection, sys.argv[1].encode()), daemon=True).start()


if __name__ == "__main__":
    main()

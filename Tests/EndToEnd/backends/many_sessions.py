# rtbridge: a client with many WebSocket sessions.
# SPDX-License-Identifier: Apache-2.0
"""Usage: many_sessions.py PORT PATH COUNT. Opens the sessions and sends a message through each; prints `READY 0` when all
were answered. A line `ANSWERED <count>` follows for each SIGUSR1, after another message through each: how many came back,
and in the end `LOST <count>` sessions were closed."""

import os
import resource
import select
import signal
import socket
import sys

# A binary message `x` of a client, with a mask of zeros, and the server's answer (RFC 6455, section 5.2).
MESSAGE, ANSWER = b"\x82\x81\0\0\0\0x", b"\x82\x01x"


def open_one(port, path):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\nsec-websocket-version: 13\r\n\r\n".encode())
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = connection.recv(1)
        assert data, f"refused: {head!r}"
        head += data
    assert head.startswith(b"HTTP/1.1 101 "), head
    return connection


def ask_all(connections):
    """Sends a message through each session that is left; counts the answers, until each has one or is closed."""
    poll = select.epoll()
    for connection in connections.values():
        connection.sendall(MESSAGE)
        poll.register(connection, select.EPOLLIN)
    waiting, received = set(connections), dict.fromkeys(connections, b"")
    while waiting:
        for number, _ in poll.poll():
            data = connections[number].recv(64)
            received[number] += data
            if received[number] == ANSWER or not data:
                waiting.discard(number)
                poll.unregister(number)
            if not data:
                connections.pop(number).close()
    return len(connections)


def main():
    port, path, count = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    opened = [open_one(port, path) for _ in range(count)]
    connections = {connection.fileno(): connection for connection in opened}
    assert ask_all(connections) == count
    print("READY 0", flush=True)
    while True:
        signal.sigwait({signal.SIGUSR1})
        print("ANSWERED", ask_all(connections), flush=True)


if __name__ == "__main__":
    main()

# rtbridge: a TCP echo whose process may be killed with all of its connections, while its port stays open.
# SPDX-License-Identifier: Apache-2.0
"""Usage: mortal_echo.py. Prints `READY <port>`, then `CHILD <pid>` for the process that has the connections, and for each
that follows a killed one. The child prints `ACCEPTED <times>` at SIGUSR1: when each of its connections came, in seconds of
CLOCK_MONOTONIC. The parent ends at SIGTERM."""

import contextlib
import os
import resource
import select
import signal
import socket
import time

# Of 5,000 sessions none is turned away while the child is replaced.
BACKLOG = 8192


def serve(listener):
    # Ends with its parent (prctl(2), PR_SET_PDEATHSIG).
    import ctypes
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    times, connections = [], {}
    signal.signal(signal.SIGUSR1, lambda *_: print("ACCEPTED", *times, flush=True))
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    poll = select.epoll()
    poll.register(listener, select.EPOLLIN)
    print("CHILD", os.getpid(), flush=True)
    while True:
        for number, _ in poll.poll():
            if number == listener.fileno():
                with contextlib.suppress(BlockingIOError):
                    while True:
                        connection, _ = listener.accept()
                        times.append(f"{time.monotonic():.4f}")
                        connections[connection.fileno()] = connection
                        poll.register(connection, select.EPOLLIN)
                continue
            connection = connections[number]
            try:
                data = connection.recv(65536)
            except OSError:
                data = b""
            if data:
                connection.sendall(data)
            else:
                poll.unregister(number)
                del connections[number]
                connection.close()


def main():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    children = []

    def end(*_):
        os.kill(children[-1], signal.SIGKILL)
        os._exit(0)

    with socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as listener:
        listener.setblocking(False)
        print(f"READY {listener.getsockname()[1]}", flush=True)
        while True:
            children.append(os.fork())
            if children[-1] == 0:
                serve(listener)
            signal.signal(signal.SIGTERM, end)
            os.waitpid(children[-1], 0)


if __name__ == "__main__":
    main()

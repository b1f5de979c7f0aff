# rtbridge: the `websockets` library's client, to be used like a blocking one.
# SPDX-License-Identifier: Apache-2.0
"""Its own blocking client reads and writes one TLS connection in two threads, which CPython does not make safe: a request
behind a TLS 1.3 handshake is lost now and then. So the asynchronous one runs in an event loop of its own thread."""

import asyncio
import threading

from websockets.asyncio.client import connect

from support.waiting import DEADLINE

_loop = None


def _run(coroutine, deadline):
    global _loop
    if _loop is None:
        _loop = asyncio.new_event_loop()
        threading.Thread(target=_loop.run_forever, daemon=True).start()
    return asyncio.run_coroutine_threadsafe(asyncio.wait_for(coroutine, deadline), _loop).result()


class Client:
    """A connection; as a context manager it is closed cleanly at the end."""

    def __init__(self, url, tls, **options):
        async def open_it():
            return await connect(url, ssl=tls, compression=None, max_size=None, ping_interval=None, open_timeout=DEADLINE,
                                 close_timeout=DEADLINE, proxy=None, **options)

        self._connection = _run(open_it(), DEADLINE)

    @property
    def subprotocol(self):
        return self._connection.subprotocol

    def send(self, data):
        _run(self._connection.send(data), DEADLINE)

    def recv(self):
        return _run(self._connection.recv(), DEADLINE)

    def close(self, code=1000, reason=""):
        _run(self._connection.close(code, reason), DEADLINE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

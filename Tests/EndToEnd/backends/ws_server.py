# rtbridge: a WebSocket server as a newcomer writes it, with the `websockets` package.
# SPDX-License-Identifier: Apache-2.0
"""Usage: ws_server.py [PORT [OPTIONS [CERTIFICATE KEY]]]. OPTIONS are serve()'s, as JSON. Prints `READY <port>`. The path says what it does:

/…echo      sends back each message
/…head      sends the request's line and fields as JSON, then echoes
/…close     closes with the code and the reason of the first message, "4321 a reason"
/…closed    waits for the client's close, then prints `CLOSED <code> <reason>`
/…status    is refused: with the status that the query names, a cookie and a body
/…fragments sends a message of three fragments, then echoes
"""

import asyncio
import http
import json
import ssl
import sys

from websockets.asyncio.server import serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response


async def echo(socket):
    async for message in socket:
        await socket.send(message)


async def head(socket):
    await socket.send(json.dumps({"path": socket.request.path, "headers": list(socket.request.headers.raw_items())}))
    await echo(socket)


async def close(socket):
    code, _, reason = (await socket.recv()).partition(" ")
    await socket.close(int(code), reason)


async def closed(socket):
    try:
        await socket.recv()
    except ConnectionClosed:
        pass
    print("CLOSED", socket.close_code, socket.close_reason, flush=True)


async def fragments(socket):
    await socket.send(["one ", "two ", "three"])
    await echo(socket)


HANDLERS = {"echo": echo, "head": head, "close": close, "closed": closed, "fragments": fragments}


async def handle(socket):
    path = socket.request.path.partition("?")[0]
    try:
        await next(handler for name, handler in HANDLERS.items() if path.endswith(name))(socket)
    except ConnectionClosed:
        pass


def refuse(connection, request):
    path, _, query = request.path.partition("?")
    if not path.endswith("status"):
        return None
    status = http.HTTPStatus(int(query))
    body = b"not for you"
    headers = Headers([("Content-Length", str(len(body))), ("Content-Type", "text/plain"), ("Set-Cookie", "why=1"),
                       ("Connection", "close")])
    return Response(status.value, status.phrase, headers, body)


def pick(connection, offered):
    """The first one that begins with `chat`."""
    return next((name for name in offered if name.startswith("chat")), None)


async def main():
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 0
    options = json.loads(sys.argv[2]) if len(sys.argv) > 2 else {}
    tls = None
    if len(sys.argv) > 4:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(*sys.argv[3:5])
    async with serve(handle, "127.0.0.1", port, process_request=refuse, select_subprotocol=pick, ssl=tls,
                     **{"compression": None, "max_size": None, **options}) as server:
        print(f"READY {server.sockets[0].getsockname()[1]}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

# rtbridge: a web site as a newcomer writes it, with Flask and its own server.
# SPDX-License-Identifier: Apache-2.0
"""Usage: site.py [PORT]. Prints `READY <port>`."""

import hashlib
import queue
import sys

from flask import Flask, Response, jsonify, make_response, request
from werkzeug.serving import WSGIRequestHandler, make_server

app = Flask(__name__)
subscribers = []


@app.get("/")
def index():
    return "<!doctype html><title>site</title><p>hello"


@app.route("/api/echo", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def echo():
    """What the site sees of a request."""
    body = request.get_data()
    return jsonify(method=request.method, path=request.path, query=request.query_string.decode(),
                   fields=[[name.lower(), value] for name, value in request.headers], cookies=request.cookies,
                   length=len(body), sha256=hashlib.sha256(body).hexdigest())


@app.get("/api/cookies")
def cookies():
    response = make_response("two")
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


@app.get("/api/download/<int:count>")
def download(count):
    """In pieces, without a length."""
    def pieces(left=count):
        block = bytes(range(256)) * 256
        while left > 0:
            yield block[:left]
            left -= len(block)
    return Response(pieces(), mimetype="application/octet-stream")


@app.get("/api/status/<int:status>")
def status(status):
    return "", status


@app.get("/events")
def events():
    """Server-sent events: the words that are posted to /events."""
    words = queue.Queue()
    subscribers.append(words)

    def stream():
        yield ": hello\n\n"
        while (word := words.get()) != "end":
            yield f"data: {word}\n\n"
    return Response(stream(), mimetype="text/event-stream")


@app.post("/events")
def publish():
    word = request.get_data(as_text=True)
    for subscriber in subscribers:
        subscriber.put(word)
    return jsonify(subscribers=len(subscribers))


class Handler(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_):
        pass


server = make_server("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 0, app, threaded=True,
                     request_handler=Handler)
print(f"READY {server.port}", flush=True)
server.serve_forever()

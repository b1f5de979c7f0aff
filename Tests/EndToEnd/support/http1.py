# rtbridge: HTTP/1.1 byte by byte, as a client.
# SPDX-License-Identifier: Apache-2.0
from support.waiting import DEADLINE
from support.wire import Wire


class Reply:
    """A response. `chunks` are the chunks as they were cut; `http_trailers` the lines after the last one."""

    def __init__(self, status, reason, headers):
        self.status, self.reason, self.headers = status, reason, headers
        self.body, self.chunks, self.http_trailers = bytearray(), [], []

    def all(self, name):
        return [value for key, value in self.headers if key == name]

    def header(self, name):
        values = self.all(name)
        assert len(values) < 2, f"{name} is there twice: {values}"
        return values[0] if values else None


class Http1:
    def __init__(self, address, tls=None, **options):
        self.wire = Wire.connect(address, tls, ["http/1.1"] if tls else None, **options)
        assert tls is None or self.wire.alpn == "http/1.1", f"ALPN chose {self.wire.alpn}"
        self._buffer = bytearray()

    def send(self, data):
        self.wire.send(data.encode("latin-1") if isinstance(data, str) else data)

    def send_head(self, method, target, headers):
        """`headers` in their order; Host is added where it is missing."""
        if not any(name.lower() == "host" for name, _ in headers):
            headers = [("host", "localhost"), *headers]
        self.send(f"{method} {target} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in headers) + "\r\n")

    def send_chunk(self, data):
        """An empty one is the last."""
        self.send(b"%x\r\n%s\r\n" % (len(data), data))

    def read_head(self, deadline=DEADLINE):
        """The head of a final response; 1xx are passed over."""
        while True:
            head = self._until(b"\r\n\r\n", deadline).decode("latin-1")
            status_line, *lines = head.split("\r\n")
            version, status, *reason = status_line.split(" ", 2)
            assert version == "HTTP/1.1", f"not an HTTP/1.1 response: {status_line!r}"
            headers = []
            for line in lines:
                name, _, value = line.partition(":")
                headers.append((name.lower(), value.strip()))
            if not 100 <= int(status) < 200 or int(status) == 101:
                return Reply(int(status), reason[0] if reason else "", headers)

    def read_piece(self, reply, deadline=DEADLINE):
        """The next chunk, or all of a body with a length; b"" at the end."""
        if reply.header("transfer-encoding") == "chunked":
            size = int(self._until(b"\r\n", deadline).split(b";")[0], 16)
            if size == 0:
                while line := self._until(b"\r\n", deadline):
                    reply.http_trailers.append(line)
                return b""
            data = self._exactly(size, deadline)
            assert self._exactly(2, deadline) == b"\r\n", "a chunk does not end with CR LF"
            reply.chunks.append(data)
        else:
            length = reply.header("content-length")
            if length is None:
                data = bytes(self._buffer) + self.wire.read_to_end(deadline) if not reply.body else b""
            else:
                data = self._exactly(int(length) - len(reply.body), deadline)
        reply.body += data
        return data

    def read_reply(self, deadline=DEADLINE, has_body=True):
        reply = self.read_head(deadline)
        if has_body and reply.status not in (101, 204, 304):
            while self.read_piece(reply, deadline):
                pass
        return reply

    def take(self):
        """What was read beyond the last reply."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest

    def close(self):
        self.wire.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _more(self, deadline):
        data = self.wire.receive(deadline)
        if not data:
            raise EOFError(f"the connection ended; read and unused: {bytes(self._buffer[-200:])!r}")
        self._buffer += data

    def _until(self, mark, deadline):
        while (index := self._buffer.find(mark)) < 0:
            self._more(deadline)
        data = bytes(self._buffer[:index])
        del self._buffer[: index + len(mark)]
        return data

    def _exactly(self, count, deadline):
        while len(self._buffer) < count:
            self._more(deadline)
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data


def exchange(address, method, target, headers=(), body=b"", tls=None):
    """One request with a length, one reply, one connection."""
    with Http1(address, tls) as http:
        headers = list(headers)
        if body or method in ("POST", "PUT"):
            headers.append(("content-length", str(len(body))))
        http.send_head(method, target, headers)
        http.send(body)
        return http.read_reply(has_body=method != "HEAD")

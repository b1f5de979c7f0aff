# rtbridge: one call by curl before a job, compared byte for byte: a fast wrong answer must not count.
# SPDX-License-Identifier: Apache-2.0
import re
import subprocess
from pathlib import Path


def frame(payload, flags=0):
    """gRPC PROTOCOL-HTTP2.md: Length-Prefixed-Message."""
    return bytes([flags]) + len(payload).to_bytes(4, "big") + payload


def pattern(count):
    """What the messages consist of, the same as in backend/."""
    cycle = bytes((index * 7 + 3) % 256 for index in range(256))
    return (cycle * (count // 256 + 1))[:count]


class Call:
    """A call of the job through the port: what is sent, and what has to come back."""

    def __init__(self, job, port, bench, method=None):
        method = method or ("Bulk" if job.answer_bytes else "Echo")
        self.job, self.bench = job, bench
        path = f"http/{method}" if job.kind == "http" else f"bench.Bench/{method}"
        self.url = f"{'https' if job.door == 'tls' else 'http'}://127.0.0.1:{port}/{path}"
        self.fields = {"content-type": "application/grpc-web+proto", "x-grpc-web": "1"}
        if job.kind == "native":
            self.fields = {"content-type": "application/grpc+proto", "te": "trailers"}
        if job.kind == "http":
            self.fields = {"content-type": "application/octet-stream"}
        # The message is the job's size, as a protobuf of one field would be, whatever its bytes: nobody looks into it.
        shape = bytes if job.kind == "http" else frame
        self.message = shape(pattern(job.bytes))
        self.answer = shape(pattern(job.answer_bytes or job.bytes))
        self.body_file = Path(bench.directory) / f"{job.name}.bin"
        self.body_file.write_bytes(self.message)

    def check(self):
        """Makes the call. Returns the length of the answer's body, which all others of the job must have too."""
        head_file, answer_file = (Path(self.bench.directory) / f"sample.{part}" for part in ("head", "body"))
        version = "--http1.1" if self.job.is_http1 else "--http2" if self.job.door == "tls" else "--http2-prior-knowledge"
        fields = [part for name, value in self.fields.items() for part in ("-H", f"{name}: {value}")]
        subprocess.run(
            ["curl", "-sS", "--max-time", "10", version, "--cacert", self.bench.certificates.ca, "-D", head_file,
             "-o", answer_file, "--data-binary", f"@{self.body_file}", *fields, self.url], check=True)
        head, answer = head_file.read_text(), answer_file.read_bytes()
        assert re.match(r"HTTP/\S+ 200", head), head
        assert answer[:len(self.answer)] == self.answer, f"another answer: {answer[:64]!r}… of {len(answer)} bytes"
        rest = answer[len(self.answer):]
        if self.job.kind == "http":
            assert rest == b"", f"{len(rest)} bytes too many"
        elif self.job.kind == "native":
            assert rest == b"" and re.search(r"(?mi)^grpc-status: 0\r?$", head), f"{rest[:64]!r}\n{head}"
        else:
            # gRPC PROTOCOL-WEB.md: the last frame holds the trailers, a line each.
            assert rest == frame(rest[5:], flags=0x80), f"no trailer frame: {rest[:64]!r}"
            assert re.search(rb"(?m)^grpc-status: ?0\r\n", rest[5:]), rest
        return len(answer)

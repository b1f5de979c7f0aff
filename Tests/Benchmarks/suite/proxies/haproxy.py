# rtbridge: HAProxy, in a benchmark.
# SPDX-License-Identifier: Apache-2.0
import subprocess

from suite.proxies.proxy import Proxy
from suite.servers import free_port


class HAProxy(Proxy):
    """One thread; gRPC as HTTP/2 on both sides, HTTP/1.1 behind either version, and a raw TCP relay."""

    name = "haproxy"
    command = "haproxy"
    doors = ("clear", "http1", "tls", "raw")

    def start(self):
        self.ports = {door: free_port() for door in self.doors}
        backend, certificates = self.setting.backend, self.setting.certificates
        with open(certificates.certificate, encoding="ascii") as certificate, open(certificates.key, encoding="ascii") as key:
            pem = self.write("localhost.pem", certificate.read() + key.read())
        config = self.write("haproxy.cfg", f"""
global
    nbthread 1
    maxconn 4096
    tune.h2.initial-window-size 1048576
defaults
    timeout connect 5s
    timeout client 1m
    timeout server 1m
    timeout tunnel 1h
frontend http
    mode http
    bind 127.0.0.1:{self.ports["clear"]} proto h2
    bind 127.0.0.1:{self.ports["http1"]}
    bind 127.0.0.1:{self.ports["tls"]} ssl crt {pem} alpn h2 ssl-min-ver TLSv1.3
    use_backend web if {{ path_beg /http/ }}
    default_backend grpc
backend grpc
    mode http
    http-reuse always
    server one 127.0.0.1:{backend.grpc} proto h2
backend web
    mode http
    http-reuse always
    server one 127.0.0.1:{backend.http}
listen tcp
    mode tcp
    bind 127.0.0.1:{self.ports["raw"]}
    server one 127.0.0.1:{backend.tcp}
""")
        return self.run(self.path(), "-f", config, "-db")

    @classmethod
    def version(cls):
        return subprocess.run([cls.path(), "-v"], capture_output=True, text=True, check=True).stdout.splitlines()[0]

# rtbridge: nginx, in a benchmark.
# SPDX-License-Identifier: Apache-2.0
import subprocess
from pathlib import Path

from suite.proxies.proxy import Proxy
from suite.servers import free_port

_STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")


class Nginx(Proxy):
    """gRPC by grpc_pass and HTTP by proxy_pass, with connections that are kept, and relays of TCP and UDP by its stream module."""

    name = "nginx"
    command = "nginx"
    doors = ("clear", "http1", "tls", "raw", "udp")
    connections = 8192

    def start(self):
        self.ports = {door: free_port() for door in self.doors}
        backend, certificates = self.setting.backend, self.setting.certificates
        config = self.write("nginx.conf", f"""
load_module {_STREAM_MODULE};
daemon off;
worker_processes 1;
pid {self.setting.directory}/{self.name}.pid;
error_log stderr error;
events {{ worker_connections {self.connections}; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    client_body_buffer_size 64k;
    http2_body_preread_size 64k;
    client_body_temp_path {self.setting.directory}/nginx-body;
    proxy_temp_path {self.setting.directory}/nginx-proxy;
    fastcgi_temp_path {self.setting.directory}/nginx-fastcgi;
    uwsgi_temp_path {self.setting.directory}/nginx-uwsgi;
    scgi_temp_path {self.setting.directory}/nginx-scgi;
    upstream grpc {{
        server 127.0.0.1:{backend.grpc};
        keepalive 512;
        keepalive_requests 1000000000;
    }}
    upstream web {{
        server 127.0.0.1:{backend.http};
        keepalive 512;
        keepalive_requests 1000000000;
    }}
    server {{
        listen 127.0.0.1:{self.ports["http1"]};
        listen 127.0.0.1:{self.ports["clear"]} http2;
        listen 127.0.0.1:{self.ports["tls"]} ssl http2;
        ssl_certificate {certificates.certificate};
        ssl_certificate_key {certificates.key};
        ssl_protocols TLSv1.3;
        location / {{ grpc_pass grpc://grpc; grpc_buffer_size 64k; }}
        location /http/ {{
            proxy_pass http://web;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffer_size 32k;
            proxy_buffers 8 32k;
        }}
    }}
    {self.more()}
}}
stream {{
    server {{
        listen 127.0.0.1:{self.ports["raw"]};
        tcp_nodelay on;
        proxy_pass 127.0.0.1:{backend.tcp};
    }}
    server {{
        listen 127.0.0.1:{self.ports["udp"]} udp;
        proxy_pass 127.0.0.1:{backend.udp};
    }}
}}
""")
        return self.run(self.path(), "-c", config, "-p", self.setting.directory)

    def more(self):
        """Further parts of `http`."""
        return ""

    @classmethod
    def path(cls):
        return super().path() if _STREAM_MODULE.exists() else None

    @classmethod
    def version(cls):
        return subprocess.run([cls.path(), "-v"], capture_output=True, text=True, check=True).stderr.strip()


class IdleNginx(Nginx):
    """The same, and WebSocket sessions by proxy_pass, as its manual shows it, to an echo that speaks WebSocket."""

    doors = Nginx.doors + ("websocket", "wss")

    @property
    def connections(self):
        # With less than a sixteenth of them free nginx closes those that have sent no request yet, in their handshake, too.
        return 2 * self.setting.max_files

    def more(self):
        certificates = self.setting.certificates
        return f"""
    server {{
        listen 127.0.0.1:{self.ports["websocket"]} backlog=4096;
        listen 127.0.0.1:{self.ports["wss"]} ssl backlog=4096;
        ssl_certificate {certificates.certificate};
        ssl_certificate_key {certificates.key};
        ssl_protocols TLSv1.3;
        location / {{
            proxy_pass http://127.0.0.1:{self.setting.websocket_backend};
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_read_timeout 1h;
        }}
    }}"""

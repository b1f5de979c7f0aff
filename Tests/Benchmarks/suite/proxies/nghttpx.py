# rtbridge: nghttpx, in a benchmark.
# SPDX-License-Identifier: Apache-2.0
from suite.proxies.proxy import Proxy
from suite.servers import free_port


class Nghttpx(Proxy):
    """libnghttp2's own proxy: one worker, HTTP/2 on both sides."""

    name = "nghttpx"
    command = "nghttpx"
    doors = ("clear", "tls")

    def start(self):
        self.ports = {door: free_port() for door in self.doors}
        backend, certificates = self.setting.backend, self.setting.certificates
        config = self.write("nghttpx.conf", f"""
frontend=127.0.0.1,{self.ports["clear"]};no-tls
frontend=127.0.0.1,{self.ports["tls"]}
backend=127.0.0.1,{backend.grpc};;proto=h2
private-key-file={certificates.key}
certificate-file={certificates.certificate}
backend-http2-window-size=1048576
workers=1
no-ocsp=yes
log-level=ERROR
""")
        return self.run(self.path(), f"--conf={config}", "--errorlog-file=/dev/stderr")

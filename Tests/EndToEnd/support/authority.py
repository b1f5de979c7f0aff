# rtbridge: a certificate authority of a test's own, for certificates good and bad.
# SPDX-License-Identifier: Apache-2.0
import subprocess
from pathlib import Path

from support.waiting import DEADLINE

# `openssl ca` is the one command of OpenSSL 3.0 that takes a beginning in the past or the future.
CONFIG = """
[ca]
default_ca = authority
[authority]
database = {directory}/index.txt
serial = {directory}/serial
new_certs_dir = {directory}
certificate = {directory}/ca.pem
private_key = {directory}/ca.key
default_md = sha256
policy = any
unique_subject = no
copy_extensions = copy
[any]
commonName = supplied
[req]
distinguished_name = name
prompt = no
[name]
commonName = {name}
[v3_ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""


class Authority:
    """`ca` is the path of its certificate; `issue` makes others."""

    def __init__(self, directory, name="tests"):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "index.txt").write_text("")
        (self.directory / "serial").write_text("1000\n")
        self.config = self.directory / "openssl.cnf"
        self.config.write_text(CONFIG.format(directory=self.directory, name=name))
        self.ca = str(self.directory / "ca.pem")
        self._run("req", "-x509", "-config", self.config, "-extensions", "v3_ca", "-newkey", "ec", "-pkeyopt",
                  "ec_paramgen_curve:P-256", "-nodes", "-keyout", self.directory / "ca.key", "-out", self.ca, "-days", "30")

    def issue(self, label, names=("DNS:localhost", "IP:127.0.0.1"), start="20200101000000Z", end="20991231000000Z"):
        """Paths of a certificate and its key. `start` and `end` are YYYYMMDDHHMMSSZ."""
        cert, key, request = (str(self.directory / f"{label}.{kind}") for kind in ("pem", "key", "csr"))
        extensions = ["-addext", f"subjectAltName={','.join(names)}"] if names else []
        self._run("req", "-new", "-config", self.config, "-subj", f"/CN={label}", "-newkey", "ec", "-pkeyopt",
                  "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", request, *extensions)
        self._run("ca", "-config", self.config, "-batch", "-notext", "-in", request, "-out", cert, "-startdate", start,
                  "-enddate", end)
        return cert, key

    def _run(self, *arguments):
        result = subprocess.run(["openssl", *map(str, arguments)], text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, timeout=DEADLINE)
        assert result.returncode == 0, f"openssl {arguments[0]}: {result.stdout}"


def self_signed(directory, names=("DNS:localhost", "IP:127.0.0.1")):
    """Paths of a certificate that nobody but its own key has signed, and of that key."""
    cert, key = Path(directory) / "self.pem", Path(directory) / "self.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
         cert, "-days", "30", "-subj", "/CN=localhost", "-addext", f"subjectAltName={','.join(names)}"],
        check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=DEADLINE)
    return str(cert), str(key)

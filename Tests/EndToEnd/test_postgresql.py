# rtbridge: PostgreSQL's own clients through a WebSocket tunnel: psql and pgbench.
# SPDX-License-Identifier: Apache-2.0
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from support.ports import free_port
from support.processes import Child
from support.tunnel import Tunnel
from support.waiting import DEADLINE, wait_until

CLIENTS, TRANSACTIONS = 4, 500


class PostgreSQL:
    """A server in a folder of its own, by TCP and by a Unix socket. It refuses to be root's, so root runs it as nobody."""

    def __init__(self, program):
        self.directory = Path(tempfile.mkdtemp(prefix="rtbridge-postgresql-"))
        self.directory.chmod(0o755)
        prefix = []
        if os.getuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(self.directory, nobody.pw_uid, nobody.pw_gid)
            prefix = [program("setpriv"), f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        data = self.directory / "data"
        subprocess.run([*prefix, program("initdb"), "-D", data, "-U", "tester", "-A", "trust", "-E", "UTF8", "--locale=C",
                        "--no-sync"], check=True, capture_output=True, cwd=self.directory, timeout=6 * DEADLINE)
        self.port = free_port()
        self.socket = self.directory / f".s.PGSQL.{self.port}"
        self.process = Child([*prefix, program("postgres"), "-D", data, "-h", "127.0.0.1", "-p", self.port, "-k",
                              self.directory, "-c", "fsync=off"], self.directory / "log")

    def stop(self):
        self.process.signal(signal.SIGINT)      # "fast": clients are disconnected, postgres(1)
        try:
            self.process.wait(3 * DEADLINE)
        finally:
            self.process.kill()
            shutil.rmtree(self.directory)


@pytest.fixture(scope="module")
def postgresql_program(program):
    """A program of PostgreSQL: Debian has those of the server in a folder for each version."""
    def find(name):
        installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: int(path.parts[4]))
        return str(installed[-1]) if installed else program(name)
    return find


@pytest.fixture(scope="module")
def server(postgresql_program):
    server = PostgreSQL(postgresql_program)
    try:
        ready = [postgresql_program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(server.port)]
        wait_until("PostgreSQL", lambda: subprocess.run(ready).returncode == 0, 3 * DEADLINE)
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def bridge(start_bridge, make_config, server):
    return start_bridge(make_config([
        {"match": {"protocol": "websocket", "path": "/tcp"}, "backend": f"tcp://127.0.0.1:{server.port}"},
        {"match": {"protocol": "websocket", "path": "/unix"}, "backend": f"unix:{server.socket}"}]))


@pytest.fixture(params=["tcp", "unix"])
def tunnel(request, bridge):
    tunnel = Tunnel(bridge.address("clear"), f"/{request.param}")
    yield tunnel
    tunnel.close()


@pytest.fixture
def run(postgresql_program):
    """run(port, name, *arguments): what the client prints; fails if it fails, or warns."""
    def run(port, name, *arguments):
        environment = {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(port), "PGUSER": "tester",
                       "PGDATABASE": "postgres", "PGCONNECT_TIMEOUT": "30"}
        ended = subprocess.run([postgresql_program(name), *arguments], env=environment, text=True, capture_output=True,
                               timeout=12 * DEADLINE)
        assert ended.returncode == 0, ended
        for word in ("error", "fatal", "warning", "aborted"):
            assert word not in ended.stderr.lower(), ended.stderr
        return ended.stdout
    return run


def test_psql_gets_what_it_gets_directly(server, tunnel, run):
    """Rows of 8 MB in all, and 3 MB up by COPY and down again."""
    rows = ["-X", "-A", "-t", "-c", "SELECT n, repeat(md5(n::text), n % 100) FROM generate_series(1, 5000) AS n"]
    answer = run(tunnel.port, "psql", *rows)
    assert len(answer) > 7_900_000 and answer == run(server.port, "psql", *rows)
    table = "".join(f"{number}\t{'x' * (number % 500)}\n" for number in range(12_000))
    script = server.directory / "copy.sql"
    script.write_text("CREATE TEMPORARY TABLE copied (n int, t text);\n"
                      f"COPY copied FROM STDIN;\n{table}\\.\nCOPY (SELECT * FROM copied ORDER BY n) TO STDOUT;\n")
    assert run(tunnel.port, "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", script) == table


@pytest.mark.parametrize("protocol", ["simple", "prepared"])
def test_the_balances_of_pgbench_agree(tunnel, run, protocol):
    run(tunnel.port, "pgbench", "--initialize", "--quiet", "--scale=1")
    report = run(tunnel.port, "pgbench", "--no-vacuum", f"--client={CLIENTS}", "--jobs=2",
                 f"--transactions={TRANSACTIONS}", f"--protocol={protocol}")
    total = CLIENTS * TRANSACTIONS
    assert f"number of transactions actually processed: {total}/{total}" in report, report
    # pgbench(1), "What is the “Transaction” Actually Performed in pgbench?": one delta is added to each of the three.
    sums = run(tunnel.port, "psql", "-X", "-A", "-t", "-c",
               "SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers), "
               "(SELECT sum(bbalance) FROM pgbench_branches), sum(delta), count(*) FROM pgbench_history")
    accounts, tellers, branches, deltas, count = map(int, sums.split("|"))
    assert accounts == tellers == branches == deltas and count == total, sums

# rtbridge: five thousand sessions whose back-end dies at once come back spread by the jitter.
# SPDX-License-Identifier: Apache-2.0
import collections
import os
import re
import resource
import signal
import time
from datetime import datetime

import pytest

from support.waiting import DEADLINE, wait_until

SESSIONS = 5_000
INITIAL = 1.0
# Decorrelated jitter: the first delay is anything from the initial one to three times that.
SPREAD = 2 * INITIAL
BUCKET = 0.1
# What each bucket has where all are even.
SHARE = SESSIONS * BUCKET / SPREAD


def shown(buckets):
    first = min(buckets)
    return " ".join(str(buckets.get(number, 0)) for number in range(first, max(buckets) + 1))


@pytest.mark.timeout(600)
def test_five_thousand_sessions_come_back_spread(start_bridge, make_config, start_backend, capsys):
    """What may be asserted of a busy machine is when the bridge means to dial: the time of the loss and the delay, as its
    log has them. When the back-end is reached is shown beside it; a process that gets no time accepts in heaps."""
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 3 * SESSIONS:
        pytest.skip(f"a bridge with {SESSIONS} sessions has {2 * SESSIONS} open files: ulimit -Hn is too low")
    server = start_backend("mortal_echo.py")
    bridge = start_bridge(make_config(
        [{"name": "many", "match": {"protocol": "websocket"}, "backend": f"tcp://127.0.0.1:{server.port}",
          "websocket": {"allowOrigins": ["*"], "pingInterval": "off"}, "timeouts": {"idle": "off"},
          "reconnect": {"mode": "resume", "maxHold": "10m",
                        "backoff": {"initial": f"{INITIAL:.0f}s", "max": "1m", "jitter": "decorrelated"}}}],
        logging={"level": "info", "access": False}))
    port = bridge.address("clear")[1]
    client = start_backend("many_sessions.py", str(port), "/", str(SESSIONS))
    child = int(server.wait_line(r"^CHILD (\d+)$")[1])
    killed_at = time.monotonic()
    os.kill(child, signal.SIGKILL)

    def children():
        return [int(line.split()[1]) for line in list(server.lines) if line.startswith("CHILD ")]

    successor = wait_until("a new process", lambda: children()[-1] if len(children()) == 2 else None)
    wait_until("all to be back", lambda: bridge.errors().count("back-end reached again") >= SESSIONS, 4 * DEADLINE)
    # Every one works, and none was lost.
    client.signal(signal.SIGUSR1)
    assert client.wait_line(r"^ANSWERED (\d+)$", 4 * DEADLINE)[1] == str(SESSIONS)

    planned = collections.Counter()
    delays = []
    for line in bridge.errors().splitlines():
        if match := re.match(r"(\S+)Z info back-end lost .*\bdelay=\"(\d+) ms\"", line):
            delay = int(match[2]) / 1000
            delays.append(delay)
            planned[int((datetime.fromisoformat(match[1]).timestamp() + delay) / BUCKET)] += 1
    os.kill(successor, signal.SIGUSR1)
    times = [float(word) for word in server.wait_line("^ACCEPTED (.*)$")[1].split()]
    reached = collections.Counter(int((moment - killed_at) / BUCKET) for moment in times)
    with capsys.disabled():
        print(f"\n{SESSIONS} sessions, an even share of {SHARE:.0f} in {BUCKET * 1000:.0f} ms")
        print(f"dials as planned: {shown(planned)}")
        print(f"connects at the back-end, from {min(reached) * BUCKET:.1f} s after its death: {shown(reached)}")
    assert len(delays) == SESSIONS and min(delays) >= INITIAL - 0.001 and max(delays) <= INITIAL + SPREAD + 0.001
    # By chance: 250 of 5,000 with a standard deviation of 15; twice that is 16 of them.
    assert max(planned.values()) <= 2 * SHARE
    # No timer fires early, whatever else the machine does.
    assert len(times) == SESSIONS and min(times) - killed_at >= INITIAL

# rtbridge: the loads; a class for each kind of job.
# SPDX-License-Identifier: Apache-2.0
from suite.loads.calls import Calls
from suite.loads.memory import IdleSessions, OpenStreams, Rest
from suite.loads.sessions import BesideSlow, Echoes, Handshakes

_LOADS = {"web": Calls, "native": Calls, "http": Calls, "echo": Echoes, "handshake": Handshakes, "slow": BesideSlow, "idle": IdleSessions,
          "streams": OpenStreams, "rest": Rest}


def make_load(job, proxy, bench):
    return _LOADS[job.kind](job, proxy, bench)

# rtbridge: the loads; a class for each kind of job.
# SPDX-License-Identifier: Apache-2.0
from suite.loads.calls import Calls
from suite.loads.memory import IdleSessions, OpenStreams, Rest, Tunnels
from suite.loads.sessions import BesideSlow, Echoes, Feed, Handshakes, Texts, WebSocketCalls

_LOADS = {"web": Calls, "native": Calls, "http": Calls, "calls": WebSocketCalls, "echo": Echoes, "texts": Texts, "feed": Feed,
          "handshake": Handshakes, "slow": BesideSlow, "idle": IdleSessions, "tunnels": Tunnels,
          "streams": OpenStreams, "rest": Rest}


def make_load(job, proxy, bench):
    return _LOADS[job.kind](job, proxy, bench)

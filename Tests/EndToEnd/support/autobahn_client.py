# rtbridge: the Autobahn testsuite's fuzzing client: runs its cases against a WebSocket server.
# SPDX-License-Identifier: Apache-2.0
"""Usage: python -m support.autobahn_client JSON, with

    url      where the server is: ws://HOST:PORT/PATH, or wss:// with `ca`, a PEM file
    cases    what to run: ids as 6.4.1, or how they begin, as 6.4 or 6
    jobs     how many at once
    bytes    how much payload a case of group 12 or 13 sends at most, in about: they are 1,000 messages of up to 128 KiB each

Prints one JSON object a case, as it ends: id, behavior, behaviorClose, the reasons of both, and the close that came."""

import json
import sys
import time

from autobahn.twisted.websocket import WebSocketClientFactory, WebSocketClientProtocol
from autobahn.websocket.protocol import WebSocketProtocol
from twisted.internet import reactor, ssl
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS

from support.autobahn_cases import load, octets, text

# Seconds. The suite gives a server half a second or a second to answer; that is a wall time, which says nothing of a machine
# with more to do. It has to answer some time, and until then nothing else may come.
PATIENCE = 30


class Fuzzer(WebSocketClientProtocol):
    """The protocol that the cases drive: names and meaning are those of the suite's `FuzzingProtocol`."""

    def __init__(self, name, kind, limit):
        super().__init__()
        self.name = name
        self.connectionWasOpen = False
        self.createWirelog = False
        self.txFrameStats = {}
        self.runCase = kind
        self.limit = limit

    def connectionMade(self):
        self.started = time.monotonic()
        self.runCase = self.runCase(self)
        if hasattr(self.runCase, "COUNT") and getattr(self.runCase, "TESTDATA", None):
            self.runCase.COUNT = max(10, min(self.runCase.COUNT, self.limit // self.runCase.LEN))
        super().connectionMade()

    def connectionLost(self, reason):
        super().connectionLost(reason)
        case = self.runCase
        case.onConnectionLost(self.failedByMe)
        self.factory.ended({
            "id": self.name, "behavior": case.behavior, "behaviorClose": case.behaviorClose, "result": case.result,
            "resultClose": case.resultClose, "received": repr(case.received)[:300], "code": self.remoteCloseCode,
            "reason": self.remoteCloseReason, "unclean": self.wasNotCleanReason,
            "seconds": round(time.monotonic() - self.started, 2)})

    # What comes.

    def onOpen(self):
        self.connectionWasOpen = True
        self.runCase.onOpen()

    def onMessage(self, payload, isBinary):
        self.runCase.onMessage(text(payload), isBinary)

    def onPong(self, payload):
        self.runCase.onPong(text(payload))

    def onClose(self, wasClean, code, reason):
        self.runCase.onClose(wasClean, code, reason)

    # What the cases ask for.

    def enableWirelog(self, enable):
        self.createWirelog = enable

    def continueLater(self, delay, function, tag=None):
        if tag == "B":
            delay = PATIENCE    # 6.4.x: the server has failed the connection by then
        reactor.callLater(delay, lambda: self.state == WebSocketProtocol.STATE_CLOSED or function())

    def killAfter(self, delay):
        self.continueLater(PATIENCE, self._fail_connection)

    def closeAfter(self, delay):
        """Where nothing is to come the case ends by this, else when all has come."""
        self.continueLater(delay if self.runCase.expected.get("OK") == [] else max(delay, PATIENCE), self.sendClose)

    def sendFrame(self, opcode, payload=b"", **options):
        self.txFrameStats[opcode] = self.txFrameStats.get(opcode, 0) + 1
        super().sendFrame(opcode, octets(payload), **options)

    def sendMessage(self, payload, isBinary=False, **options):
        super().sendMessage(octets(payload), isBinary, **options)

    def sendMessageFrameData(self, payload, sync=False):
        super().sendMessageFrameData(octets(payload), sync)

    def sendCloseFrame(self, code=None, reasonUtf8=None, isReply=False):
        super().sendCloseFrame(code, octets(reasonUtf8), isReply)


class Run(WebSocketClientFactory):
    """Runs the cases, `jobs` at a time, each on a connection of its own."""

    def __init__(self, url, cases, jobs, bytes, ca=None):
        super().__init__(url)
        self.known = load()
        self.waiting = [name for name in reversed(self.known)
                        if any(f"{name}.".startswith(f"{prefix}.") for prefix in cases)]
        self.limit = bytes
        self.running = 0
        self.setProtocolOptions(failByDrop=False, openHandshakeTimeout=PATIENCE, closeHandshakeTimeout=PATIENCE,
                                serverConnectionDropTimeout=PATIENCE, tcpNoDelay=True)
        self.endpoint = HostnameEndpoint(reactor, self.host, self.port)
        if self.isSecure:
            with open(ca, "rb") as file:
                root = ssl.Certificate.loadPEM(file.read())
            self.endpoint = wrapClientTLS(ssl.optionsForClientTLS(self.host, trustRoot=root), self.endpoint)
        for _ in range(jobs):
            self.next()

    def next(self):
        if not self.waiting:
            if not self.running:
                reactor.callWhenRunning(reactor.stop)
            return
        self.running += 1
        self.name = self.waiting.pop()
        self.endpoint.connect(_One(self, self.name)).addErrback(self.failed, self.name)

    def build(self, name):
        protocol = Fuzzer(name, self.known[name], self.limit)
        protocol.factory = self
        return protocol

    def failed(self, failure, name):
        self.ended({"id": name, "behavior": "FAILED", "behaviorClose": "FAILED", "result": failure.getErrorMessage(),
                    "resultClose": "no connection", "seconds": 0})

    def ended(self, result):
        print(json.dumps(result), flush=True)
        self.running -= 1
        self.next()


class _One:
    """An endpoint's factory of the one connection of a case."""

    noisy = False

    def __init__(self, run, name):
        self.run, self.name = run, name

    def doStart(self):
        pass

    def doStop(self):
        pass

    def buildProtocol(self, _):
        return self.run.build(self.name)


if __name__ == "__main__":
    Run(**json.loads(sys.argv[1]))
    reactor.run()

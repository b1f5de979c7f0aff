# rtbridge: a strict WebSocket server that sends back each message, with the `autobahn` package.
# SPDX-License-Identifier: Apache-2.0
"""Usage: autobahn_echo.py [CERTIFICATE KEY]. Prints `READY <port>`. It takes every parameter of permessage-deflate."""

import sys

from autobahn.twisted.websocket import WebSocketServerFactory, WebSocketServerProtocol
from autobahn.websocket.compress import PerMessageDeflateOffer, PerMessageDeflateOfferAccept
from twisted.internet import reactor, ssl


class Echo(WebSocketServerProtocol):
    def onMessage(self, payload, isBinary):
        self.sendMessage(payload, isBinary)


def accept(offers):
    return next((PerMessageDeflateOfferAccept(offer) for offer in offers if isinstance(offer, PerMessageDeflateOffer)), None)


factory = WebSocketServerFactory()
factory.protocol = Echo
# Sends a close frame where it could just drop the connection, as the testsuite's own echo server does.
factory.setProtocolOptions(failByDrop=False, perMessageCompressionAccept=accept, closeHandshakeTimeout=2, tcpNoDelay=True)
if len(sys.argv) > 2:
    context = ssl.DefaultOpenSSLContextFactory(sys.argv[2], sys.argv[1])
    listening = reactor.listenSSL(0, factory, context, interface="127.0.0.1")
else:
    listening = reactor.listenTCP(0, factory, interface="127.0.0.1")
print(f"READY {listening.getHost().port}", flush=True)
reactor.run()

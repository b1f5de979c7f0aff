# rtbridge: the proxies that are compared; a file each.
# SPDX-License-Identifier: Apache-2.0
from suite.proxies.bridge import Bridge
from suite.proxies.envoy import Envoy
from suite.proxies.haproxy import HAProxy
from suite.proxies.nghttpx import Nghttpx
from suite.proxies.nginx import Nginx
from suite.proxies.websockify import Websockify

PEERS = {peer.name: peer for peer in (Envoy, Nginx, HAProxy, Nghttpx, Websockify)}

__all__ = ["Bridge", "PEERS"]

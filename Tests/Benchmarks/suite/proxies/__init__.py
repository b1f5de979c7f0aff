# rtbridge: the proxies that are compared; a file each.
# SPDX-License-Identifier: Apache-2.0
from suite.proxies.bridge import Bridge, Shape
from suite.proxies.envoy import Envoy
from suite.proxies.floor import Floor, FloorTCP
from suite.proxies.haproxy import HAProxy
from suite.proxies.nghttpx import Nghttpx
from suite.proxies.nginx import IdleNginx, Nginx
from suite.proxies.websockify import Websockify

PEERS = {peer.name: peer for peer in (Envoy, Nginx, HAProxy, Nghttpx, Websockify, Floor, FloorTCP)}

__all__ = ["Bridge", "Floor", "IdleNginx", "PEERS", "Shape"]

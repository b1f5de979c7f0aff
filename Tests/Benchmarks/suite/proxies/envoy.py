# rtbridge: Envoy, in a benchmark.
# SPDX-License-Identifier: Apache-2.0
import json

from suite.proxies.proxy import Proxy
from suite.servers import free_port

_TYPES = "type.googleapis.com/envoy.extensions"


def _typed(type_name, **fields):
    return {"@type": f"{_TYPES}.{type_name}", **fields}


class Envoy(Proxy):
    """One worker, the gRPC-Web filter, no access log, no request identifiers."""

    name = "envoy"
    command = "envoy"
    doors = ("clear", "http1", "tls")

    def start(self):
        self.ports = {"clear": free_port(), "tls": free_port()}
        config = self.write("config.json", json.dumps({"static_resources": {
            "listeners": [self._listener("clear"), self._listener("tls", transport_socket=self._tls())],
            "clusters": [self._grpc(), self._cluster("web", self.setting.backend.http)],
        }}))
        self.ports["http1"] = self.ports["clear"]
        return self.run(self.path(), "-c", config, "--concurrency", 1, "--disable-hot-restart", "--log-level", "error")

    def _listener(self, door, **more):
        address = {"socket_address": {"address": "127.0.0.1", "port_value": self.ports[door]}}
        filters = [("envoy.filters.http.grpc_web", _typed("filters.http.grpc_web.v3.GrpcWeb")),
                   ("envoy.filters.http.router", _typed("filters.http.router.v3.Router", suppress_envoy_headers=True))]
        manager = _typed(
            "filters.network.http_connection_manager.v3.HttpConnectionManager",
            stat_prefix=door, codec_type="AUTO", generate_request_id=False,
            http2_protocol_options={"max_concurrent_streams": 2000},
            http_filters=[{"name": name, "typed_config": config} for name, config in filters],
            route_config={"virtual_hosts": [{
                "name": "all", "domains": ["*"],
                "routes": [{"match": {"prefix": prefix}, "route": {"cluster": cluster, "timeout": "0s"}}
                           for prefix, cluster in (("/http/", "web"), ("/", "grpc"))]}]})
        chain = {"filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}], **more}
        return {"name": door, "address": address, "filter_chains": [chain]}

    def _tls(self):
        certificates = self.setting.certificates
        return {"name": "envoy.transport_sockets.tls", "typed_config": _typed(
            "transport_sockets.tls.v3.DownstreamTlsContext",
            common_tls_context={
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificates": [{"certificate_chain": {"filename": certificates.certificate},
                                      "private_key": {"filename": certificates.key}}]})}

    def _grpc(self):
        options = _typed("upstreams.http.v3.HttpProtocolOptions", explicit_http_config={
            # As many as the back-end takes: before Envoy has read its SETTINGS it would send more, and they are refused.
            "http2_protocol_options": {"max_concurrent_streams": 1000}})
        return self._cluster("grpc", self.setting.backend.grpc, typed_extension_protocol_options={
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": options})

    @staticmethod
    def _cluster(name, port, **more):
        address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
        return {
            "name": name, "type": "STATIC",
            "circuit_breakers": {"thresholds": [{name: 100000 for name in (
                "max_connections", "max_pending_requests", "max_requests")}]},
            "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [{"endpoint": {"address": address}}]}]},
            **more}

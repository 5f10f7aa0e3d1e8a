"""Envoy as the end of TLS: the wheels of PostgreSQL and Valkey are built without it."""

import json
from collections.abc import Sequence
from typing import Any

from deploy.servers.places import CERTIFICATE, KEY, SETTINGS, package_folder

_ANY = "0.0.0.0"  # a pod's own network
_TYPE = "type.googleapis.com/envoy.extensions"


def prepare(port: int, socket: str, alpn: Sequence[str]) -> list[str]:
    """Write Envoy's settings; how to run it. ``alpn`` is what a client that begins with TLS asks for."""
    settings = SETTINGS / "envoy.json"
    settings.write_text(json.dumps(configuration(port, socket, alpn)))
    return [
        *(str(package_folder("envoy") / "_bin/envoy"), "--config-path", str(settings)),
        *("--concurrency", "1", "--disable-hot-restart", "--log-level", "error"),
    ]


def configuration(port: int, socket: str, alpn: Sequence[str]) -> dict[str, Any]:
    """One listener, one Unix socket behind it."""
    certificate = {"certificate_chain": {"filename": str(CERTIFICATE)}, "private_key": {"filename": str(KEY)}}
    context = {
        "@type": f"{_TYPE}.transport_sockets.tls.v3.DownstreamTlsContext",
        "common_tls_context": {"tls_certificates": [certificate], "alpn_protocols": list(alpn)},
    }
    proxy = {
        "@type": f"{_TYPE}.filters.network.tcp_proxy.v3.TcpProxy",
        "stat_prefix": "server",
        "cluster": "server",
        "idle_timeout": "0s",  # an idle connection of a pool is no mistake
    }
    listener = {
        "name": "tls",
        "address": {"socket_address": {"address": _ANY, "port_value": port}},
        "filter_chains": [
            {
                "transport_socket": {"name": "tls", "typed_config": context},
                "filters": [{"name": "tcp", "typed_config": proxy}],
            }
        ],
    }
    endpoint = {"endpoint": {"address": {"pipe": {"path": socket}}}}
    cluster = {
        "name": "server",
        "type": "STATIC",
        "connect_timeout": "2s",
        "load_assignment": {"cluster_name": "server", "endpoints": [{"lb_endpoints": [endpoint]}]},
        "circuit_breakers": {"thresholds": [{"max_connections": 4096, "max_pending_requests": 4096}]},
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}

"""Envoy in front of eight services on one machine: routes by prefix, as the mesh's ingress does.

No retries here: only the mesh knows which routes may be repeated, and clients repeat by key.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shop.embedded import package_folder

_TYPE = "type.googleapis.com/envoy.extensions"
_CONNECT = "1s"  # loopback: a refused connection is known at once
_ROUTE = "15s"  # longer than any answer a service gives; beyond it the client gets 504
_IDLE = "60s"  # shorter than gunicorn's keep-alive, so that Envoy never writes into a closing connection
_PROBLEM = "https://shop.example/problems/"
_SLUGS = {404: "not-found", 503: "unavailable", 504: "unavailable"}
_HOME = "/product/"  # a split has no start page


def envoy_command(config: Path) -> list[str]:
    """How to run Envoy from its PyPI package on ``config``."""
    return [
        *(str(package_folder("envoy") / "_bin/envoy"), "--config-path", str(config)),
        *("--concurrency", "1"),  # one thread forwards more than eight services on a laptop can answer
        *("--disable-hot-restart", "--log-level", "error"),
    ]


def render(*, host: str, port: int, services: Mapping[str, str]) -> str:
    """Envoy's configuration for role -> base address, as JSON, which it reads as YAML."""
    return json.dumps(
        {
            "static_resources": {
                "listeners": [_listener(host, port, list(services))],
                "clusters": [_cluster(role, address) for role, address in services.items()],
            }
        },
        indent=1,
    )


def _listener(host: str, port: int, roles: list[str]) -> dict[str, Any]:
    manager = {
        "@type": f"{_TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "shop",
        "use_remote_address": True,
        "server_header_transformation": "PASS_THROUGH",
        # One spelling of a path before routes are compared, or /order/%69nternal would pass as something else.
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "UNESCAPE_AND_FORWARD",
        "local_reply_config": {"mappers": [_problem(404), _problem(503), _problem(504)]},
        "http_filters": [{"name": "router", "typed_config": {"@type": f"{_TYPE}.filters.http.router.v3.Router"}}],
        "route_config": {"virtual_hosts": [{"name": "shop", "domains": ["*"], "routes": _routes(roles)}]},
    }
    return {
        "name": "shop",
        "address": _address(host, port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }


def _routes(roles: list[str]) -> list[dict[str, Any]]:
    """The first that matches counts; what matches none is 404."""
    routes: list[dict[str, Any]] = [
        _redirect({"path": "/"}, _HOME),
        _redirect({"path_separated_prefix": "/admin"}, "/user/admin/"),
    ]
    for role in roles:
        routes.append(_not_found({"path_separated_prefix": f"/{role}/internal"}))
        routes.append(
            {
                "match": {"path_separated_prefix": f"/{role}"},  # /order and /order/…, not /orders
                "route": {"cluster": role, "timeout": _ROUTE, "retry_policy": {"num_retries": 0}},
            }
        )
    return [*routes, _not_found({"prefix": "/"})]


def _redirect(match: Mapping[str, str], path: str) -> dict[str, Any]:
    return {"match": match, "redirect": {"path_redirect": path, "response_code": "FOUND"}}


def _not_found(match: Mapping[str, str]) -> dict[str, Any]:
    return {"match": match, "direct_response": {"status": 404}}


def _problem(status: int) -> dict[str, Any]:
    """An answer of Envoy's own, in the form all others have."""
    slug = _SLUGS[status]
    body = {"type": f"{_PROBLEM}{slug}", "title": slug.replace("-", " ").capitalize(), "status": status}
    equal = {"op": "EQ", "value": {"default_value": status, "runtime_key": f"problem_{status}"}}
    return {
        "filter": {"status_code_filter": {"comparison": equal}},
        "body_format_override": {"json_format": body, "content_type": "application/problem+json"},
    }


def _cluster(role: str, address: str) -> dict[str, Any]:
    parts = urlsplit(address)
    protocol = {
        "@type": f"{_TYPE}.upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": {"idle_timeout": _IDLE},
        "explicit_http_config": {"http_protocol_options": {}},
    }
    endpoint = {"endpoint": {"address": _address(parts.hostname or "", parts.port or 80)}}
    return {
        "name": role,
        "type": "STATIC",
        "connect_timeout": _CONNECT,
        "typed_extension_protocol_options": {"envoy.extensions.upstreams.http.v3.HttpProtocolOptions": protocol},
        "load_assignment": {"cluster_name": role, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _address(host: str, port: int) -> dict[str, Any]:
    return {"socket_address": {"address": host, "port_value": port}}

"""Reading what a stranger's address names, without letting it reach into the network the shop runs in.

The address that is connected to is the one that was checked: a name is resolved once, here, so that it
cannot answer differently the second time. Redirects are followed by hand, each under the same checks.
"""

import ipaddress
import socket
import time
from typing import Any
from urllib.parse import urljoin, urlsplit

import urllib3

from shop.env import env

_TOTAL_S = 15.0  # of one file
_STEP_S = 5.0  # of one connection, or one read
_REDIRECTS = 3
_CHUNK = 64 * 1024
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # IPv4 in disguise, RFC 6052


class Unreachable(Exception):
    """The file could not be read; the text says why, in words for staff."""


def read(address: str, *, most_bytes: int) -> bytes:
    """The bytes at an http or https address. Raises Unreachable."""
    end = time.monotonic() + _TOTAL_S
    for _ in range(_REDIRECTS + 1):
        try:
            found = _once(address, most_bytes, end)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as exc:
            raise Unreachable(f"no answer ({exc.__class__.__name__})") from exc
        if isinstance(found, bytes):
            return found
        address = urljoin(address, found)
    raise Unreachable("redirected too often")


def _once(address: str, most_bytes: int, end: float) -> bytes | str:
    """The body, or where the answer points to."""
    parts = urlsplit(address)
    if parts.scheme not in _CONNECTIONS or not parts.hostname:
        raise Unreachable("not an http or https address")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    pool_of, port = _CONNECTIONS[parts.scheme]
    # Always with a port: without one http.client takes the end of an IPv6 address for it.
    with pool_of(parts.hostname, parts.port or port, timeout=urllib3.Timeout(_STEP_S)) as pool:
        answer = pool.urlopen(
            "GET",
            target,
            headers={"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "shop"},
            redirect=False,
            retries=False,
            preload_content=False,
            decode_content=False,
        )
        if answer.status in {301, 302, 303, 307, 308}:
            return str(answer.headers.get("Location", ""))
        if answer.status != 200:
            raise Unreachable(f"answered {answer.status}")
        return _body(answer, most_bytes, end)


def _body(answer: urllib3.BaseHTTPResponse, most_bytes: int, end: float) -> bytes:
    body = bytearray()
    while chunk := answer.read(_CHUNK):
        body += chunk
        if len(body) > most_bytes:
            raise Unreachable(f"more than {most_bytes // 1024**2} MB")
        if time.monotonic() > end:
            raise Unreachable(f"took more than {_TOTAL_S:.0f} s")
    return bytes(body)


def _connect(host: str, port: int) -> socket.socket:
    """A connection to the first public address of ``host``. Raises Unreachable, OSError."""
    for *_, sockaddr in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        if env.fetch_private or is_public(str(sockaddr[0])):
            return socket.create_connection((str(sockaddr[0]), port), timeout=_STEP_S)
    raise Unreachable("its address is not a public one")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the internet at large."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address) and (ip.ipv4_mapped or ip.sixtofour or ip.teredo or ip in _TRANSLATED):
        return False
    return ip.is_global and not ip.is_multicast


class _Plain(urllib3.connection.HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self.host, self.port)


class _Encrypted(urllib3.connection.HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _connect(self.host, self.port)


class _PlainPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Plain


class _EncryptedPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _Encrypted


_CONNECTIONS: dict[str, Any] = {"http": (_PlainPool, 80), "https": (_EncryptedPool, 443)}

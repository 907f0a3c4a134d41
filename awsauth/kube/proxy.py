"""The proxy that leads to an API server: the one that kubectl would use.

Source of the rules: ``golang.org/x/net/http/httpproxy``. The releases of the kubernetes client, and Python, differ from it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

_PORTS: Final = {"http": 80, "https": 443}


def proxy_for(address: str) -> str | None:
    """Return the proxy that the environment names for an address; None for none.

    It is ``HTTPS_PROXY`` or ``HTTP_PROXY`` by the address, unless ``NO_PROXY`` excepts that; all in lower case, too. To
    this machine there never is one.
    """
    try:
        parts = urlsplit(address)
        host, port = (parts.hostname or "").rstrip("."), parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return None  # whoever connects says what is wrong with it
    proxy = _variable(f"{parts.scheme}_proxy")
    if not proxy or not host or _is_direct(host, port):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _variable(name: str) -> str:
    return os.environ.get(name.upper()) or os.environ.get(name, "")


def _is_direct(host: str, port: int) -> bool:
    ip = _ip(host)
    if host == "localhost" or (ip is not None and ip.is_loopback):
        return True
    excepted = (entry.strip().lower() for entry in _variable("no_proxy").split(","))
    return any(_excepts(entry, host, ip, port) for entry in excepted if entry)


def _excepts(entry: str, host: str, ip: IPv4Address | IPv6Address | None, port: int) -> bool:
    """Whether an entry of ``NO_PROXY`` is about a host: ``*``, an address or network, or a domain; maybe with a port."""
    if entry == "*":
        return True
    if "/" in entry:
        return ip is not None and _is_in(ip, entry)
    name, colon, wanted = entry.rpartition(":")
    if colon and wanted.isdigit() and (name.endswith("]") or ":" not in name):
        if int(wanted) != port:
            return False
        entry = name
    entry = entry.strip("[]")
    if ip is not None:
        return _ip(entry) == ip
    domain = entry.removeprefix("*")
    return host.endswith(domain) if domain.startswith(".") else host == domain or host.endswith(f".{domain}")


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    from ipaddress import ip_address

    try:
        return ip_address(text)
    except ValueError:
        return None


def _is_in(ip: IPv4Address | IPv6Address, network: str) -> bool:
    from ipaddress import ip_network

    try:
        return ip in ip_network(network, strict=False)
    except ValueError:
        return False

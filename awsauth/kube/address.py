"""The proxy that leads to an API server: the one that kubectl would use.

Source of the rules: ``golang.org/x/net/http/httpproxy``. The releases of the kubernetes client, and Python, differ from it.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from awsauth.kube.request import has_stray_at, without_userinfo

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

    _Address = IPv4Address | IPv6Address


_PORTS: Final = {"http": "80", "https": "443"}


def proxy_for(address: str) -> str | None:
    """Return the proxy that the environment names for an address; None for none.

    It is ``HTTPS_PROXY`` or ``HTTP_PROXY`` by the address, unless ``NO_PROXY`` excepts that; all in lower case, too. To
    this machine there never is one.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", str(parts.port or _PORTS.get(parts.scheme, ""))
    except ValueError:
        return None  # whoever connects says what is wrong with it
    proxy = _variable(f"{parts.scheme}_proxy")
    if not proxy or not host or is_here(host) or _is_excepted(host, port):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def is_here(host: str) -> bool:
    """Whether a host is this machine, by its name or address."""
    ip = _ip(host)
    return host == "localhost" or (ip is not None and ip.is_loopback)


def _variable(name: str) -> str:
    return os.environ.get(name.upper()) or os.environ.get(name, "")


def _is_excepted(host: str, port: str) -> bool:
    ip = _ip(host)
    entries = (entry.strip().lower() for entry in _variable("no_proxy").split(","))
    return any(_excepts(entry, host, ip, port) for entry in entries if entry)


def _excepts(entry: str, host: str, ip: _Address | None, port: str) -> bool:
    """Whether an entry of ``NO_PROXY`` is about a host: ``*``, a network, an address or a domain, those with a port."""
    if entry == "*":
        return True
    if (network := _network(entry)) is not None:
        return ip is not None and ip in network
    name, wanted = _with_port(entry)
    if wanted not in ("", port) or not name:
        return False
    if (address := _ip(name)) is not None:
        return address == ip
    domain = name[1:] if name.startswith("*.") else name
    return host.endswith(domain) if domain.startswith(".") else host == domain or host.endswith(f".{domain}")


def _with_port(entry: str) -> tuple[str, str]:
    """Return a name and a port, of which either may be empty; brackets around an address only count with a port."""
    if entry.startswith("["):
        name, bracket, port = entry[1:].partition("]:")
        return (name, port) if bracket else (entry, "")
    name, _, port = entry.partition(":")
    return (entry, "") if ":" in port else (name, port)


def _ip(text: str) -> _Address | None:
    from ipaddress import ip_address

    try:
        ip = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def _network(text: str) -> IPv4Network | IPv6Network | None:
    from ipaddress import ip_network

    try:
        return ip_network(text, strict=False) if text.rpartition("/")[2].isdecimal() and "/" in text else None
    except ValueError:
        return None


_ADDRESS: Final = re.compile(r"https?://[^\s\\?#]+")


def address_problem(address: Any, *, has_credentials: bool, is_proxied: bool = False) -> tuple[str, str] | None:
    """Return why nothing is sent to an address, and what to do about it; None where nothing is wrong.

    Neither shows anything of the address, which may hold a password.

    Args:
        address: The address.
        has_credentials: Whether requests to it say who is asking.
        is_proxied: Whether a proxy is named for it, which a request goes to even if the address is this machine's.

    Returns:
        What the address belongs to, such as "a cluster whose address is none", to end a sentence; and the cure.
    """
    if not isinstance(address, str):
        return "no cluster with an address", ""
    host = _host(address)
    if host is None:
        # What comes of it differs from client to client: the token could go elsewhere, or where everybody reads it.
        message = (
            "it begins neither with https:// nor with http:// and a host, or has a `?`, `#`, backslash or blank in it, "
            "a port that is no number, or an `@` behind the host"
        )
        hint = "Write https:// and the host, and a port and a path if any; an `@` in a path, or a `/` in a password, as %40 or %2F."
        return f"a cluster whose address is none: {message}", hint
    if has_credentials and address.startswith("http:") and (is_proxied or not is_here(host)):
        return (
            "a cluster whose address begins with http://: the credentials would go over the network for all to read",
            "Write it with https://.",
        )
    return None


def _host(address: str) -> str | None:
    """Return the host of an address; None for what is no address."""
    if not _ADDRESS.fullmatch(address) or has_stray_at(address):
        return None
    try:
        parts = urlsplit(without_userinfo(address))
        # A port that is none is told only where it is asked for.
        host, _port = parts.hostname, parts.port
    except ValueError:
        return None
    return host

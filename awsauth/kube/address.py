"""The address of an API server, and the proxy on the way to it.

``golang.org/x/net/http/httpproxy`` is the source of the proxy rules, as for kubectl. The kubernetes client and Python
have other rules.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_PORTS: Final = {"http": "80", "https": "443"}


def proxy_for(address: str) -> str | None:
    """Return the proxy that the environment names for an address, or None.

    ``HTTPS_PROXY`` or ``HTTP_PROXY`` applies, depending on the address, unless ``NO_PROXY`` excepts the host. The names
    may be in lower case. Requests to this machine never go through a proxy.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", str(parts.port or _PORTS.get(parts.scheme, ""))
    except ValueError:
        return None  # the connection reports the malformed address
    proxy = _variable(f"{parts.scheme}_proxy")
    entries = (entry.strip().lower() for entry in _variable("no_proxy").split(","))
    if not proxy or not host or _is_loopback(host) or any(_excepts(entry, host, port) for entry in entries if entry):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _variable(name: str) -> str:
    return os.environ.get(name.upper()) or os.environ.get(name, "")


def _is_loopback(host: str) -> bool:
    ip = _ip(host)
    return host == "localhost" or (ip is not None and ip.is_loopback)


def _excepts(entry: str, host: str, port: str) -> bool:
    """Whether an entry of ``NO_PROXY`` covers a host.

    An entry is ``*``, a network, or an address or domain with or without a port.
    """
    if entry == "*":
        return True
    ip = _ip(host)
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
    """Split an entry into name and port.

    Brackets around an address only count before a port.
    """
    if entry.startswith("["):
        name, bracket, port = entry[1:].partition("]:")
        return (name, port) if bracket else (entry, "")
    name, _, port = entry.partition(":")
    return (entry, "") if ":" in port else (name, port)


def _ip(text: str) -> IPv4Address | IPv6Address | None:
    from ipaddress import ip_address

    with suppress(ValueError):
        ip = ip_address(text.partition("%")[0])
        return getattr(ip, "ipv4_mapped", None) or ip
    return None


def _network(text: str) -> IPv4Network | IPv6Network | None:
    from ipaddress import ip_network

    with suppress(ValueError):
        return ip_network(text, strict=False) if text.rpartition("/")[2].isdecimal() and "/" in text else None
    return None


def without_userinfo(address: str) -> str:
    """Return an address without the user and password in it."""
    return re.sub(r"//[^/?#]*@", "//", address, count=1)


def has_stray_at(address: str) -> bool:
    """Whether an address has an ``@`` behind its host.

    A slash in a password causes that: the part before the slash then counts as the host, and errors would show it.
    """
    return "@" in without_userinfo(address)


def address_problem(address: Any, *, has_credentials: bool, is_proxied: bool = False) -> tuple[str, str] | None:
    """Return why requests must not go to an address, with a hint; None if they may.

    Neither text shows any part of the address, which may hold a password.

    Args:
        address: The address.
        has_credentials: Whether requests carry credentials.
        is_proxied: Whether a proxy is named for the address; a request then leaves this machine even for ``localhost``.

    Returns:
        The cluster at the address, such as "a cluster without an address", to end a sentence; and the hint.
    """
    if not isinstance(address, str):
        return "no cluster with an address", "Correct the context, or add its cluster with a `server`."
    if not (host := _host(address)):
        # Clients read such an address differently: the token could go to another host, or be readable on the way.
        hint = "Write https:// and a host, then a port and a path if needed, without ?, # or blanks. Write @ as %40, and / in a password as %2F."
        return "a cluster with a malformed address", hint
    if has_credentials and address.startswith("http:") and (is_proxied or not _is_loopback(host)):
        problem = "a cluster whose address begins with http://: anyone on the network could read the credentials"
        return problem, "Write the address with https://."
    return None


def _host(address: str) -> str | None:
    """Return the host of an address; None if the address is malformed."""
    if not re.fullmatch(r"https?://[^\s\\?#]+", address) or has_stray_at(address):
        return None
    with suppress(ValueError):
        parts = urlsplit(without_userinfo(address))
        _ = parts.port  # raises if it is not a number
        return parts.hostname
    return None

"""Addresses of API servers: which of them nothing is sent to."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import urlsplit

from awsauth.kube.proxy import is_here
from awsauth.kube.request import has_stray_at, without_userinfo

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
        what = (
            "it begins neither with https:// nor with http:// and a host, or has a `?`, `#`, backslash or blank in it, "
            "a port that is no number, or an `@` behind the host"
        )
        cure = "Write https:// and the host, and a port and a path if any; an `@` in a path, or a `/` in a password, as %40 or %2F."
        return f"a cluster whose address is none: {what}", cure
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

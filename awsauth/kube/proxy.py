"""The proxy that leads to an API server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from kubernetes.client import Configuration


def use_proxy(configuration: Configuration, named: Any = None) -> None:
    """Have the proxy that kubectl would use: the cluster's own, or else that of the environment.

    The releases of the client differ in this. Like Go, and unlike them, it does without a proxy on this machine.

    Args:
        configuration: Which has the address already.
        named: The cluster's ``proxy-url``, if any.
    """
    from urllib.request import getproxies_environment

    parts = urlsplit(configuration.host)
    host = parts.hostname or ""
    is_here = host in {"localhost", "::1"} or host.startswith("127.")
    environment = {} if is_here else getproxies_environment()
    configuration.proxy = named or environment.get(parts.scheme)
    configuration.no_proxy = None if named else environment.get("no")

"""An API server as almost all kubeconfigs describe it, over urllib3 alone."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Final

from awsauth.errors import KubeconfigError
from awsauth.kube import tls

if TYPE_CHECKING:
    from collections.abc import Mapping

    import urllib3

    from awsauth.kube.credentials import CurrentToken

_TEXT_FIELDS: Final = frozenset(
    ("server", "certificate-authority", "certificate-authority-data", "tls-server-name", "proxy-url", "token")
) | {f"{name}{data}" for name in ("client-certificate", "client-key") for data in ("", "-data")}
"""Fields of a cluster or a user that hold text."""
_FOR_THE_CLIENT: Final = ("username", "password", "auth-provider")
"""Fields of a user that the kubernetes client knows what to do with."""
_CONNECTIONS: Final = 8
"""How many connections are kept for threads that send at the same time; more of them are made, and not kept."""


class KubeServer:
    """An `ApiServer` as a kubeconfig describes it.

    Certificates that are named by their files are read again when these have changed. A child process that was forked has
    connections of its own.

    Args:
        cluster: The cluster, as in a kubeconfig.
        user: The user, likewise, with its credentials in place of a program or file that they come from.
        token: What gives the user's token, where it is renewed.
        proxy: The proxy, if any.

    Raises:
        KubeconfigError: a certificate, a key or the proxy cannot be used.
    """

    def __init__(
        self, cluster: Mapping[str, Any], user: Mapping[str, Any], token: CurrentToken | None, proxy: str | None
    ) -> None:
        self.address: Final = str(cluster["server"])
        self.verifies: Final = not cluster.get("insecure-skip-tls-verify")
        self.headers: Final[Mapping[str, str]] = {}
        self._cluster = cluster
        self._user = user
        self._token = token
        self._proxy = proxy
        self._lock = threading.Lock()
        self._stamp = tls.stamp(cluster, user)
        self._pool = self._connections()
        self._process = os.getpid()

    @property
    def pool(self) -> urllib3.PoolManager:
        """The connections.

        Raises:
            KubeconfigError: a certificate or key was renewed, and cannot be used.
        """
        with self._lock:
            if self._process != os.getpid():
                self._pool, self._process = self._connections(), os.getpid()
            # Others in place of those that there are: what encrypts a connection must not change under it.
            if (stamp := tls.stamp(self._cluster, self._user)) != self._stamp:
                self._pool, replaced = self._connections(), self._pool
                self._stamp = stamp
                replaced.clear()
            return self._pool

    def credentials(self) -> Mapping[str, str]:
        """Return the header with the token, if there is one.

        Raises:
            AwsAuthError: a token cannot be had.
        """
        token = self._token.value() if self._token else self._user.get("token")
        return {"authorization": f"Bearer {token}"} if token else {}

    def expire(self) -> None:
        """Have the token renewed that was refused, where it can be."""
        if self._token:
            self._token.expire()

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            self._pool.clear()

    def _connections(self) -> urllib3.PoolManager:
        from urllib3 import PoolManager

        options: dict[str, Any] = {"maxsize": _CONNECTIONS}
        if self.address.startswith("https:"):
            options["ssl_context"] = tls.context(self._cluster, self._user)
            options["server_hostname"] = self._cluster.get("tls-server-name") or None
        return self._through(self._proxy, options) if self._proxy else PoolManager(**options)

    def _through(self, proxy: str, options: dict[str, Any]) -> urllib3.PoolManager:
        from urllib3 import ProxyManager
        from urllib3.exceptions import HTTPError

        if proxy.lower().startswith("https:"):
            options["proxy_ssl_context"] = tls.context(self._cluster, {})
        try:
            return ProxyManager(proxy, proxy_headers=_authorization(proxy), **options)
        except HTTPError:
            pass  # what it says holds the address, and that may hold a password
        raise KubeconfigError(
            "The proxy cannot be used: that is no address of one. Nothing was sent.",
            hint="It is `proxy-url` in the kubeconfig, or else HTTPS_PROXY or HTTP_PROXY: write http:// and a host and port.",
        )


def is_enough(cluster: Mapping[str, Any], user: Mapping[str, Any], proxy: str | None) -> bool:
    """Whether what a kubeconfig says, and the proxy, can be used here; if not, the kubernetes client may know how."""
    values = [one[name] for one in (cluster, user) for name in _TEXT_FIELDS if name in one]
    is_known = all(isinstance(value, str) for value in values) and not any(name in user for name in _FOR_THE_CLIENT)
    return is_known and (not proxy or proxy.lower().startswith(("http://", "https://")))


def _authorization(proxy: str) -> dict[str, str] | None:
    """Return the header for the user and password in a proxy's address, which are percent-encoded there."""
    from base64 import b64encode
    from urllib.parse import unquote_to_bytes

    from urllib3.util import parse_url

    user, _, password = (parse_url(proxy).auth or "").partition(":")
    if not user:
        return None
    both = unquote_to_bytes(user) + b":" + unquote_to_bytes(password)
    return {"proxy-authorization": f"Basic {b64encode(both).decode('ascii')}"}

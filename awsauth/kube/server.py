"""An API server as almost all kubeconfigs describe it, over urllib3; its tokens."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from awsauth.core.text.display import visible
from awsauth.errors import KubeconfigError
from awsauth.kube import tls
from awsauth.system.read_limits import read_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    import urllib3


# Fields of a cluster or a user that hold text.
_TEXT_FIELDS: Final = frozenset(
    ("server", "certificate-authority", "certificate-authority-data", "tls-server-name", "proxy-url", "token")
) | {f"{name}{data}" for name in ("client-certificate", "client-key") for data in ("", "-data")}
# Fields of a user that only the kubernetes client supports.
_FOR_THE_CLIENT: Final = ("username", "password", "auth-provider")
# Connections that are kept for threads that send at the same time. Further ones are closed after use.
_CONNECTIONS: Final = 8


class BearerToken(Protocol):
    """A token."""

    @property
    def value(self) -> str:
        """The token itself."""


class BearerTokens(Protocol):
    """A source of tokens. Safe to use from several threads."""

    def token(self, *, renew: bool = False) -> BearerToken:
        """Return a token that is valid for a while: a cached one, or a new one."""


class TokenFile:
    """The token in a file that another program renews (``tokenFile`` in a kubeconfig).

    Args:
        path: The file.
        otherwise: The token to use while the file has none; empty to raise an error then.
    """

    def __init__(self, path: str, otherwise: str = "") -> None:
        self._path = Path(path)
        self._otherwise = otherwise

    @property
    def value(self) -> str:
        """The token that is in the file now.

        Raises:
            KubeconfigError: the file has no token.
        """
        cause: Exception | None = None
        try:
            text = read_file(self._path).decode().strip() or self._otherwise
        except (OSError, ValueError) as error:
            text, cause = self._otherwise, error
        if text:
            return text
        message = f"The token file of the kubeconfig {'cannot be read' if cause else 'is empty'}."
        hint = "Check that the file exists, and that the program that renews it is running."
        raise KubeconfigError(message, location=visible(str(self._path)), hint=hint) from cause

    def token(self, *, renew: bool = False) -> TokenFile:  # noqa: ARG002 - the file is read every time
        """Return the token that is in the file."""
        return self


class KubeServer:
    """An API server and the caller's credentials, as a kubeconfig describes them.

    Safe to use from several threads. Certificate files are read again when they have changed. A forked child process has
    connections of its own.

    Args:
        cluster: The cluster, as in a kubeconfig.
        user: The user, as in a kubeconfig; credentials from an exec plugin or a token file are already in it.
        tokens: The source of the user's tokens, if they are renewed.
        proxy: The proxy, or None.

    Raises:
        KubeconfigError: a certificate, a key or the proxy cannot be used.
    """

    def __init__(
        self, cluster: Mapping[str, Any], user: Mapping[str, Any], tokens: BearerTokens | None, proxy: str | None
    ) -> None:
        self.address: Final = str(cluster["server"])
        self.verifies: Final = not cluster.get("insecure-skip-tls-verify")
        self.headers: Final[Mapping[str, str]] = {}
        self._cluster = cluster
        self._user = user
        self._tokens = tokens
        self._proxy = proxy
        self._lock = threading.Lock()
        self._stamp = (os.getpid(), tls.stamp(cluster, user))
        self._pool = self._connections()

    @property
    def pool(self) -> urllib3.PoolManager:
        """The connections.

        Raises:
            KubeconfigError: a renewed certificate or key cannot be used.
        """
        with self._lock:
            stamp = (os.getpid(), tls.stamp(self._cluster, self._user))
            if stamp != self._stamp:
                # New connections instead of changed ones: the TLS context of an open connection must not change.
                self._pool, replaced = self._connections(), self._pool
                if stamp[0] == self._stamp[0]:
                    replaced.clear()
                self._stamp = stamp
            return self._pool

    def credentials(self, *, renew: bool = False) -> Mapping[str, str]:
        """Return the header with a token, if any.

        Args:
            renew: Whether the server has refused the previous token, so that a new one is needed.

        Raises:
            AwsAuthError: the token cannot be obtained.
        """
        token = self._tokens.token(renew=renew).value if self._tokens else self._user.get("token")
        return {"authorization": f"Bearer {token}"} if token else {}

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            self._pool.clear()

    def _connections(self) -> urllib3.PoolManager:
        from urllib3 import PoolManager, ProxyManager
        from urllib3.exceptions import HTTPError

        options: dict[str, Any] = {"maxsize": _CONNECTIONS}
        if self.address.startswith("https:"):
            options["ssl_context"] = tls.context(self._cluster, self._user)
            options["server_hostname"] = self._cluster.get("tls-server-name") or None
        if not self._proxy:
            return PoolManager(**options)
        if self._proxy.lower().startswith("https:"):
            options["proxy_ssl_context"] = tls.context(self._cluster, {})
        try:
            return ProxyManager(self._proxy, proxy_headers=_authorization(self._proxy), **options)
        except HTTPError:
            pass  # its text holds the address, which may hold a password
        hint = "Correct `proxy-url` in the kubeconfig, or else HTTPS_PROXY or HTTP_PROXY: write http://, a host and a port."
        raise KubeconfigError("The proxy cannot be used because its address is malformed.", hint=hint)


def can_serve_kubeconfig(cluster: Mapping[str, Any], user: Mapping[str, Any], proxy: str | None) -> bool:
    """Whether `KubeServer` supports a kubeconfig's cluster, user and proxy.

    The kubernetes client may support others.
    """
    values = [one[name] for one in (cluster, user) for name in _TEXT_FIELDS if name in one]
    is_known = all(isinstance(value, str) for value in values) and not any(name in user for name in _FOR_THE_CLIENT)
    return is_known and (not proxy or proxy.lower().startswith(("http://", "https://")))


def _authorization(proxy: str) -> dict[str, str] | None:
    """Return the header with the percent-encoded user and password of a proxy."""
    from urllib.parse import unquote

    from urllib3.util import make_headers, parse_url

    user, _, password = (parse_url(proxy).auth or "").partition(":")
    decoded = ":".join(unquote(part, "latin-1") for part in (user, password))
    return make_headers(proxy_basic_auth=decoded) if user else None

"""An API server as almost all kubeconfigs describe it, over urllib3; its tokens.

Go's ``crypto/x509`` (``AppendCertsFromPEM``, ``Verify``) is the source of the rules for TLS, as for kubectl.
"""

from __future__ import annotations

import os
import re
import threading
from base64 import b64decode
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from awsauth.core.text.display import visible
from awsauth.errors import KubeconfigError
from awsauth.system.read_limits import read_file

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

    import urllib3


# Fields of a cluster or a user that hold text.
_TEXT_FIELDS: Final = frozenset(
    ("server", "certificate-authority", "certificate-authority-data", "tls-server-name", "proxy-url", "token")
) | {f"{name}{data}" for name in ("client-certificate", "client-key") for data in ("", "-data")}
# Fields of a user that only the kubernetes client supports.
_FOR_THE_CLIENT: Final = ("username", "password", "auth-provider")
# Connections that are kept for threads that send at the same time. Further ones are closed after use.
_CONNECTIONS: Final = 8

_CA: Final = "certificate-authority"
_PAIR: Final = ("client-certificate", "client-key")
_CERTIFICATE: Final = re.compile(b"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


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
        self._stamp = (os.getpid(), _stamp(cluster, user))
        self._pool = self._connections()

    @property
    def pool(self) -> urllib3.PoolManager:
        """The connections.

        Raises:
            KubeconfigError: a renewed certificate or key cannot be used.
        """
        with self._lock:
            stamp = (os.getpid(), _stamp(self._cluster, self._user))
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
        from urllib3 import PoolManager, ProxyManager, exceptions

        options: dict[str, Any] = {"maxsize": _CONNECTIONS}
        if self.address.startswith("https:"):
            options["ssl_context"] = _tls_context(self._cluster, self._user)
            options["server_hostname"] = self._cluster.get("tls-server-name") or None
        if not self._proxy:
            return PoolManager(**options)
        if self._proxy.lower().startswith("https:"):
            options["proxy_ssl_context"] = _tls_context(self._cluster, {})
        try:
            return ProxyManager(self._proxy, proxy_headers=_authorization(self._proxy), **options)
        except exceptions.HTTPError:
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


def _tls_context(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    """Return the TLS context for connections to a cluster.

    It must not be changed while it is in use.

    Args:
        cluster: The cluster, as in a kubeconfig.
        user: The user, as in a kubeconfig; empty for connections to a proxy.

    Raises:
        KubeconfigError: a certificate or a key cannot be used.
    """
    import ssl

    from urllib3.util.ssl_ import create_urllib3_context

    verifies = not cluster.get("insecure-skip-tls-verify")
    made = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if verifies else ssl.CERT_NONE)
    # As in Go: any trusted certificate may end a chain, and certificates need no key identifiers.
    made.verify_flags = (made.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN) & ~ssl.VERIFY_X509_STRICT
    if verifies:
        _trust(made, cluster)
    if user.get(_PAIR[0]) or user.get(f"{_PAIR[0]}-data"):
        _show(made, user)
    return made


def _stamp(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> tuple[tuple[int, int, int] | None, ...]:
    """Return the state of the files that a cluster and a user name.

    It changes when a file is renewed.
    """
    named = [one.get(name) for one, name in ((cluster, _CA), *((user, name) for name in _PAIR))]
    return tuple([_file_state(file) for file in named if file])


def _file_state(file: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(file)  # noqa: PTH116 - for speed: once for every request
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _trust(made: ssl.SSLContext, cluster: Mapping[str, Any]) -> None:
    """Trust the cluster's own authority, or else those of this machine."""
    if not (name := next((name for name in (f"{_CA}-data", _CA) if cluster.get(name)), "")):
        made.load_default_certs()
        return
    with _using(name, cluster):
        pem = _decoded(cluster[name]) if name.endswith("-data") else read_file(cluster[name])
        # Broken certificates are skipped, as is the text between certificates.
        if not [block for block in _CERTIFICATE.findall(pem) if _is_added(made, block)]:
            raise ValueError("it holds no PEM certificate")


def _is_added(made: ssl.SSLContext, block: bytes) -> bool:
    with suppress(OSError, ValueError):
        made.load_verify_locations(cadata=block.decode("ascii"))
        return True
    return False


def _show(made: ssl.SSLContext, user: Mapping[str, Any]) -> None:
    """Present the user's certificate; OpenSSL reads it and its key from files only."""
    import tempfile

    with _using(" and ".join(_PAIR), user), tempfile.TemporaryDirectory() as folder:
        certificate, key = (_file(user, name, Path(folder)) for name in _PAIR)
        # Without a password, OpenSSL would ask at the terminal for the one of an encrypted key.
        made.load_cert_chain(certificate, key, password="")


def _file(user: Mapping[str, Any], name: str, folder: Path) -> str:
    data = user.get(f"{name}-data")
    with _using(f"{name}-data" if data else name, user):
        if not data and not user.get(name):
            raise ValueError("the kubeconfig has no key for the certificate")
        if not data:
            return str(user[name])
        file = folder / name
        file.touch(mode=0o600)
        file.write_bytes(_decoded(data))
        return str(file)


def _decoded(data: str) -> bytes:
    return b64decode("".join(data.split()), validate=True)


@contextmanager
def _using(name: str, location: Mapping[str, Any]) -> Iterator[None]:
    """Name the field and the files whose value cannot be used."""
    try:
        yield
    except KubeconfigError:
        raise
    except (OSError, ValueError) as error:
        problem = (error.strerror if isinstance(error, OSError) else "") or str(error)
        files = [str(location[one]) for one in (_CA, *_PAIR) if location.get(one) and not location.get(f"{one}-data")]
        message = f"{name} cannot be used: {visible(problem)}."
        hint = "Correct it in the kubeconfig, or in the description of the cluster."
        raise KubeconfigError(message, location=visible(", ".join(files)), hint=hint) from error

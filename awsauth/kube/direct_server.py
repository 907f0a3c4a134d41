"""An API server as almost all kubeconfigs describe it, over urllib3 alone."""

from __future__ import annotations

from base64 import b64decode
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.escaping import visible
from awsauth.errors import KubeconfigError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

    import urllib3

    from awsauth.kube.credentials import CurrentToken

_PAIR: Final = ("client-certificate", "client-key")
_TEXT_FIELDS: Final = frozenset(
    ("server", "certificate-authority", "certificate-authority-data", "tls-server-name", "proxy-url", "token")
) | {f"{name}{data}" for name in _PAIR for data in ("", "-data")}
"""Fields of a cluster or a user that hold text."""
_OTHER_FIELDS: Final = frozenset(
    ("insecure-skip-tls-verify", "disable-compression", "as", "as-groups", "as-uid", "as-user-extra", "extensions")
)
"""Fields that hold something else, or that change nothing here."""
_CONNECTIONS: Final = 8
"""How many connections are kept for threads that send at the same time; more of them are made, and not kept."""


class DirectServer:
    """An `ApiServer` as a kubeconfig describes it.

    Certificates that are named by their files are read for every connection, as they may be renewed.

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
        self._token = token
        self._given = str(user.get("token") or "")
        self.pool: Final = _pool(cluster, user, proxy, verifies=self.verifies)

    def credentials(self) -> Mapping[str, str]:
        """Return the header with the token, if there is one.

        Raises:
            AwsAuthError: a token cannot be had.
        """
        token = self._token.value() if self._token else self._given
        return {"authorization": f"Bearer {token}"} if token else {}

    def expire(self) -> None:
        """Have the token renewed that was refused, where it can be."""
        if self._token:
            self._token.expire()


def is_enough(cluster: Mapping[str, Any], user: Mapping[str, Any], proxy: str | None) -> bool:
    """Whether what a kubeconfig says, and the proxy, is all that is known here; if not, the kubernetes client may know it."""
    is_known = all(
        name in _OTHER_FIELDS or (name in _TEXT_FIELDS and (value is None or isinstance(value, str)))
        for name, value in (*cluster.items(), *user.items())
    )
    return is_known and (not proxy or proxy.lower().startswith(("http://", "https://")))


def _pool(
    cluster: Mapping[str, Any], user: Mapping[str, Any], proxy: str | None, *, verifies: bool
) -> urllib3.PoolManager:
    from urllib3 import PoolManager, ProxyManager
    from urllib3.exceptions import HTTPError
    from urllib3.util import make_headers, parse_url

    options: dict[str, Any] = {"maxsize": _CONNECTIONS}
    if cluster["server"].startswith("https:"):
        options["ssl_context"] = _tls(cluster, user, verifies=verifies)
        options["server_hostname"] = cluster.get("tls-server-name") or None
        # What is named by its file is read again for every connection.
        files = [user.get(name) for name in _PAIR if not user.get(f"{name}-data")]
        if all(files) and len(files) == len(_PAIR):
            options["cert_file"], options["key_file"] = files
        if verifies and not cluster.get("certificate-authority-data"):
            options["ca_certs"] = cluster.get("certificate-authority") or None
    if proxy is None:
        return PoolManager(**options)
    try:
        auth = parse_url(proxy).auth
        return ProxyManager(proxy, proxy_headers=make_headers(proxy_basic_auth=auth) if auth else None, **options)
    except HTTPError as error:
        # Not what it says: the address may hold a password.
        raise _unusable("The proxy", "it is no address of one") from error


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any], *, verifies: bool) -> ssl.SSLContext:
    import ssl

    from urllib3.util.ssl_ import create_urllib3_context

    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if verifies else ssl.CERT_NONE)
    if verifies:
        _trust(context, cluster)
    _identify(context, user)
    return context


def _trust(context: ssl.SSLContext, cluster: Mapping[str, Any]) -> None:
    """Trust the cluster's own authority, or else those that this machine trusts."""
    if cluster.get("certificate-authority-data"):
        with _using("certificate-authority-data"):
            context.load_verify_locations(cadata=b64decode(cluster["certificate-authority-data"]).decode("ascii"))
    elif cluster.get("certificate-authority"):
        with _using("certificate-authority"):
            context.load_verify_locations(cafile=cluster["certificate-authority"])
    else:
        context.load_default_certs()


def _identify(context: ssl.SSLContext, user: Mapping[str, Any]) -> None:
    """Show the certificate of the user, if there is one."""
    if not user.get("client-certificate") and not user.get("client-certificate-data"):
        return
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        certificate, key = (_file(user, name, Path(folder)) for name in _PAIR)
        with _using(" and ".join(_PAIR)):
            # Without one, OpenSSL would ask for the password of a key at the terminal.
            context.load_cert_chain(certificate, key, password="")


def _file(user: Mapping[str, Any], name: str, folder: Path) -> str:
    """Return the file of a certificate or key: OpenSSL takes them by their files alone."""
    data = user.get(f"{name}-data")
    if not data:
        if not user.get(name):
            raise _unusable(name, "there is none for the certificate")
        return str(user[name])
    with _using(f"{name}-data"):
        file = folder / name
        file.touch(mode=0o600)
        file.write_bytes(b64decode(data))
        return str(file)


@contextmanager
def _using(name: str) -> Iterator[None]:
    """Name the field whose value cannot be used."""
    try:
        yield
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise _unusable(name, said) from error


def _unusable(name: str, problem: str) -> KubeconfigError:
    return KubeconfigError(
        f"{name} cannot be used: {visible(problem)}. Nothing was sent.",
        cure="It is in the kubeconfig, or in what describes the cluster; a proxy may also come from HTTPS_PROXY or "
        "HTTP_PROXY. See whether kubectl works with the same.",
    )

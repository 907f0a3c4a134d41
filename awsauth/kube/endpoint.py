"""The way to an API server: its address, the proxy, and TLS.

The rules are kubectl's, from Go's ``crypto/x509`` (``AppendCertsFromPEM``, ``Verify``) and
``golang.org/x/net/http/httpproxy``. The kubernetes client and Python have other rules.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from awsauth.core.text.display import visible
from awsauth.errors import KubeconfigError
from awsauth.read_limits import read_file

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping
    from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_CA: Final = "certificate-authority"
_PAIR: Final = ("client-certificate", "client-key")
_CERTIFICATE: Final = re.compile(b"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)

Stamp = tuple["tuple[int, int, int] | None", ...]  # a value that changes when one of some files does


def tls_context(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
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


def tls_stamp(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> Stamp:
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
    name = next((name for name in (f"{_CA}-data", _CA) if cluster.get(name)), "")
    if not name:
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


_PORTS: Final = {"http": "80", "https": "443"}
_USERINFO: Final = re.compile(r"//[^/?#]*@")
_ADDRESS: Final = re.compile(r"https?://[^\s\\?#]+")


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
    return _USERINFO.sub("//", address, count=1)


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
    host = _host(address)
    if not host:
        # Clients read such an address differently: the token could go to another host, or be readable on the way.
        hint = "Write https:// and a host, then a port and a path if needed, without ?, # or blanks. Write @ as %40, and / in a password as %2F."
        return "a cluster with a malformed address", hint
    if has_credentials and address.startswith("http:") and (is_proxied or not _is_loopback(host)):
        return (
            "a cluster whose address begins with http://: anyone on the network could read the credentials",
            "Write the address with https://.",
        )
    return None


def _host(address: str) -> str | None:
    """Return the host of an address; None if the address is malformed."""
    if not _ADDRESS.fullmatch(address) or has_stray_at(address):
        return None
    with suppress(ValueError):
        parts = urlsplit(without_userinfo(address))
        _ = parts.port  # raises if it is not a number
        return parts.hostname
    return None

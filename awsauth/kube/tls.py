"""TLS of a kubeconfig: the trusted authorities and the client certificate.

Go's ``crypto/x509`` (``AppendCertsFromPEM``, ``Verify``) is the source of the rules, as for kubectl.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.text.display import visible
from awsauth.errors import KubeconfigError
from awsauth.system.read_limits import read_file

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

_CA: Final = "certificate-authority"
_PAIR: Final = ("client-certificate", "client-key")
_CERTIFICATE: Final = re.compile(b"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)

Stamp = tuple["tuple[int, int, int] | None", ...]  # a value that changes when one of some files does


def context(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
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


def stamp(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> Stamp:
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

"""Encryption as a kubeconfig describes it: whom to trust, and which certificate to show.

What is trusted is what kubectl trusts. Source of the rules: Go ``crypto/x509`` (``AppendCertsFromPEM``, ``Verify``).
"""

from __future__ import annotations

import os
import re
from base64 import b64decode
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.text.display import visible
from awsauth.errors import KubeconfigError
from awsauth.read_limits import read_file

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator, Mapping

_CA: Final = "certificate-authority"
_PAIR: Final = ("client-certificate", "client-key")
_CERTIFICATE: Final = re.compile(b"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)

Stamp = tuple["tuple[int, int, int] | None", ...]
"""What changes when one of some files does."""


def context(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> ssl.SSLContext:
    """Return what a connection with the cluster is encrypted by. Nothing of it may be changed once it is in use.

    Args:
        cluster: The cluster, as in a kubeconfig.
        user: The user, likewise; nobody for a connection with something in between.

    Raises:
        KubeconfigError: a certificate or a key cannot be used.
    """
    import ssl

    from urllib3.util.ssl_ import create_urllib3_context

    verifies = not cluster.get("insecure-skip-tls-verify")
    made = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED if verifies else ssl.CERT_NONE)
    # As Go has it: whatever is trusted ends a chain, and certificates need no identifiers of their keys.
    made.verify_flags = (made.verify_flags | ssl.VERIFY_X509_PARTIAL_CHAIN) & ~ssl.VERIFY_X509_STRICT
    if verifies:
        _trust(made, cluster)
    if user.get(_PAIR[0]) or user.get(f"{_PAIR[0]}-data"):
        _show(made, user)
    return made


def stamp(cluster: Mapping[str, Any], user: Mapping[str, Any]) -> Stamp:
    """Return what changes when a file that is named there does: somebody renews it then."""
    named = [location.get(name) for location, name in ((cluster, _CA), *((user, name) for name in _PAIR))]
    return tuple([_looked_at(file) for file in named if file])


def _looked_at(file: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(file)  # noqa: PTH116 - for every request
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


def _trust(made: ssl.SSLContext, cluster: Mapping[str, Any]) -> None:
    """Trust the cluster's own authority, or else those that this machine trusts."""
    name = next((name for name in (f"{_CA}-data", _CA) if cluster.get(name)), "")
    if not name:
        made.load_default_certs()
        return
    with _using(name, cluster):
        pem = _decoded(cluster[name]) if name.endswith("-data") else read_file(cluster[name])
        # One that cannot be read is passed over, as text around them is.
        if not [block for block in _CERTIFICATE.findall(pem) if _is_added(made, block)]:
            raise ValueError("it holds no certificate in PEM")


def _is_added(made: ssl.SSLContext, block: bytes) -> bool:
    import ssl

    try:
        made.load_verify_locations(cadata=block.decode("ascii"))
    except (ssl.SSLError, ValueError):
        return False
    return True


def _show(made: ssl.SSLContext, user: Mapping[str, Any]) -> None:
    """Show the certificate of the user: OpenSSL takes it and its key by their files alone."""
    import tempfile

    with _using(" and ".join(_PAIR), user), tempfile.TemporaryDirectory() as folder:
        certificate, key = (_file(user, name, Path(folder)) for name in _PAIR)
        # Without one, OpenSSL would ask for the password of a key at the terminal.
        made.load_cert_chain(certificate, key, password="")


def _file(user: Mapping[str, Any], name: str, folder: Path) -> str:
    if not user.get(f"{name}-data"):
        if not user.get(name):
            raise _unusable(name, "there is none for the certificate")
        return str(user[name])
    with _using(f"{name}-data", user):
        file = folder / name
        file.touch(mode=0o600)
        file.write_bytes(_decoded(user[f"{name}-data"]))
        return str(file)


def _decoded(data: str) -> bytes:
    return b64decode("".join(data.split()), validate=True)


@contextmanager
def _using(name: str, location: Mapping[str, Any]) -> Iterator[None]:
    """Name the field whose value cannot be used, and the files that are named there."""
    try:
        yield
    except KubeconfigError:
        raise
    except (OSError, ValueError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        files = [str(location[one]) for one in (_CA, *_PAIR) if location.get(one) and not location.get(f"{one}-data")]
        raise _unusable(name, said, ", ".join(files)) from error


def _unusable(name: str, problem: str, location: str = "") -> KubeconfigError:
    return KubeconfigError(
        f"{name} cannot be used: {visible(problem)}. Nothing was sent.",
        location=visible(location),
        hint="It is in the kubeconfig, or in what describes the cluster. See whether kubectl works with the same.",
    )

"""Credentials from a program that a kubeconfig names (``users[].user.exec``), run by the kubernetes client."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.escaping import quoted, visible
from awsauth.errors import KubeconfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

_EARLY: Final = timedelta(minutes=1)
"""How long before its end a token is given up: a request takes a while, and clocks differ."""

_LONGEST_COMPLAINT: Final = 2_000


@dataclass(frozen=True, slots=True)
class ExecCredential:
    """What such a program hands out.

    Attributes:
        value: The token; empty where it hands out a certificate alone.
        expires: Until when it is good; None for as long as the process lives.
        certificate: The client's certificate, PEM; empty where there is none.
        key: The key of the certificate, PEM.
    """

    value: str = field(repr=False)
    expires: datetime | None
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)


class ExecPlugin:
    """A program that hands out credentials; it is run when they are first needed, and when a token has expired.

    Of a certificate that it hands out, the first stays for as long as the connection is kept.

    Args:
        stanza: The value of ``exec``.
        folder: The folder of the kubeconfig, in which the program is run.
        cluster: The value of ``cluster``, told to programs that ask for it.
    """

    def __init__(self, stanza: Mapping[str, Any], folder: str, cluster: Mapping[str, Any]) -> None:
        self._stanza = dict(stanza)
        self._folder = folder
        self._cluster = dict(cluster)
        self._lock = threading.Lock()
        self._last: ExecCredential | None = None

    def token(self) -> ExecCredential:
        """Return credentials that are good for a while.

        Raises:
            KubeconfigError: the program is not there, or fails, or hands out nothing.
        """
        with self._lock:
            last = self._last
            if last is None or (last.expires and datetime.now(timezone.utc) + _EARLY > last.expires):
                last = self._last = self._run()
            return last

    def fresh(self) -> ExecCredential:
        """Return new credentials; raises what `token` does."""
        with self._lock:
            self._last = self._run()
            return self._last

    def _run(self) -> ExecCredential:
        from kubernetes.config.exec_provider import ExecProvider
        from kubernetes.config.kube_config import ConfigNode

        try:
            provider = ExecProvider(
                ConfigNode("user/exec", self._stanza), self._folder, ConfigNode("cluster", self._cluster)
            )
            return _credential(provider.run())
        except FileNotFoundError as error:
            hint = self._stanza.get("installHint")
            raise self._failed("there is no such program", hint if isinstance(hint, str) else "") from error
        except Exception as error:
            # The client's own code for this raises nearly anything, AttributeError when a program fails at a terminal.
            said = str(error).removeprefix("exec: ") if not isinstance(error, AttributeError) else "it failed"
            raise self._failed(said or type(error).__name__) from error

    def _failed(self, problem: str, hint: str = "") -> KubeconfigError:
        command = self._stanza.get("command")
        return KubeconfigError(
            f"The program that the kubeconfig names for credentials, {quoted(str(command), 200)}, gives none: "
            f"{visible(problem[:_LONGEST_COMPLAINT])}. Nothing was sent to the cluster.",
            cure=visible(hint.strip()) or "Run it by hand to see what it needs; kubectl would run it, too.",
        )


def _credential(status: Any) -> ExecCredential:
    """Return the credentials in an ``ExecCredential``'s ``status``.

    Raises:
        ValueError: there are none.
    """
    from kubernetes.config.dateutil import parse_rfc3339

    expires = status.get("expirationTimestamp")
    moment = parse_rfc3339(expires) if expires else None
    token = str(status.get("token") or "")
    certificate, key = status.get("clientCertificateData"), status.get("clientKeyData")
    if all(isinstance(pem, str) and pem.isascii() and pem for pem in (certificate, key)):
        return ExecCredential(token, moment, certificate, key)
    if token:
        return ExecCredential(token, moment)
    msg = "what it prints holds neither a token nor a certificate with its key"
    raise ValueError(msg)

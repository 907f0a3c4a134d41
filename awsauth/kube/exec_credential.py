"""Credentials from a program that a kubeconfig names (``users[].user.exec``).

Source of the rules: ``k8s.io/client-go`` ``plugin/pkg/client/auth/exec``.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import threading
from base64 import b64encode
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.text.display import quoted, visible
from awsauth.errors import KubeconfigError
from awsauth.kube.kubeconfig import decoded, parsed
from awsauth.kube.program import run
from awsauth.read_limits import read_file

if TYPE_CHECKING:
    from collections.abc import Mapping

_EARLY: Final = timedelta(minutes=1)
"""How long before its end a token is given up: a request takes a while, and clocks differ."""

LOGIN_SECONDS: Final = 300.0
"""Seconds that a program has at a terminal, if the time-out is not longer: somebody may have to log in with a browser."""

_LONGEST_COMPLAINT: Final = 2_000
_FRACTION: Final = re.compile(r"\.\d+")
_VERSIONS: Final = tuple([f"client.authentication.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1")])
_MODES: Final = ("Never", "IfAvailable", "Always")
_TOLD: Final = (
    *("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url"),
    "disable-compression",
)
"""What a program is told of the cluster, where it asks for that."""


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
        folder: The folder of the kubeconfig, which a path of the program is relative to.
        cluster: The value of ``cluster``, told to programs that ask for it.
        seconds: How long it may run; at a terminal at least `LOGIN_SECONDS`.
    """

    def __init__(self, stanza: Mapping[str, Any], folder: str, cluster: Mapping[str, Any], seconds: float) -> None:
        self._seconds = seconds
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

    def new_token(self) -> ExecCredential:
        """Return new credentials; raises what `token` does."""
        with self._lock:
            self._last = self._run()
            return self._last

    def _run(self) -> ExecCredential:
        try:
            return _credential(self._printed(), self._version)
        except FileNotFoundError as error:
            hint = self._stanza.get("installHint")
            raise self._failed("there is no such program", hint if isinstance(hint, str) else "") from error
        except OSError as error:
            raise self._failed(error.strerror or "it cannot be started") from error
        except ValueError as error:
            raise self._failed(str(error)) from None

    def _printed(self) -> bytes:
        """Run the program, and return what it prints.

        Raises:
            ValueError: it cannot be run as the kubeconfig says, or fails.
            OSError: it cannot be started.
        """
        is_interactive = self._is_interactive()
        code, printed = run(
            [self._program(), *_texts(self._stanza.get("args"), "args")],
            {**os.environ, **self._environment(is_interactive=is_interactive)},
            seconds=max(self._seconds, LOGIN_SECONDS) if is_interactive else self._seconds,
            is_interactive=is_interactive,
        )
        if code:
            msg = f"it ended with {code}, and its message is not shown, because it may hold a secret"
            raise ValueError(msg)
        return printed

    @property
    def _version(self) -> str:
        version = self._stanza.get("apiVersion")
        if version not in _VERSIONS:
            raise ValueError(f"its `apiVersion` is none of {', '.join(_VERSIONS)}")
        return str(version)

    def _is_interactive(self) -> bool:
        mode = self._stanza.get("interactiveMode") or "IfAvailable"
        if mode not in _MODES:
            raise ValueError(f"its `interactiveMode` is none of {', '.join(_MODES)}")
        has_terminal = sys.stdin is not None and sys.stdin.isatty()
        if mode == "Always" and not has_terminal:
            raise ValueError("it needs a terminal (`interactiveMode: Always`), and there is none")
        return has_terminal and mode != "Never"

    def _program(self) -> str:
        """Return the program's path: what is named without one is looked for as a shell would, but never right here.

        Raises:
            FileNotFoundError: there is no such program.
            ValueError: none is named, or only one that is here.
        """
        command = self._stanza.get("command")
        if not command or not isinstance(command, str):
            raise ValueError("the kubeconfig names no `command`")
        if os.path.basename(command) != command:  # noqa: PTH119 - of any text
            return str(Path(self._folder, command))
        found = shutil.which(command)
        if found is None:
            raise FileNotFoundError
        if not os.path.isabs(found):  # noqa: PTH117 - `which` gives a text
            raise ValueError("it would be the one in the current folder, which PATH names")
        return found

    def _environment(self, *, is_interactive: bool) -> dict[str, str]:
        """Return the variables that the program gets beside those of this process."""
        named: Any = self._stanza.get("env") or []
        if not isinstance(named, list) or not all(isinstance(one, dict) for one in named):
            raise ValueError("its `env` is no list of names and values")
        spec: dict[str, Any] = {"interactive": is_interactive}
        if self._stanza.get("provideClusterInfo"):
            spec["cluster"] = self._told()
        info = {"kind": "ExecCredential", "apiVersion": self._version, "spec": spec}
        given = {str(one.get("name") or ""): str(one.get("value") or "") for one in named}
        return {**given, "KUBERNETES_EXEC_INFO": _as_json(info)}

    def _told(self) -> dict[str, Any]:
        """Return what the program is told of the cluster; its authority's file as what is in there."""
        told: dict[str, Any] = {name: self._cluster[name] for name in _TOLD if name in self._cluster}
        authority = self._cluster.get("certificate-authority")
        if isinstance(authority, str) and "certificate-authority-data" not in told:
            told["certificate-authority-data"] = b64encode(_read(authority)).decode()
        extensions: Any = self._cluster.get("extensions")
        if extensions is not None and not isinstance(extensions, list):
            raise ValueError("the cluster's `extensions`, which it is told, are no list")
        for one in extensions or []:
            if isinstance(one, dict) and one.get("name") == "client.authentication.k8s.io/exec":
                told["config"] = one.get("extension")
        return told

    def _failed(self, problem: str, hint: str = "") -> KubeconfigError:
        command = self._stanza.get("command")
        return KubeconfigError(
            f"The program that the kubeconfig names for credentials, {quoted(str(command), 200)}, gives none: "
            f"{visible(problem[:_LONGEST_COMPLAINT])}. Nothing was sent to the cluster.",
            hint=visible(hint.strip())
            or "To see its message, run it by hand, or `kubectl version` with the same kubeconfig.",
        )


def _read(authority: str) -> bytes:
    try:
        return read_file(authority)
    except OSError as error:
        raise ValueError(
            f"the cluster's `certificate-authority`, which it is told, cannot be read: {error.strerror}"
        ) from None


def _as_json(info: dict[str, Any]) -> str:
    """Return what the program is told; YAML has values that JSON has not, such as dates, sets and bytes."""
    try:
        return json.dumps(info, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise ValueError("what the kubeconfig says of the cluster, which it is told, is no JSON") from None


def _texts(value: Any, name: str) -> list[str]:
    if value is not None and not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
        raise ValueError(f"its `{name}` is no list of texts")
    return value or []


def _credential(printed: bytes, version: str) -> ExecCredential:
    """Return the credentials in an ``ExecCredential``, in JSON or YAML.

    Raises:
        ValueError: there are none.
    """
    text = decoded(printed)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError, MemoryError):
        value = parsed(text)
    status = value.get("status") if isinstance(value, dict) else None
    if not isinstance(value, dict) or value.get("kind") != "ExecCredential" or not isinstance(status, dict):
        raise ValueError("what it prints is no ExecCredential with a status")
    if value.get("apiVersion") != version:
        raise ValueError("what it prints has another `apiVersion` than the kubeconfig names")
    expires, token = _moment(status.get("expirationTimestamp")), status.get("token") or ""
    certificate, key = status.get("clientCertificateData"), status.get("clientKeyData")
    if all(isinstance(pem, str) and pem.isascii() and pem for pem in (certificate, key)):
        return ExecCredential(str(token), expires, str(certificate), str(key))
    if token and isinstance(token, str):
        return ExecCredential(token, expires)
    raise ValueError("what it prints holds neither a token nor a certificate with its key")


def _moment(value: Any) -> datetime | None:
    """Return a time by its RFC 3339 text, to the second; None for none at all."""
    if not value:
        return None
    try:
        moment = datetime.fromisoformat(_FRACTION.sub("", str(value).upper()).replace("Z", "+00:00"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError("the `expirationTimestamp` that it prints is no time")
    return moment

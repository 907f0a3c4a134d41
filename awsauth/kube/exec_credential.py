"""Exec credential plugins: programs that a kubeconfig names.

The field is ``users[].user.exec``. ``k8s.io/client-go`` ``plugin/pkg/client/auth/exec`` is the source of the rules.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final

from awsauth.core.revisions.info import time_read
from awsauth.core.text.display import quoted, visible
from awsauth.errors import KubeconfigError
from awsauth.kube.kubeconfig import parsed
from awsauth.system.read_limits import decoded, read_file

# How long before its expiry a token is replaced. A request takes a while, and clocks differ.
_EARLY: Final = timedelta(minutes=1)

# Seconds that a plugin has at least at a terminal. The user may have to log in with a browser.
LOGIN_SECONDS: Final = 300.0

# Bytes that a plugin may print. A token has a few thousand, a certificate with its key fewer than a hundred
# thousand.
LARGEST_OUTPUT: Final = 2**20

_LONGEST_PROBLEM: Final = 2_000
_VERSIONS: Final = tuple([f"client.authentication.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1")])
# Fields of the cluster that a plugin with ``provideClusterInfo`` gets.
_CLUSTER_INFO: Final = (
    *("server", "tls-server-name", "insecure-skip-tls-verify", "certificate-authority-data", "proxy-url"),
    "disable-compression",
)


@dataclass(frozen=True, slots=True)
class ExecCredential:
    """The credentials from a plugin.

    Attributes:
        value: The token; empty if there is only a certificate.
        expires: When the token expires; None for the lifetime of the process.
        certificate: The client certificate, PEM; may be empty.
        key: The key of the certificate, PEM; may be empty.
    """

    value: str = field(repr=False)
    expires: datetime | None
    certificate: str = field(default="", repr=False)
    key: str = field(default="", repr=False)


class ExecPlugin:
    """An exec credential plugin, run when needed and when a token expires.

    The first client certificate is used for the lifetime of the connection.

    Args:
        config: The value of ``exec``.
        folder: The folder of the kubeconfig; a relative path of the program starts there.
        cluster: The value of ``cluster``, for plugins with ``provideClusterInfo``.
        seconds: How long the program may run; at a terminal at least `LOGIN_SECONDS`.
    """

    def __init__(self, config: Mapping[str, Any], folder: str, cluster: Mapping[str, Any], seconds: float) -> None:
        self._seconds = seconds
        self._config = dict(config)
        self._folder = folder
        self._cluster = dict(cluster)
        self._lock = threading.Lock()
        self._last: ExecCredential | None = None

    def token(self, *, renew: bool = False) -> ExecCredential:
        """Return credentials that are valid for a while, or with `renew` new ones.

        Raises:
            KubeconfigError: the program does not exist, fails, or prints no credentials.
        """
        with self._lock:
            last = self._last
            if renew or last is None or (last.expires and datetime.now(timezone.utc) + _EARLY > last.expires):
                last = self._last = self._run()
            return last

    def _run(self) -> ExecCredential:
        try:
            return _credential(self._printed(), self._one_of("apiVersion", _VERSIONS))
        except FileNotFoundError as error:
            hint = self._config.get("installHint")
            raise self._failed("there is no such program", hint if isinstance(hint, str) else "") from error
        except OSError as error:
            raise self._failed(error.strerror or "it cannot be started") from error
        except ValueError as error:
            raise self._failed(str(error)) from None

    def _failed(self, problem: str, hint: str = "") -> KubeconfigError:
        command, shown = quoted(str(self._config.get("command")), 200), visible(problem[:_LONGEST_PROBLEM])
        hint = visible(hint.strip()) or "Run `kubectl version` with the same kubeconfig to see its own message."
        message = f"The kubeconfig's credential plugin, {command}, gave no credentials: {shown}."
        return KubeconfigError(message, hint=hint)

    def _printed(self) -> bytes:
        """Run the program, and return its output.

        Raises ValueError if the kubeconfig is wrong or the program fails.
        """
        is_interactive = self._is_interactive()
        args = self._config.get("args") or []
        if not isinstance(args, list) or not all(isinstance(one, str) for one in args):
            raise ValueError("its `args` are not a list of texts")
        environment = {**os.environ, **self._environment(is_interactive=is_interactive)}
        seconds = max(self._seconds, LOGIN_SECONDS) if is_interactive else self._seconds
        code, printed = _run_program([self._program(), *args], environment, seconds, is_interactive=is_interactive)
        if code:
            raise ValueError(f"it ended with {code}, and its message is not shown, because it may hold a secret")
        return printed

    def _one_of(self, name: str, values: tuple[str, ...], default: str = "") -> str:
        value = self._config.get(name) or default
        if value not in values:
            raise ValueError(f"its `{name}` is not one of {', '.join(values)}")
        return str(value)

    def _is_interactive(self) -> bool:
        mode = self._one_of("interactiveMode", ("Never", "IfAvailable", "Always"), "IfAvailable")
        has_terminal = sys.stdin is not None and sys.stdin.isatty()
        if mode == "Always" and not has_terminal:
            raise ValueError("it needs a terminal (`interactiveMode: Always`), but has none")
        return has_terminal and mode != "Never"

    def _program(self) -> str:
        """Return the program's path.

        A bare name is looked up in ``PATH``, but never in the current folder.
        """
        command = self._config.get("command")
        if not command or not isinstance(command, str):
            raise ValueError("the kubeconfig names no `command`")
        if os.path.basename(command) != command:  # noqa: PTH119 - of any text
            return str(Path(self._folder, command))
        if not (found := shutil.which(command)):
            raise FileNotFoundError
        if not os.path.isabs(found):  # noqa: PTH117 - `which` gives a text
            raise ValueError("it would be a program in the current folder, which PATH names")
        return found

    def _environment(self, *, is_interactive: bool) -> dict[str, str]:
        """Return the variables that the program gets in addition to those of this process."""
        named: Any = self._config.get("env") or []
        if not isinstance(named, list) or not all(isinstance(one, dict) for one in named):
            raise ValueError("its `env` is not a list of names and values")
        version, spec = self._one_of("apiVersion", _VERSIONS), dict[str, Any](interactive=is_interactive)
        if self._config.get("provideClusterInfo"):
            spec["cluster"] = self._cluster_info()
        info = json.dumps({"kind": "ExecCredential", "apiVersion": version, "spec": spec})
        variables = {str(one.get("name") or ""): str(one.get("value") or "") for one in named}
        return {**variables, "KUBERNETES_EXEC_INFO": info}

    def _cluster_info(self) -> dict[str, Any]:
        """Return the cluster's description for the program, with its authority."""
        info: dict[str, Any] = {name: self._cluster[name] for name in _CLUSTER_INFO if name in self._cluster}
        authority = self._cluster.get("certificate-authority")
        if isinstance(authority, str) and "certificate-authority-data" not in info:
            try:
                info["certificate-authority-data"] = b64encode(read_file(authority)).decode()
            except OSError as error:
                problem = f"the cluster's `certificate-authority`, which it gets, cannot be read: {error.strerror}"
                raise ValueError(problem) from None
        extensions: Any = self._cluster.get("extensions") or []
        if not isinstance(extensions, list):
            raise ValueError("the cluster's `extensions`, which it gets, are not a list")  # noqa: TRY004 - as the others
        for one in extensions:
            if isinstance(one, dict) and one.get("name") == "client.authentication.k8s.io/exec":
                info["config"] = one.get("extension")
        return info


def _run_program(
    command: Sequence[str], environment: Mapping[str, str], seconds: float, *, is_interactive: bool
) -> tuple[int, bytes]:
    """Run a program, and return its exit code and standard output.

    Its standard error only reaches a terminal. A program that runs too long or prints too much is killed. It stays in
    the session of this process, because it may ask for a password at the terminal. It may do so even if the standard
    input of this process is a pipe.
    """
    end = time.monotonic() + seconds
    stream = None if is_interactive else subprocess.DEVNULL
    process = subprocess.Popen(  # noqa: S603 - the kubeconfig names the program; kubectl would run it, too
        command, env=dict(environment), stdin=stream, stdout=subprocess.PIPE, stderr=stream
    )
    pipe: Any = process.stdout
    output = bytearray()

    def read() -> None:
        with contextlib.suppress(OSError, ValueError), pipe:
            output.extend(pipe.read(LARGEST_OUTPUT + 1))

    # In a thread, because another program that has inherited the pipe may keep it open.
    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        reader.join(_until(end))
        if len(output) > LARGEST_OUTPUT:
            raise ValueError(f"it prints more than {LARGEST_OUTPUT // 2**20} MiB")
        code = None if reader.is_alive() else process.wait(_until(end))
    except subprocess.TimeoutExpired:
        code = None
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    if code is None:
        raise ValueError(f"it did not end within {seconds:g} seconds")
    return code, bytes(output)


def _until(end: float) -> float:
    return max(0.0, min(end - time.monotonic(), threading.TIMEOUT_MAX))


def _credential(printed: bytes, version: str) -> ExecCredential:
    """Return the credentials in an ``ExecCredential`` (JSON or YAML).

    Raises ValueError if it holds none.
    """
    text = decoded(printed)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError, MemoryError):
        value = parsed(text)
    status = value.get("status") if isinstance(value, dict) else None
    if not isinstance(value, dict) or value.get("kind") != "ExecCredential" or not isinstance(status, dict):
        raise ValueError("its output is not an ExecCredential with a status")
    if value.get("apiVersion") != version:
        raise ValueError("its output has another `apiVersion` than the kubeconfig names")
    expires, token = _moment(status.get("expirationTimestamp")), status.get("token") or ""
    certificate, key = status.get("clientCertificateData"), status.get("clientKeyData")
    if all(isinstance(pem, str) and pem.isascii() and pem for pem in (certificate, key)):
        return ExecCredential(str(token), expires, str(certificate), str(key))
    if token and isinstance(token, str):
        return ExecCredential(token, expires)
    raise ValueError("its output holds neither a token nor a certificate with its key")


def _moment(value: Any) -> datetime | None:
    """Return a time by its RFC 3339 text, to the second; None without a text."""
    if not value:
        return None
    with contextlib.suppress(ValueError):
        return time_read(re.sub(r"\.\d+", "", str(value).upper()))
    raise ValueError("its output has an `expirationTimestamp` that is not a time")

"""What the EC2 instance metadata service (IMDSv2) says about the instance that this runs on."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import closing, contextmanager, suppress
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

    import botocore.session

_SECONDS: Final = 1.0
_TTL_SECONDS: Final = "300"
_ADDRESSES: Final = {"ipv4": "http://169.254.169.254", "ipv6": "http://[fd00:ec2::254]"}
_LONGEST: Final = 16_384


class InstanceMetadata:
    """The metadata service, asked only when something of it is read.

    Once it has not answered it is not asked again, so that a machine off EC2 waits no longer than for one answer.

    Args:
        endpoint: Where it is.
        disabled: Whether it must not be asked.
        seconds: How long a whole answer may take. The service is one hop away.
    """

    def __init__(self, endpoint: str, *, disabled: bool = False, seconds: float = _SECONDS) -> None:
        self.endpoint: Final = endpoint
        self._seconds = seconds
        self._problem = "is switched off by AWS_EC2_METADATA_DISABLED" if disabled else ""
        self._token = ""
        self._lock = threading.Lock()

    @classmethod
    def of(cls, session: botocore.session.Session) -> InstanceMetadata:
        """Return the service that boto3 would ask, by its own settings."""
        from botocore.utils import resolve_imds_endpoint_mode

        own = session.get_config_variable("ec2_metadata_service_endpoint")
        endpoint = str(own or _ADDRESSES[resolve_imds_endpoint_mode(session)])
        disabled = os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true"
        seconds = float(session.get_config_variable("metadata_service_timeout"))
        return cls(endpoint.rstrip("/"), disabled=disabled, seconds=seconds)

    @property
    def problem(self) -> str:
        """Why it could not be read, as the end of a sentence that starts with it; empty while it answers."""
        return self._problem

    def role_name(self) -> str:
        """Return the name of the role that the instance has; empty where it has none or does not say."""
        return self.read("iam/security-credentials/").partition("\n")[0].strip()

    def instance_id(self) -> str:
        """Return the id of the instance; empty where it is not known."""
        return self.read("instance-id")

    def region(self) -> str:
        """Return the region that the instance is in; empty where it is not known."""
        return self.read("placement/region").strip()

    def read(self, path: str) -> str:
        """Return the text below ``/latest/meta-data/``; empty where there is none, and then `problem` says why."""
        with self._lock:
            if not self._problem and not self._token:
                self._token = self._fetch_token()
            if self._problem:
                return ""
            status, text = self._ask("GET", f"/latest/meta-data/{path}", {"X-aws-ec2-metadata-token": self._token})
            if status == 401:
                self._token = self._fetch_token()
                status, text = self._ask("GET", f"/latest/meta-data/{path}", {"X-aws-ec2-metadata-token": self._token})
            return text if status == 200 else ""

    def _fetch_token(self) -> str:
        header = {"X-aws-ec2-metadata-token-ttl-seconds": _TTL_SECONDS}
        status, text = self._ask("PUT", "/latest/api/token", header)
        if status == 403:
            self._problem = f"is switched off for this instance ({self.endpoint} answers 403)"
        elif status != 200 and not self._problem:
            self._problem = f"gives no token for version 2 of it ({self.endpoint} answers {status})"
        return "" if self._problem else text

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        """Send one request, past any proxy; status 0 where there was no answer."""
        from http.client import HTTPConnection, HTTPException

        if self._problem:
            return 0, ""
        try:
            parts = urlsplit(self.endpoint)
            connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=self._seconds)
            with closing(connection):
                connection.connect()
                with _ended_after(self._seconds, connection.sock):
                    connection.request(method, parts.path + path, headers=headers)
                    response = connection.getresponse()
                    return response.status, response.read(_LONGEST).decode("utf-8", "replace")
        except (OSError, HTTPException, ValueError):
            self._problem = (
                f"does not answer at {self.endpoint} (this is no EC2 instance, or a container on one whose hop limit "
                "is 1)"
            )
            return 0, ""


@contextmanager
def _ended_after(seconds: float, connected: socket.socket) -> Iterator[None]:
    """End a connection after a time, whatever still comes in: the time-out of a socket starts anew with every byte.

    Raises:
        TimeoutError: that was so.
    """
    is_late = threading.Event()

    def end() -> None:
        is_late.set()
        with suppress(OSError):  # the other side may have closed it
            connected.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
    if is_late.is_set():
        raise TimeoutError

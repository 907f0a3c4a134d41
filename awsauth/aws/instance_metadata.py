"""The EC2 instance metadata service (IMDSv2) of the instance that this runs on."""

from __future__ import annotations

import os
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import botocore.session

_SECONDS: Final = 1.0
_ADDRESSES: Final = {"ipv4": "http://169.254.169.254", "ipv6": "http://[fd00:ec2::254]"}
_LONGEST: Final = 16_384


class InstanceMetadata:
    """The metadata service, contacted when something of it is read.

    After one missing answer it is not contacted again. So a machine off EC2 waits for one answer at most.

    Args:
        endpoint: Its address.
        seconds: The limit for a whole answer. The service is one hop away.

    Attributes:
        problem: Why it could not be read, to end a sentence that starts with instance metadata; empty while it answers.
    """

    def __init__(self, endpoint: str, *, seconds: float = _SECONDS) -> None:
        self.endpoint: Final = endpoint
        self.problem = ""
        self._seconds = seconds
        self._token = ""
        self._lock = threading.Lock()

    @classmethod
    def of(cls, session: botocore.session.Session) -> InstanceMetadata:
        """Return the service that boto3 would contact, by the session's settings."""
        from botocore.utils import resolve_imds_endpoint_mode

        own = session.get_config_variable("ec2_metadata_service_endpoint")
        endpoint = str(own or _ADDRESSES[resolve_imds_endpoint_mode(session)])
        made = cls(endpoint.rstrip("/"), seconds=float(session.get_config_variable("metadata_service_timeout")))
        if os.environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
            made.problem = "is switched off by AWS_EC2_METADATA_DISABLED"
        return made

    def role_name(self) -> str:
        """Return the name of the instance's role; empty if it has none or it is not known."""
        return self.read("iam/security-credentials/").partition("\n")[0].strip()

    def instance_id(self) -> str:
        """Return the id of the instance; empty if it is not known."""
        return self.read("instance-id")

    def region(self) -> str:
        """Return the region of the instance; empty if it is not known."""
        return self.read("placement/region").strip()

    def read(self, path: str) -> str:
        """Return the text below ``/latest/meta-data/``.

        It is empty if it does not exist, or if `problem` says why.
        """
        with self._lock:
            status, text = self._read(path)
            if status == 401:  # the token has expired
                self._token = ""
                status, text = self._read(path)
            return text if status == 200 else ""

    def _read(self, path: str) -> tuple[int, str]:
        if not self._token:
            status, token = self._ask("PUT", "/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "300"})
            if status == 403:
                self.problem = f"is switched off for this instance ({self.endpoint} answers 403)"
            elif status != 200 and not self.problem:
                self.problem = f"gives no token of version 2 ({self.endpoint} answers {status})"
            self._token = token
        return self._ask("GET", f"/latest/meta-data/{path}", {"X-aws-ec2-metadata-token": self._token})

    def _ask(self, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
        """Send one request, past any proxy; status 0 without an answer."""
        from http.client import HTTPConnection, HTTPException

        from awsauth.kube.request_limits import Deadline

        if self.problem:
            return 0, ""
        deadline, status, text = Deadline(self._seconds), 0, ""
        try:
            parts = urlsplit(self.endpoint)
            connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=self._seconds)
            with closing(connection), deadline:
                connection.connect()
                deadline.watch(connection)
                connection.request(method, parts.path + path, headers=headers)
                response = connection.getresponse()
                status, text = response.status, response.read(_LONGEST).decode("utf-8", "replace")
        except (OSError, HTTPException, ValueError):
            pass
        if status and not deadline.is_over:
            return status, text
        why = "this is not an EC2 instance, or a container with a hop limit of 1"
        self.problem = f"does not answer at {self.endpoint} ({why})"
        return 0, ""

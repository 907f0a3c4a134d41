"""The instance metadata service (IMDSv2) of an EC2 instance, on loopback.

moto's own hands out credentials that its STS does not know. ``AWS_EC2_METADATA_SERVICE_ENDPOINT`` leads here.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Literal

from tests.support.controlplane.processes import LOOPBACK
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from typing_extensions import Self

    from tests.support.controlplane.aws import Aws

# "off": the instance has it switched off, and every request is answered 403.
# "silent": a container on the instance, for which the answer has one hop too few: it never comes.
Behaviour = Literal["on", "off", "silent"]


class InstanceMetadata:
    """Serves until closed; a context manager.

    Attributes:
        role_arn: what the instance wears; None for an instance without a role. May be changed at any time.
        instance_id: ``i-`` and 17 hexadecimal digits; the session of the role is named so.
        behaviour: see `Behaviour`. May be changed at any time.
        requests: method and path of each request that has come in; one whose sender has given up may come in later.
    """

    def __init__(self, aws: Aws, role_arn: str | None = None) -> None:
        self.aws = aws
        self.role_arn = role_arn
        self.instance_id = f"i-{secrets.token_hex(9)[:17]}"
        self.behaviour: Behaviour = "on"
        self.requests: list[tuple[str, str]] = []
        self.closed = threading.Event()
        self.tokens: set[str] = set()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """What to set ``AWS_EC2_METADATA_SERVICE_ENDPOINT`` to."""
        return f"http://{LOOPBACK}:{self._server.server_address[1]}"

    @property
    def environment(self) -> dict[str, str]:
        """What to set, over `Aws.environment`, for boto3 to be on this instance; it waits for as long as it takes."""
        return {
            "AWS_EC2_METADATA_SERVICE_ENDPOINT": self.url,
            "AWS_EC2_METADATA_DISABLED": "false",
            "AWS_METADATA_SERVICE_TIMEOUT": "1" if self.behaviour == "silent" else f"{PATIENCE:.0f}",
            "AWS_METADATA_SERVICE_NUM_ATTEMPTS": "1",
        }

    def close(self) -> None:
        """Stop serving."""
        self.closed.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str) -> str | None:
        """Return the text at a path, or None where there is none."""
        name = (self.role_arn or "").rpartition("/")[2]
        match path.removeprefix("/latest/").rstrip("/").split("/"):
            case ["meta-data", "instance-id"]:
                return self.instance_id
            case ["meta-data", "placement", "region"]:
                return self.aws.region
            case ["meta-data", "placement", "availability-zone"]:
                return f"{self.aws.region}a"
            case ["dynamic", "instance-identity", "document"]:
                return json.dumps(
                    {"instanceId": self.instance_id, "region": self.aws.region, "accountId": self._account()}
                )
            case ["meta-data", "iam", "info"] if self.role_arn:
                # The profile of an instance mostly has the name of its role, as it has when it is made in the console.
                profile = self.role_arn.replace(":role/", ":instance-profile/")
                return json.dumps({"Code": "Success", "InstanceProfileArn": profile, "InstanceProfileId": "AIPATEST"})
            case ["meta-data", "iam", "security-credentials"] if self.role_arn:
                return name
            case ["meta-data", "iam", "security-credentials", asked] if self.role_arn and asked == name:
                return self._credentials(self.role_arn)
        return None

    def _account(self) -> str:
        return self.role_arn.split(":")[4] if self.role_arn else self.aws.account

    def _credentials(self, role_arn: str) -> str:
        given = self.aws.assume_role(role_arn, session_name=self.instance_id)
        assert given.expiration is not None
        return json.dumps(
            {
                "Code": "Success",
                "LastUpdated": _time(dt.datetime.now(dt.timezone.utc)),
                "Type": "AWS-HMAC",
                "AccessKeyId": given.access_key,
                "SecretAccessKey": given.secret_key,
                "Token": given.session_token,
                "Expiration": _time(given.expiration),
            }
        )


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, instance: InstanceMetadata) -> None:
        super().__init__((LOOPBACK, 0), _Handler)
        self.instance = instance


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_PUT(self) -> None:
        instance = self._received()
        if instance.behaviour == "off":
            self._send(403, "")
        elif instance.behaviour == "silent":
            # No answer, until the client gives up.
            instance.closed.wait(PATIENCE)
            self.close_connection = True
        elif self.path != "/latest/api/token":
            self._send(404, "")
        elif not self.headers.get("X-aws-ec2-metadata-token-ttl-seconds"):
            self._send(400, "")
        else:
            token = secrets.token_hex(16)
            instance.tokens.add(token)
            self._send(200, token)

    def do_GET(self) -> None:
        instance = self._received()
        if instance.behaviour == "off":
            self._send(403, "")
        elif self.headers.get("X-aws-ec2-metadata-token") not in instance.tokens:
            self._send(401, "")
        else:
            text = instance.answer(self.path)
            self._send(404 if text is None else 200, text or "")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing: a test looks at `InstanceMetadata.requests`."""

    def _received(self) -> InstanceMetadata:
        self.server.instance.requests.append((self.command, self.path))
        return self.server.instance

    def _send(self, status: int, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _time(moment: dt.datetime) -> str:
    return moment.astimezone(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

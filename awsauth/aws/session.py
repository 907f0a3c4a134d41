"""AWS credentials, region and clients, and the metadata of an EC2 instance."""

from __future__ import annotations

import os
import threading
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from awsauth.aws.errors import CREDENTIAL_SOURCES, login_command, translate_errors
from awsauth.core.edit.validation import check_texts
from awsauth.core.text.display import quoted, quoted_value
from awsauth.errors import AwsServiceError, CredentialsError, UsageError
from awsauth.system.debug_log import log_debug

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    import boto3
    import botocore.session
    from botocore.credentials import Credentials
    from typing_extensions import Self

_SECONDS: Final = 1.0
_ADDRESSES: Final = {"ipv4": "http://169.254.169.254", "ipv6": "http://[fd00:ec2::254]"}
_LONGEST: Final = 16_384
_FILES: Final = {"AWS_CONFIG_FILE": "~/.aws/config", "AWS_SHARED_CREDENTIALS_FILE": "~/.aws/credentials"}
_KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
# Variables with which botocore does not use the keys in the environment alone.
_OTHERS: Final = frozenset(("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SECURITY_TOKEN", "AWS_CREDENTIAL_EXPIRATION"))


@dataclass(frozen=True, slots=True)
class EnvironmentKeys:
    """The keys in the environment.

    They work like `botocore.credentials.Credentials`, which takes long to load.
    """

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(repr=False)
    """None for a user's own keys: an empty one would be signed, and refused."""
    method: str = "env"

    def get_frozen_credentials(self) -> Self:
        """Return the keys, which nothing renews."""
        return self


class AwsSession:
    """Credentials, region and clients, each made when first needed.

    Threads may share a session.

    Args:
        profile: A profile of the AWS configuration files; credentials in the environment are then ignored.
        region: Overrides the region of the environment or profile.
        session: A boto3 session to use instead.

    Raises:
        UsageError: an argument is empty, contradicts another, or is not a session.
    """

    def __init__(
        self, *, profile: str | None = None, region: str | None = None, session: boto3.Session | None = None
    ) -> None:
        check_texts(profile=profile, region=region)
        if session is not None and profile is not None:
            message = "`session` cannot be combined with `profile`."
            raise UsageError(message, hint="Pass one of them: a session has its profile.")
        self._profile = profile
        self._given = None if session is None else _inside(session)
        self.is_of_environment = False
        self.given_region: Final = region
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.RLock()

    @classmethod
    def from_environment(cls) -> Self:
        """Return the session for calls without a profile and a region.

        Hints do not name these arguments then.
        """
        made = cls()
        made.is_of_environment = True
        return made

    @cached_property
    def botocore(self) -> botocore.session.Session:
        """The session of botocore, which takes most of the time to a token to load."""
        import botocore.session

        return self._given or botocore.session.Session(profile=self._profile)

    def may_set(self, *settings: str) -> bool:
        """Whether any source of configuration may set one of `settings`.

        The sources are the environment, the configuration files and the given session.
        """
        texts = [" ".join(name.lower() for name in os.environ)]
        for variable, default in _FILES.items():
            with suppress(OSError, RuntimeError):  # without a file, or a home
                path = Path(os.path.expandvars(os.environ.get(variable, default))).expanduser()
                texts.append(path.read_text(encoding="utf-8", errors="replace"))
        return bool(self._given) or any(setting in text for setting in settings for text in texts)

    @property
    def profile(self) -> str | None:
        """The profile in use; None for the default one."""
        return cast("str | None", self.botocore.get_config_variable("profile"))

    @property
    def known_region(self) -> str | None:
        """The region of the argument, the environment or the profile, in this order.

        The variables are AWS_REGION and AWS_DEFAULT_REGION. The region of a boto3 session that was passed comes before
        AWS_REGION, which boto3 does not know.
        """
        if self.given_region:
            return self.given_region
        variable = os.environ.get("AWS_REGION")
        if variable and not self._given:
            return variable
        with translate_errors("The AWS configuration cannot be read", self):
            return cast("str | None", self.botocore.get_config_variable("region")) or variable

    @property
    def region(self) -> str:
        """The known region, or that of the EC2 instance that this runs on.

        Raises:
            UsageError: neither is known.
        """
        region = self.known_region or self.metadata.region()
        if not region:
            message = f"The AWS region is not known. Instance metadata {self.metadata.problem or 'does not name it'}."
            by_variable = "Set AWS_REGION, or AWS_PROFILE to a profile with a region."
            by_argument = "Pass region=…, set AWS_REGION, or pass the cluster's ARN instead of its name."
            raise UsageError(message, hint=by_variable if self.is_of_environment else by_argument)
        return region

    @cached_property
    def metadata(self) -> InstanceMetadata:
        """The instance metadata service; it is contacted when something of it is read."""
        with translate_errors("The AWS configuration cannot be read", self):
            return InstanceMetadata.of(self.botocore)

    def credentials(self) -> Credentials | EnvironmentKeys:
        """Return the credentials that boto3 would use.

        Raises:
            CredentialsError: there are none, or they cannot be loaded; it names the sources that were tried.
        """
        access_key, secret_key, token = map(os.environ.get, _KEYS)
        # An explicit profile comes before the environment, and a profile that does not exist is an error.
        is_other = self._profile or self._given or _OTHERS.intersection(os.environ)
        if access_key and secret_key and not is_other:
            return EnvironmentKeys(access_key, secret_key, token or None)
        with self._lock, translate_errors("The AWS credentials cannot be loaded", self):
            found = self.botocore.get_credentials()
        if not found:
            raise self.no_credentials()
        return found

    def no_credentials(self) -> CredentialsError:
        """Return the error for missing credentials, with the sources that were tried."""
        providers = self.botocore.get_component("credential_provider").providers
        known = [CREDENTIAL_SOURCES[one.METHOD][1] for one in providers if one.METHOD in CREDENTIAL_SOURCES]
        tried = "".join(f"\n- {source}" for source in dict.fromkeys(known))
        # Asked once more, because boto3 does not tell why it got nothing.
        role = self.metadata.role_name()
        metadata = self.metadata.problem or (f"names the role {quoted(role)}" if role else "names no role")
        logins = f"{login_command(self, 'sso', 'login')}, {login_command(self, 'login')}"
        message = f"There are no AWS credentials. Tried, in this order:{tried}\nInstance metadata {metadata}."
        return CredentialsError(message, hint=f"Sign in ({logins}), set AWS_PROFILE, or give the machine a role.")

    @contextmanager
    def calling(
        self, service: str, doing: str, *, region: str | None = None, look: str = "", unless: Collection[str] = ()
    ) -> Iterator[Any]:
        """Yield a service's client, and translate its errors (`translate_errors`).

        It gives up connecting after 3 seconds and waiting for an answer after 20, and tries 3 times.

        Args:
            service: As boto3 names it: ``eks``.
            doing: The failure, as a sentence without its full stop.
            region: The region to call; by default the session's.
            look: For a call that changes something, how to see whether it was done.
            unless: Codes of AWS that end the block without an error.

        Raises:
            CredentialsError: there are no credentials to sign with.
            UsageError: the region is not known, or does not exist.
            AwsAuthError: as for `translate_errors`.
        """
        client = self._client(service, region or self.region)
        try:
            with translate_errors(doing, self, service=service, look=look):
                yield client
        except AwsServiceError as error:
            if error.code not in unless:
                raise

    def _client(self, service: str, region: str) -> Any:
        with self._lock:
            if not (client := self._clients.get((service, region))):
                # Without this the first call would say so, after a client was loaded for nothing.
                self.credentials()
                with translate_errors(f"A client for {service} in {quoted(region)} cannot be made", self):
                    # boto3 would take any name for a region, and look for its host.
                    self.botocore.get_partition_for_region(region)
                    client = self._clients[service, region] = self.new_client(service, region_name=region)
            return client

    def new_client(self, service: str, **options: Any) -> Any:
        """Return a client with the usual limits of time and attempts.

        `options` are further ones of botocore.
        """
        from botocore.config import Config

        limits = Config(connect_timeout=3, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
        client = self.botocore.create_client(service, config=limits, **options)
        client.meta.events.register("after-call", _log_call)
        return client


def _log_call(http_response: Any, model: Any, **_: Any) -> None:
    log_debug("AWS %s %s: %s", model.service_model.service_name, model.name, http_response.status_code)


def _inside(session: object) -> botocore.session.Session:
    """Return the botocore session in a boto3 session.

    Only botocore's has endpoints and settings.
    """
    import botocore.session

    inner = getattr(session, "_session", session)
    if not isinstance(inner, botocore.session.Session):
        raise UsageError(f"session is {quoted_value(session)}.", hint="Pass a boto3.Session, or leave it out.")
    return inner


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

        from awsauth.kube.request import Deadline

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

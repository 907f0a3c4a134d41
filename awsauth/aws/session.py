"""Which AWS credentials and region are used, and the clients made with them."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Final, Literal, cast, overload

from awsauth.aws.errors import no_credentials, translate_errors
from awsauth.aws.instance_metadata import InstanceMetadata
from awsauth.core.text.display import quoted, quoted_value
from awsauth.debug_log import log_debug
from awsauth.errors import UsageError

if TYPE_CHECKING:
    import boto3
    import botocore.session
    from botocore.config import Config
    from botocore.credentials import Credentials
    from mypy_boto3_eks import EKSClient
    from mypy_boto3_iam import IAMClient
    from mypy_boto3_sts import STSClient
    from typing_extensions import Self

CONNECT_SECONDS: Final = 3
READ_SECONDS: Final = 20
ATTEMPTS: Final = 3


class AwsSession:
    """Credentials, region and clients, made when they are first needed; safe to share between threads.

    Args:
        profile: A profile of the AWS configuration files; credentials in the environment are then passed over.
        region: Wins over whatever the environment or a profile says.
        session: A boto3 session to use instead.

    Raises:
        UsageError: an argument is empty, or contradicts another, or is no session.
    """

    __slots__ = ("_argument", "_clients", "_is_given", "_lock", "_metadata", "botocore", "is_of_environment")

    def __init__(
        self, *, profile: str | None = None, region: str | None = None, session: boto3.Session | None = None
    ) -> None:
        given: tuple[tuple[str, Any], ...] = (("profile", profile), ("region", region))
        for name, value in given:
            if value is not None and not (isinstance(value, str) and value.strip()):
                raise UsageError(
                    f"{name} is {quoted_value(value, 60)}; nothing was contacted.",
                    hint="Is a variable unset? Leave the argument out to use what the environment says.",
                )
        if session is not None and profile is not None:
            raise UsageError(
                "Both a session and a profile are given; nothing was contacted.",
                hint="Pass one of them: a session has its profile.",
            )
        self.botocore: Final = _opened(profile) if session is None else _inside(session)
        self._is_given = session is not None
        self.is_of_environment = False
        self._argument = region
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.RLock()
        self._metadata: InstanceMetadata | None = None

    @classmethod
    def from_environment(cls) -> Self:
        """Return what boto3 finds by itself, for calls that take neither profile nor region: errors advise accordingly."""
        made = cls()
        made.is_of_environment = True
        return made

    def __repr__(self) -> str:
        return f"AwsSession(profile={self.profile!r}, region={self._argument!r})"

    @property
    def profile(self) -> str | None:
        """The profile in use; None for the default one."""
        return cast("str | None", self.botocore.get_config_variable("profile"))

    @property
    def given_region(self) -> str | None:
        """The region that was passed as argument."""
        return self._argument

    @property
    def known_region(self) -> str | None:
        """The region that argument, environment (AWS_REGION, AWS_DEFAULT_REGION) or profile name, in this order.

        A session that was passed has a word of its own in this, before AWS_REGION, which boto3 does not know.
        """
        if self._argument:
            return self._argument
        with translate_errors("The AWS configuration cannot be read", self):
            configured = cast("str | None", self.botocore.get_config_variable("region"))
        told = os.environ.get("AWS_REGION")
        return configured or told if self._is_given else told or configured

    @property
    def region(self) -> str:
        """The region to use: the one known, else that of the EC2 instance that this runs on.

        Raises:
            UsageError: nothing says which.
        """
        region = self.known_region or self.metadata.region()
        if not region:
            raise UsageError(
                "No AWS region is known; nothing was contacted. Instance metadata, which could tell it, "
                f"{self.metadata.problem or 'does not tell it'}.",
                hint="Set AWS_REGION, or AWS_PROFILE to a profile with a region."
                if self.is_of_environment
                else "Pass region=…, or set AWS_REGION, or give the cluster's ARN instead of its name.",
            )
        return region

    @property
    def metadata(self) -> InstanceMetadata:
        """The instance metadata service, asked when something of it is read."""
        with self._lock:
            if self._metadata is None:
                with translate_errors("The AWS configuration cannot be read", self):
                    self._metadata = InstanceMetadata.of(self.botocore)
            return self._metadata

    def credentials(self) -> Credentials:
        """Return the credentials that boto3 would use.

        Raises:
            CredentialsError: there are none, or they cannot be had; it names what was tried.
        """
        with self._lock, translate_errors("The AWS credentials cannot be loaded", self):
            found = self.botocore.get_credentials()
        if found is None:
            raise no_credentials(self)
        return found

    @overload
    def client(self, service: Literal["eks"], region: str | None = None) -> EKSClient: ...
    @overload
    def client(self, service: Literal["iam"], region: str | None = None) -> IAMClient: ...
    @overload
    def client(self, service: Literal["sts"], region: str | None = None) -> STSClient: ...
    @overload
    def client(self, service: Literal["ec2"], region: str | None = None) -> Any: ...
    def client(self, service: str, region: str | None = None) -> Any:
        """Return the client of a service in `region`, or the session's; calls belong inside `translate_errors`.

        It gives up connecting after 3 seconds and waiting for an answer after 20, and tries 3 times.

        Raises:
            CredentialsError: there are no credentials to sign with.
            UsageError: no region is known, or there is no such region.
        """
        location = region or self.region
        with self._lock:
            client = self._clients.get((service, location))
            if client is None:
                # Without this the first call would say so, after a client was loaded for nothing.
                self.credentials()
                client = self._clients[service, location] = self._made(service, location)
            return client

    def _made(self, service: str, region: str) -> Any:
        with translate_errors(f"No client for {service} in {quoted(region)} can be made", self):
            # boto3 would take any name for a region, and look for its host.
            self.botocore.get_partition_for_region(region)
            client = self.botocore.create_client(service, region_name=region, config=limits())
        client.meta.events.register("after-call", _log_call)
        return client


def _log_call(http_response: Any, model: Any, **_: Any) -> None:
    log_debug("AWS %s %s: %s", model.service_model.service_name, model.name, http_response.status_code)


def limits() -> Config:
    """Return how long every client waits, and how often it tries."""
    from botocore.config import Config

    return Config(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
    )


def _opened(profile: str | None) -> botocore.session.Session:
    import botocore.session

    return botocore.session.Session(profile=profile)


def _inside(session: Any) -> botocore.session.Session:
    """Return the botocore session that a boto3 session wraps: only it knows endpoints and settings."""
    import botocore.session

    inner = getattr(session, "_session", session)
    if not isinstance(inner, botocore.session.Session):
        raise UsageError(
            f"session is {quoted_value(session)}; nothing was contacted.", hint="Pass a boto3.Session, or leave it out."
        )
    return inner

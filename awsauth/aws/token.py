"""Bearer tokens for EKS clusters, signed in this process.

A token is a presigned call of ``sts:GetCallerIdentity`` that names the cluster in a signed header. Its format is that of
``aws-iam-authenticator`` ``pkg/token``: ``k8s-aws-v1.`` and the URL in unpadded base64url.
"""

from __future__ import annotations

import base64
import itertools
import re
import threading
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from awsauth.aws.errors import translate_errors
from awsauth.core.text.display import quoted
from awsauth.errors import CredentialsError, InvalidValueError, UsageError

if TYPE_CHECKING:
    from botocore.credentials import Credentials, ReadOnlyCredentials

    from awsauth.aws.session import AwsSession, EnvironmentKeys

# How long a token is reused. The authenticator accepts it for 15 minutes from its signing.
LASTS: Final = timedelta(minutes=14)

SESSION_NAME: Final = "EKSGetTokenAuth"  # the session name with which `aws eks get-token --role-arn` assumes a role

_PREFIX: Final = "k8s-aws-v1."
_LARGEST: Final = 4096
_UNSIGNED: Final = "The token cannot be signed"
# The usual value of ``X-Amz-Expires``. STS ignores it. Authenticators up to 0.3.0 accept no more.
_EXPIRES: Final = 60
# Other values of ``X-Amz-Expires``, so that two tokens of one second differ. An API server caches the user of a
# token.
_OTHERS: Final = itertools.cycle(range(_EXPIRES - 1, 0, -1))
_CLUSTER_ID: Final = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token.

    Attributes:
        value: The token itself; not shown in the repr.
        signed_at: The time of the signature.
    """

    value: str = field(repr=False)
    signed_at: datetime

    @property
    def expires_at(self) -> datetime:
        """The time until which it is reused."""
        return self.signed_at + LASTS


@dataclass(eq=False)
class TokenSource:
    """Valid tokens of one identity for one cluster, in any thread.

    Making a token needs no network, except where boto3 gets or renews the credentials.

    Args:
        session: The session whose credentials sign.
        cluster_id: The cluster's name; for a local cluster on Outposts its id.
        region: The cluster's region, whose STS the token calls.
        role_arn: A role to assume first, as ``aws eks get-token --role-arn`` does.
        session_name: The name of the role's session.

    Raises:
        InvalidValueError: `cluster_id` cannot be that of a cluster.
    """

    session: AwsSession = field(repr=False)
    cluster_id: str
    _: KW_ONLY
    region: str
    role_arn: str | None = None
    session_name: str = field(default=SESSION_NAME, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)
    _credentials: Credentials | EnvironmentKeys | None = field(default=None, init=False, repr=False)
    _token: Token | None = field(default=None, init=False, repr=False)
    _signed_with: str | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if not _CLUSTER_ID.fullmatch(self.cluster_id):
            hint = "Pass the name of the cluster."
            raise InvalidValueError(f"{quoted(self.cluster_id)} is not the name of a cluster.", hint=hint)

    def token(self) -> Token:
        """Return a valid token: the last one, or a new one.

        A new token is made 14 minutes after the last, and when boto3 has renewed the credentials: a token does not
        outlive the credentials that signed it.

        Raises:
            CredentialsError: there are no credentials, or they cannot be renewed.
            AwsPermissionError: the role may not be assumed.
            AwsServiceError: the role cannot be assumed for another reason.
            UsageError: STS has no endpoint in the region.
        """
        with self._lock:
            credentials, last = self._frozen(), self._token
            if (
                not last
                or self._signed_with != credentials.access_key
                or not last.signed_at <= _now() < last.expires_at
            ):
                last = self._signed(credentials, _EXPIRES)
            return last

    def new_token(self) -> Token:
        """Return a token unlike any before; raises like `token`.

        No API server has cached its user. From then on `token` returns it, too.
        """
        with self._lock:
            return self._signed(self._frozen(), next(_OTHERS))

    def for_role(self, role_arn: str | None) -> TokenSource:
        """Return a source for another role that this session may assume.

        None stands for the session itself. The two sources share no token.
        """
        name = self.session_name if role_arn == self.role_arn else SESSION_NAME
        return TokenSource(self.session, self.cluster_id, region=self.region, role_arn=role_arn, session_name=name)

    def caller(self) -> str:
        """Return the ARN that STS reports for the tokens, with one request.

        For a role, it is that of the role's session.

        Raises:
            AwsServiceError: STS does not answer; otherwise the errors of `token`.
        """
        with self._lock:
            keys = self._frozen()
        with translate_errors("The caller cannot be looked up", self.session, service="sts"):
            client = self.session.new_client(
                "sts",
                region_name=self.region,
                aws_access_key_id=keys.access_key,
                aws_secret_access_key=keys.secret_key,
                aws_session_token=keys.token,
            )
            return str(client.get_caller_identity()["Arn"])

    def _frozen(self) -> ReadOnlyCredentials | EnvironmentKeys:
        """Return the present credentials; boto3 renews them here when it is time."""
        if not self._credentials:
            own = self.session.credentials()
            self._credentials = own if self.role_arn is None else self._assumed(own, self.role_arn)
        doing = f"The role {quoted(self.role_arn)} cannot be assumed" if self.role_arn else _UNSIGNED
        with translate_errors(doing, self.session, service="sts"):
            frozen = self._credentials.get_frozen_credentials()
        if not frozen.access_key or not frozen.secret_key:
            raise self.session.no_credentials()
        return frozen

    def _assumed(self, own: Any, role_arn: str) -> Credentials:
        """Return the role's credentials, assumed again before they expire."""
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

        def client(service: str, **options: Any) -> Any:
            return self.session.new_client(service, region_name=self.region, **options)

        fetcher = AssumeRoleCredentialFetcher(client, own, role_arn, extra_args={"RoleSessionName": self.session_name})
        return DeferredRefreshableCredentials(method="assume-role", refresh_using=fetcher.fetch_credentials)

    def _signed(self, credentials: Any, expires: int) -> Token:
        from botocore.auth import SigV4QueryAuth
        from botocore.awsrequest import AWSRequest

        now = _now()
        with translate_errors(_UNSIGNED, self.session, service="sts"):
            request = AWSRequest(
                "GET",
                f"https://{sts_host(self.session, self.region)}/?Action=GetCallerIdentity&Version=2011-06-15",
                {"x-k8s-aws-id": self.cluster_id},
            )
            SigV4QueryAuth(credentials, "sts", self.region, expires).add_auth(request)
            url = str(request.prepare().url)
        value = _PREFIX + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
        if len(value) > _LARGEST:
            message = f"The token would have {len(value):,} bytes, but the cluster accepts {_LARGEST:,}."
            hint = "Use a role, or a session with fewer tags: the session token of the credentials is too long."
            raise CredentialsError(message, hint=hint)
        self._token, self._signed_with = Token(value, now), credentials.access_key
        return self._token


def sts_host(session: AwsSession, region: str) -> str:
    """Return the host of STS in a region, with the session's FIPS and dual-stack.

    It is always the regional host. An ``endpoint_url`` in the settings does not apply: the cluster calls this host.

    Raises:
        UsageError: botocore does not know such a region, or the partition has no such variant.
    """
    if not session.may_set("use_fips_endpoint", "use_dualstack_endpoint"):
        from botocore.loaders import create_loader

        # The rule for all regions, in a file that is read 100 times as fast as the endpoints themselves.
        for group in create_loader().load_data("partitions")["partitions"]:
            if re.fullmatch(group["regionRegex"].strip("^$"), region):
                return f"sts.{region}.{group['outputs']['dnsSuffix']}"
    from botocore.regions import EndpointResolver

    with translate_errors(f"STS is not known in {quoted(region)}", session):
        # Not the address of a client: older settings or versions of botocore make that the global one.
        resolver = EndpointResolver(session.botocore.get_component("data_loader").load_data("endpoints"))
        partition = resolver.get_partition_for_region(region)
        endpoint = resolver.construct_endpoint(
            "sts",
            region,
            use_fips_endpoint=bool(session.botocore.get_config_variable("use_fips_endpoint")),
            use_dualstack_endpoint=bool(session.botocore.get_config_variable("use_dualstack_endpoint")),
        )
    if not endpoint:
        raise UsageError(
            f"STS has no endpoint in the partition {partition} for the FIPS and dual-stack settings in use.",
            hint="Switch off use_dualstack_endpoint (AWS_USE_DUALSTACK_ENDPOINT) or use_fips_endpoint "
            "(AWS_USE_FIPS_ENDPOINT).",
        )
    return str(endpoint["hostname"])


def _now() -> datetime:
    return datetime.now(timezone.utc)

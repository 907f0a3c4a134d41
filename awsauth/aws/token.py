"""Bearer tokens for EKS clusters, signed in this process.

A token is a presigned call of ``sts:GetCallerIdentity`` that names the cluster in a signed header. Its format is that of
``aws-iam-authenticator`` ``pkg/token``: ``k8s-aws-v1.`` and the URL in unpadded base64url.
"""

from __future__ import annotations

import base64
import itertools
import re
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final

from awsauth.aws.errors import no_credentials, translate_errors
from awsauth.core.text.display import quoted
from awsauth.errors import CredentialsError, InvalidValueError, UsageError

if TYPE_CHECKING:
    from botocore.credentials import Credentials, ReadOnlyCredentials

    from awsauth.aws.session import AwsSession

LASTS: Final = timedelta(minutes=14)
"""How long a token is handed out as good: the authenticator takes it for 15 minutes from its signing."""

SESSION_NAME: Final = "EKSGetTokenAuth"
"""The session name with which ``aws eks get-token --role-arn`` assumes a role."""

_PREFIX: Final = "k8s-aws-v1."
_LARGEST: Final = 4096
_UNSIGNED: Final = "No token can be signed, so nothing was changed"
_EXPIRES: Final = 60
"""What goes into ``X-Amz-Expires``. STS ignores it; authenticators up to 0.3.0 want no more."""
_OTHERS: Final = itertools.cycle(range(_EXPIRES - 1, 0, -1))
"""What goes there instead, so that no two tokens of one second are the same: an API server remembers whose one was."""
_CLUSTER_ID: Final = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token.

    Attributes:
        value: The token itself; not shown in the repr.
        signed_at: When it was signed.
    """

    value: str = field(repr=False)
    signed_at: datetime

    @property
    def expires_at(self) -> datetime:
        """Until when it is handed out."""
        return self.signed_at + LASTS


class TokenSource:
    """Tokens of one identity for one cluster: always one that is good, in any thread, for as long as the process lives.

    Making a token needs no network, other than what boto3 needs to get and renew the credentials.

    Args:
        session: Whose credentials sign.
        cluster_id: The cluster's name; for a local cluster on Outposts its id.
        region: Whose STS is to be asked: the cluster's.
        role_arn: A role to assume first, as ``aws eks get-token --role-arn`` does.
        session_name: Under which name it is assumed.

    Raises:
        InvalidValueError: `cluster_id` cannot be that of a cluster.
    """

    __slots__ = (
        "_credentials",
        "_host",
        "_lock",
        "_session_name",
        "_signed_with",
        "_token",
        "cluster_id",
        "region",
        "role_arn",
        "session",
    )

    def __init__(
        self,
        session: AwsSession,
        cluster_id: str,
        *,
        region: str,
        role_arn: str | None = None,
        session_name: str = SESSION_NAME,
    ) -> None:
        if not _CLUSTER_ID.fullmatch(cluster_id):
            raise InvalidValueError(
                f"{quoted(cluster_id)} is no cluster's name; nothing was contacted.",
                hint="Give the name of the cluster.",
            )
        self.cluster_id = cluster_id
        self.region = region
        self.role_arn = role_arn
        self._session_name = session_name
        self.session = session
        self._lock = threading.Lock()
        self._credentials: Credentials | None = None
        self._token: Token | None = None
        self._signed_with: str | None = None
        self._host = ""

    def __repr__(self) -> str:
        return f"TokenSource({self.cluster_id!r}, region={self.region!r}, role_arn={self.role_arn!r})"

    def token(self) -> Token:
        """Return a token that is good for a while: the last one made, or a new one.

        A new one is made 14 minutes after the last, and as soon as boto3 has renewed the credentials: a token does not
        outlive the credentials that signed it.

        Raises:
            CredentialsError: there are no credentials, or they cannot be renewed.
            AwsPermissionError: the role may not be assumed.
            AwsServiceError: the role cannot be assumed for another reason.
            UsageError: no endpoint of STS is known in the region.
        """
        with self._lock:
            credentials = self._frozen()
            last, now = self._token, _now()
            if (
                last is None
                or self._signed_with != credentials.access_key
                or not last.signed_at <= now < last.expires_at
            ):
                last = self._token = self._signed(credentials, now)
                self._signed_with = credentials.access_key
            return last

    def new_token(self) -> Token:
        """Return a new token, unlike any made before, so that no API server remembers whose it is.

        It is handed out by `token` from then on. Raises what `token` does.
        """
        with self._lock:
            credentials = self._frozen()
            self._token = self._signed(credentials, _now(), next(_OTHERS))
            self._signed_with = credentials.access_key
            return self._token

    def for_role(self, role_arn: str | None) -> TokenSource:
        """Return tokens for the same cluster of a role that this session may assume; None for the session itself.

        Nothing is shared: tokens that are made here leave the ones handed out elsewhere as they are.
        """
        name = self._session_name if role_arn == self.role_arn else SESSION_NAME
        return TokenSource(self.session, self.cluster_id, region=self.region, role_arn=role_arn, session_name=name)

    def caller(self) -> str:
        """Return whose tokens they are, as STS says: an ARN, of a session where it is a role. One request.

        Raises:
            AwsServiceError: STS cannot be asked; otherwise what `token` raises.
        """
        from awsauth.aws.session import limits

        with self._lock:
            keys = self._frozen()
        with translate_errors("AWS cannot be asked who the caller is", self.session, service="sts"):
            client: Any = self.session.botocore.create_client(
                "sts",
                region_name=self.region,
                config=limits(),
                aws_access_key_id=keys.access_key,
                aws_secret_access_key=keys.secret_key,
                aws_session_token=keys.token,
            )
            return str(client.get_caller_identity()["Arn"])

    def _frozen(self) -> ReadOnlyCredentials:
        """Return the credentials of this moment; boto3 renews them here, when it is time."""
        doing = (
            f"The role {quoted(self.role_arn)} cannot be assumed, so nothing was changed"
            if self.role_arn
            else _UNSIGNED
        )
        if self._credentials is None:
            own = self.session.credentials()
            self._credentials = own if self.role_arn is None else self._assumed(own, self.role_arn)
        with translate_errors(doing, self.session, service="sts"):
            frozen = self._credentials.get_frozen_credentials()
        if not frozen.access_key or not frozen.secret_key:
            raise no_credentials(self.session)
        return frozen

    def _assumed(self, own: Credentials, role_arn: str) -> Credentials:
        """Return the credentials of the role: assumed when first needed, and again before they run out."""
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

        from awsauth.aws.session import limits

        def client(service: str, **how: Any) -> Any:
            return self.session.botocore.create_client(service, region_name=self.region, config=limits(), **how)

        fetcher = AssumeRoleCredentialFetcher(client, own, role_arn, extra_args={"RoleSessionName": self._session_name})
        return DeferredRefreshableCredentials(method="assume-role", refresh_using=fetcher.fetch_credentials)

    def _signed(self, credentials: ReadOnlyCredentials, now: datetime, expires: int = _EXPIRES) -> Token:
        from botocore.credentials import Credentials
        from botocore.model import ServiceId
        from botocore.signers import RequestSigner

        self._host = self._host or sts_host(self.session, self.region)
        request: dict[str, Any] = {
            "method": "GET",
            "url": f"https://{self._host}/?Action=GetCallerIdentity&Version=2011-06-15",
            "body": {},
            "headers": {"x-k8s-aws-id": self.cluster_id},
            "context": {},
        }
        with translate_errors(_UNSIGNED, self.session, service="sts"):
            signer = RequestSigner(
                ServiceId("STS"),
                self.region,
                "sts",
                "v4",
                Credentials(credentials.access_key or "", credentials.secret_key or "", credentials.token),
                self.session.botocore.get_component("event_emitter"),
            )
            url = signer.generate_presigned_url(
                request, region_name=self.region, expires_in=expires, operation_name="GetCallerIdentity"
            )
        value = _PREFIX + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
        if len(value) > _LARGEST:
            raise CredentialsError(
                f"The token would have {len(value):,} bytes, and the cluster takes {_LARGEST:,}; nothing was changed.",
                hint="The session token of the credentials is that long; use a role, or a session with fewer tags.",
            )
        return Token(value, now)


def sts_host(session: AwsSession, region: str) -> str:
    """Return the host of STS in a region, with FIPS and dual-stack as the session's settings say.

    Always the regional one; an ``endpoint_url`` in the settings is not for the token, which the cluster sends on.

    Raises:
        UsageError: botocore knows no region of this kind, or the partition has no such variant.
    """
    from botocore.regions import EndpointResolver

    with translate_errors(f"STS is not known in {quoted(region)}", session):
        # Not the address of a client: that would be the global one where the settings, or an older botocore, say so.
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
            f"STS has no such endpoint in the partition {partition} as the AWS configuration asks for.",
            hint="Switch off use_dualstack_endpoint (AWS_USE_DUALSTACK_ENDPOINT) or use_fips_endpoint "
            "(AWS_USE_FIPS_ENDPOINT).",
        )
    return str(endpoint["hostname"])


def _now() -> datetime:
    return datetime.now(timezone.utc)

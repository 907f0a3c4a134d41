"""Bearer tokens for EKS clusters, signed in this process.

A token is a presigned call of ``sts:GetCallerIdentity`` that names the cluster in a signed header. Its format is that of
``aws-iam-authenticator`` ``pkg/token``: ``k8s-aws-v1.`` and the URL in unpadded base64url.

A kubeconfig user may start ``aws eks get-token`` or ``aws-iam-authenticator token``. This process makes the token
instead, for the same identity and in a fraction of the time. A command line with one unknown word is not recognized, and
the program itself runs.
"""

from __future__ import annotations

import base64
import itertools
import posixpath
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from awsauth.aws.errors import translate_errors
from awsauth.core.text.display import quoted
from awsauth.errors import CredentialsError, InvalidValueError

if TYPE_CHECKING:
    from botocore.credentials import Credentials, ReadOnlyCredentials

    from awsauth.aws.session import AwsSession

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


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token.

    Attributes:
        value: The token itself; not shown in the repr.
        expires_at: The time until which it is reused.
    """

    value: str = field(repr=False)
    expires_at: datetime


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
    _credentials: Credentials | None = field(default=None, init=False, repr=False)
    _token: Token | None = field(default=None, init=False, repr=False)
    _signed_with: str | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        if not re.fullmatch("[!-~]{1,255}", self.cluster_id):
            hint = "Pass the name of the cluster."
            raise InvalidValueError(f"{quoted(self.cluster_id)} is not the name of a cluster.", hint=hint)

    def token(self, *, renew: bool = False) -> Token:
        """Return a valid token: the last one, or a new one.

        A new token is made 14 minutes after the last, and when boto3 has renewed the credentials: a token does not
        outlive the credentials that signed it. With `renew`, the token is unlike any before, so no API server has cached
        its user.

        Raises:
            CredentialsError: there are no credentials, or they cannot be renewed.
            AwsPermissionError: the role may not be assumed.
            AwsServiceError: the role cannot be assumed for another reason.
            UsageError: STS has no endpoint in the region.
        """
        with self._lock:
            credentials, last = self._frozen(), self._token
            if renew:
                return self._signed(credentials, next(_OTHERS))
            rest = last.expires_at - _now() if last else timedelta(0)  # longer than LASTS after the clock was set back
            if not last or self._signed_with != credentials.access_key or not timedelta(0) < rest <= LASTS:
                last = self._signed(credentials, _EXPIRES)
            return last

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
            pair = {"aws_access_key_id": keys.access_key, "aws_secret_access_key": keys.secret_key}
            client = self.session.new_client("sts", region_name=self.region, aws_session_token=keys.token, **pair)
            return str(client.get_caller_identity()["Arn"])

    def _frozen(self) -> ReadOnlyCredentials:
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
        from botocore import auth, awsrequest

        now = _now()
        with translate_errors(_UNSIGNED, self.session, service="sts"):
            host = self.session.regional_host("sts", self.region)
            called = f"https://{host}/?Action=GetCallerIdentity&Version=2011-06-15"
            request = awsrequest.AWSRequest("GET", called, {"x-k8s-aws-id": self.cluster_id})
            auth.SigV4QueryAuth(credentials, "sts", self.region, expires).add_auth(request)
            url = str(request.prepare().url)
        value = _PREFIX + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")
        if len(value) > _LARGEST:
            message = f"The token would have {len(value):,} bytes, but the cluster accepts {_LARGEST:,}."
            hint = "Use a role, or a session with fewer tags: the session token of the credentials is too long."
            raise CredentialsError(message, hint=hint)
        self._token, self._signed_with = Token(value, now + LASTS), credentials.access_key
        return self._token


def _now() -> datetime:
    return datetime.now(timezone.utc)


_KEYS: Final = {"apiVersion", "command", "args", "env", "installHint", "interactiveMode", "provideClusterInfo"}
_API_VERSIONS: Final = tuple(f"client.authentication.k8s.io/{version}" for version in ("v1", "v1beta1", "v1alpha1"))
_ENVIRONMENT: Final = frozenset({"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_STS_REGIONAL_ENDPOINTS"})
_AWS_GLOBAL: Final = frozenset({"--region", "--profile", "--output"})


def _flags(same: str, **named: str) -> dict[str, str]:
    """Return the field of `ExecIdentity` by flag.

    Fields in `same` are named like their flag; the others have the flags given.
    """
    flags = named | {name: f"--{name}" for name in same.split()}
    return {flag: name for name, own in flags.items() for flag in own.split()}


_AWS_FLAGS: Final = _flags("region profile output", cluster_id="--cluster-name --cluster-id", role_arn="--role-arn")
_AUTHENTICATOR_FLAGS: Final = _flags(
    "region", cluster_id="-i --cluster-id", role_arn="-r --role", session_name="-s --session-name"
)


class ExecIdentity(NamedTuple):
    """The identity and the cluster of the token that such a program would make.

    Attributes:
        cluster_id: The cluster's name, or id.
        region: The named region; None for that of the environment.
        profile: The named profile; None for that of the environment.
        role_arn: The role to assume first; None to assume no role.
        session_name: The name of the role's session.
    """

    cluster_id: str
    region: str | None = None
    profile: str | None = None
    role_arn: str | None = None
    session_name: str = SESSION_NAME


def recognized(stanza: Mapping[str, Any], environ: Mapping[str, str]) -> ExecIdentity | None:
    """Return the identity for the ``exec`` part of a user; None if not certain.

    Args:
        stanza: The value of ``users[].user.exec``.
        environ: The environment of this process, which the program would inherit.
    """
    command, args, env = stanza.get("command"), stanza.get("args") or [], _environment(stanza.get("env") or [])
    if not _KEYS.issuperset(stanza) or stanza.get("apiVersion") not in _API_VERSIONS or env is None:
        return None
    if not isinstance(command, str) or not isinstance(args, list) or not all(isinstance(arg, str) for arg in args):
        return None
    program = posixpath.basename(command)
    if not posixpath.isabs(command) and program != command:
        return None  # a program next to the kubeconfig may be any program
    given = None
    if program == "aws":
        given = _options(args, ("eks", "get-token"), _AWS_FLAGS, _AWS_GLOBAL)
        # The AWS CLI would read a value with `://` from a file.
        if given and (given.pop("output", "json") != "json" or any("://" in value for value in given.values())):
            return None
    elif program == "aws-iam-authenticator" and not environ.get("DEFAULT_ROLE"):
        given = _options(args, ("token",), _AUTHENTICATOR_FLAGS, frozenset())
    return _identity(given, env, environ) if given else None


def _identity(given: Mapping[str, str], env: Mapping[str, str], environ: Mapping[str, str]) -> ExecIdentity | None:
    profile = given.get("profile")
    if profile is None and "AWS_PROFILE" in env:
        # Unlike the option, the variable leaves keys in the environment in force.
        if "AWS_ACCESS_KEY_ID" in environ:
            return None
        profile = env["AWS_PROFILE"]
    if profile is None and environ.get("AWS_DEFAULT_PROFILE", environ.get("AWS_PROFILE")) != environ.get("AWS_PROFILE"):
        # boto3 and the program prefer different ones of the two.
        return None
    region = given.get("region") or env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION")
    found: Any = {**given, "region": region, "profile": profile}
    return ExecIdentity(**found)


def _options(
    args: Sequence[str], command: tuple[str, ...], flags: Mapping[str, str], early: frozenset[str]
) -> dict[str, str] | None:
    """Return the options of a command.

    Returns None for another command, or if an option is unknown, empty or repeated.

    Args:
        args: All arguments.
        command: The words among them, in this order.
        flags: The name of the option, by flag.
        early: Flags that may come before the last word.
    """
    words: tuple[str, ...] = ()
    given: dict[str, str] = {}
    rest = iter(args)
    for arg in rest:
        if not arg.startswith("-"):
            words += (arg,)
            continue
        flag, equals, value = arg.partition("=")
        # Programs differ about `-i=x`.
        if flag not in flags or (equals and not flag.startswith("--")) or (words != command and flag not in early):
            return None
        value = value if equals else next(rest, "")
        if not value or value.startswith("-") or flags[flag] in given:
            return None
        given[flags[flag]] = value
    return given if words == command and "cluster_id" in given else None


def _environment(env: Any) -> dict[str, str] | None:
    """Return the variables that a stanza sets; None if one is not understood."""
    variables: dict[str, str] = {}
    for item in env if isinstance(env, list) else [None]:
        if not isinstance(item, dict) or set(item) != {"name", "value"}:
            return None
        name, value = item["name"], item["value"]
        if name not in _ENVIRONMENT - variables.keys() or not isinstance(value, str) or not value:
            return None
        variables[name] = value
    return variables

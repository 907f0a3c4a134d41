"""Turn errors of boto3 into errors of this library.

This is the one boundary: a table by AWS code and exception. A botocore error may quote a session token, the password
of a proxy, or the output of a program. Only texts that are known to be harmless are shown.
"""

from __future__ import annotations

import json
import re
import ssl
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from awsauth import errors
from awsauth.boundary import causes
from awsauth.core.text.display import command_line, quoted, visible
from awsauth.system.backoff import http_date

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import botocore.session

_LONGEST: Final = 500  # characters of a foreign message that are shown

_ADDRESS: Final = re.compile(
    r"(?P<scheme>https?://)(?:[^/?#@]*@)?(?P<host>(?:[\w.-]+|\[[\da-f:.]+\])(?::\d+)?)(?:[/?][^@]*)?", re.ASCII
)
# How ValueErrors of botocore and its libraries begin; a value may follow.
_VALUE_ERRORS: Final = (
    "No closing quotation", "No escaped character", "Auth token value is not a legal header value", "Invalid IPv6 URL",
    "Invalid endpoint", "Unsupported host",
)  # fmt: skip


class _Session(Protocol):
    """What the texts of errors need of an `AwsSession`."""

    @property
    def botocore(self) -> botocore.session.Session: ...
    @property
    def profile(self) -> str | None: ...


def safe_text(error: Exception) -> str:
    """Return an error's text on one line, without the values that it may quote."""
    from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError

    if isinstance(error, ClientError):
        text = str(dict(error.response.get("Error", {})).get("Message") or "")
    elif isinstance(error, CredentialRetrievalError):
        source = error.kwargs.get("provider")
        text = str(error) if source else "Error when retrieving credentials"
        if source == "custom-process":  # botocore quotes the output of the program
            text = "Error when retrieving credentials from credential_process: the program failed or printed no credentials"
    elif isinstance(error, BotoCoreError):
        text = str(error)
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.strerror} ({error.filename})" if error.filename else error.strerror
    elif type(error) is ValueError:
        text = next((known for known in _VALUE_ERRORS if str(error).startswith(known)), "a value there cannot be used")
    else:
        text = type(error).__name__
    line = visible(" ".join(text.split()))
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def shown_address(url: object) -> str:
    """Return scheme, host and port of a URL without its user and password.

    It is empty if these cannot be told apart.
    """
    found = _ADDRESS.fullmatch(str(url or ""))
    return f"{found['scheme']}{found['host']}" if found else ""


# The codes of EKS, IAM and EC2 for an object that they do not know (yet).
MISSING: Final = frozenset({
    "ResourceNotFoundException", "NoSuchEntity", "InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed",
})  # fmt: skip

# The codes with which EKS and IAM say that the object exists already.
TAKEN: Final = frozenset({"ResourceInUseException", "EntityAlreadyExists"})

# The codes of EKS and EC2 for a request that does not fit the present state.
INVALID: Final = frozenset({"InvalidParameterException", "InvalidRequestException", "InvalidParameterValue"})

# The codes for too many calls; nothing was done.
THROTTLED: Final = frozenset({
    "Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "TooManyRequestsException",
    "RequestThrottled", "RequestThrottledException", "SlowDown", "PriorRequestNotComplete",
})  # fmt: skip

# The hint for an answer that does not look like one of AWS.
CHECK_WAY: Final = "Check the proxy (HTTPS_PROXY), and endpoint_url in the AWS configuration."

# The most pages of a list. That is 20,000 access entries, clusters or node groups, or 200,000 roles. AWS allows a
# fraction of that.
MOST_AWS_PAGES: Final = 200

# By boto3's name for a source of credentials, our name and words for it. The order is boto3's.
CREDENTIAL_SOURCES: Final = {
    "env": ("environment", "environment variables (AWS_ACCESS_KEY_ID)"),
    "assume-role": ("assumed-role", "a role that the profile assumes"),
    "assume-role-with-web-identity": ("web-identity", "a web identity token (AWS_WEB_IDENTITY_TOKEN_FILE)"),
    "sso": ("sso", "single sign-on"),
    "shared-credentials-file": ("profile", "the shared credentials file"),
    "custom-process": ("process", "credential_process"),
    "login": ("login", "aws login"),
    "config-file": ("profile", "the configuration file"),
    "container-role": ("container", "the role of the container (EKS Pod Identity, ECS)"),
    "iam-role": ("instance-role", "the role of the EC2 instance, through instance metadata"),
}

_ACTION: Final = re.compile(r"perform: (?P<action>[\w-]+:\w+)(?:.*?on resource: (?P<resource>arn:\S+))?", re.DOTALL)
_SKEW_WORDS: Final = re.compile(r"Signature (?:expired|not yet current)|is now (?:earlier|later) than")


class _Row(NamedTuple):
    """The error for one kind of failure.

    Attributes:
        kind: Its class.
        message: The problem; may name attributes of a `_AwsFailure`.
        hint: The next step; may name them, too.
        may_be_done: Whether AWS may have done what was asked for.
        is_secret: Whether the error of boto3 may quote a secret that no traceback may show.
    """

    kind: type[errors.AwsAuthError]
    message: str
    hint: str = ""
    may_be_done: bool = False
    is_secret: bool = False


def _unreached(problem: str, hint: str) -> _Row:
    return _Row(errors.AwsServiceError, f"AWS cannot be reached: {problem}.", hint, may_be_done=True, is_secret=True)


def _credentials(problem: str, hint: str, *, is_secret: bool = False) -> _Row:
    return _Row(errors.CredentialsError, problem, hint, is_secret=is_secret)


def _by_name(rows: Mapping[str, _Row]) -> dict[str, _Row]:
    return {name: row for names, row in rows.items() for name in names.split()}


_ROUTE: Final = (
    "Check the region's name, the network, the proxy (HTTPS_PROXY), and the service's VPC endpoint in a private subnet."
)
_TRUST: Final = (
    "Check the proxy (HTTPS_PROXY), and the trusted authorities: AWS_CA_BUNDLE, or ca_bundle in the AWS configuration."
)
_PAGE: Final = f"{CHECK_WAY} The sign-in page of a network may answer instead of AWS."

_SIGNATURE: Final = _credentials(
    "AWS rejects the signature ({0.code}).",
    "Check that the secret access key belongs to the access key ID, and that no proxy changes requests.",
    is_secret=True,
)
_SKEWED: Final = _credentials(
    "AWS rejects the signature because this machine's clock {0.clock}.",
    "Set the clock (chronyc makestep, timedatectl set-ntp true), then try again.",
    is_secret=True,
)
_THROTTLED: Final = _Row(
    errors.AwsServiceError,
    "AWS rejected several attempts because this account sends too many calls ({0.code}).",
    "Wait a minute and try again.",
)
_OTHER_CODE: Final = _Row(errors.AwsServiceError, "AWS answered {0.answer}")
# By the code in an answer of AWS.
_CODES: Final = _by_name(
    {
        "AccessDenied AccessDeniedException UnauthorizedOperation NotAuthorized UnauthorizedException": _Row(
            errors.AwsPermissionError, "IAM does not allow {0.action}. AWS says: {0.text}", "{0.grant}"
        ),
        "ExpiredToken ExpiredTokenException InvalidClientTokenId UnrecognizedClientException InvalidAccessKeyId "
        "InvalidToken AuthFailure MissingAuthenticationToken MissingAuthenticationTokenException OptInRequired": _credentials(
            "AWS rejects the credentials ({0.code}): {0.text}",
            "They have expired, were revoked, or belong to another partition. {0.renewal}",
        ),
        "SignatureDoesNotMatch InvalidSignatureException IncompleteSignature IncompleteSignatureException": _SIGNATURE,
        "RequestTimeTooSkewed RequestExpired RequestInTheFuture": _SKEWED,
        " ".join(THROTTLED): _THROTTLED,
    }
)

# By an exception behind one of botocore: these requests were not sent.
_BEHIND: Final = _by_name(
    {
        "SSLCertVerificationError": _unreached("the certificate of {0.host} is not trusted: {0.tls}", _TRUST),
        "LocationValueError ProxySchemeUnknown": _unreached(
            "the address of the proxy, or of AWS itself, is not valid",
            "Check HTTPS_PROXY, and AWS_ENDPOINT_URL or endpoint_url. Encode the characters / ? # @ : and \\ in a user or "
            "password (%23 for #).",
        ),
        "UnicodeError InvalidHeader": _unreached(
            "the credentials or the region hold a character that cannot be sent",
            "Look for a line break or another invisible character at the end of the credentials and the region. "
            "They may be in AWS_ACCESS_KEY_ID, AWS_SESSION_TOKEN or AWS_REGION.",
        ),
    }
)

# By the exception, or the nearest of its bases.
_EXCEPTIONS: Final = _by_name(
    {
        "SSLError": _unreached("the TLS connection to {0.host} failed", _TRUST),
        "ProxyConnectionError": _unreached("the connection to {0.proxy} failed", "Check HTTPS_PROXY."),
        "EndpointConnectionError": _unreached("the connection to {0.host} failed", _ROUTE),
        "ConnectTimeoutError": _unreached("the connection to {0.host} timed out", _ROUTE),
        "ReadTimeoutError": _unreached("{0.host} did not answer in time", _ROUTE),
        "ConnectionClosedError": _unreached("{0.host} closed the connection before it answered", _ROUTE),
        "HTTPClientError ConnectionError InvalidProxiesConfigError": _unreached("the request failed{0.cause}", _ROUTE),
        "CredentialRetrievalError": _credentials("{0.text}", "Check the source of the credentials.", is_secret=True),
        "ProfileNotFound": _credentials(
            "the AWS configuration has no profile {0.profile}.", "The profiles are: {0.profiles}."
        ),
        "UnauthorizedSSOTokenError SSOTokenLoadError SSOError TokenRetrievalError": _credentials(
            "the single sign-on session has expired, or was never opened.", "Renew it: {0.sso_login}"
        ),
        "LoginError LoginRefreshRequired LoginTokenLoadError LoginAuthorizationCodeError": _credentials(
            "{0.text}", "Renew it: {0.login}"
        ),
        "NoCredentialsError PartialCredentialsError UnknownCredentialError MetadataRetrievalError NoAuthTokenError "
        "RefreshWithMFAUnsupportedError UnknownTokenProviderError InvalidIMDSEndpointError InvalidIMDSEndpointModeError "
        "LoginInsufficientPermissions": _credentials("{0.text}", "Check the source of the credentials."),
        "ConfigParseError ConfigNotFound InvalidConfigError InfiniteLoopConfigError": _credentials(
            "{0.text}", "Correct the AWS configuration files."
        ),
        "NoRegionError InvalidRegionError UnknownRegionError UnknownEndpointError": _Row(
            errors.UsageError, "{0.text}", "Pass the name of a region, such as eu-west-1, or set AWS_REGION."
        ),
        "BotoCoreError ClientError": _Row(errors.AwsServiceError, "{0.text}"),
        # Its text quotes the answer. That of AssumeRole holds credentials.
        "ResponseParserError": _Row(
            errors.AwsServiceError, "the answer does not come from AWS.", _PAGE, may_be_done=True, is_secret=True
        ),
        "LookupError TypeError AttributeError RecursionError OverflowError MemoryError": _Row(
            errors.AwsServiceError, "the answer cannot be read ({0.name}).", _PAGE, may_be_done=True
        ),
        # Such as a credential_process that does not exist, or does not print JSON.
        "OSError ValueError UndefinedModelAttributeError": _credentials(
            "{0.text}",
            "Check the AWS configuration: credential_process, endpoint_url, and the files that it names.",
            is_secret=True,
        ),
        "StillExpired": _credentials("the credentials have expired, and so have their replacements.", "{0.renewal}"),
    }
)


@contextmanager
def translate_errors(doing: str, session: _Session, *, service: str = "", look: str = "") -> Iterator[None]:
    """Turn every error of boto3 in the block into an error of this library.

    That includes every failure to read an answer. Keep the block to calls and the reading of their answers: other
    defects in it would be reported as bad answers.

    Args:
        doing: The failure, as a sentence without its full stop: ``The cluster cannot be described``.
        session: The session that makes the calls.
        service: As IAM abbreviates it (``eks``), for the policy statement where AWS does not name the action.
        look: For a call that changes something, how to see whether it was done.

    Raises:
        CredentialsError: credentials are missing, expired or rejected, or this machine's clock is wrong.
        AwsPermissionError: IAM does not allow the call.
        AwsServiceError: the service refused otherwise, did not answer, or its answer cannot be read.
        OutcomeUnknownError: AWS may have done the call that `look` is about; it sent no answer, or a server error.
        UsageError: the region does not exist.
    """
    try:
        yield
    except errors.AwsAuthError:
        raise
    except Exception as error:
        failure = _AwsFailure(error, session, service)
        if not failure.row:
            raise
        raise failure.translated(doing, look) from (None if failure.row.is_secret else error)


def pages_of(client: Any, operation: str, **arguments: Any) -> Iterator[Any]:
    """Yield the items of a list, page by page.

    Raises:
        AwsServiceError: the list goes on after `MOST_AWS_PAGES`.
    """
    pages = client.get_paginator(operation).paginate(**arguments)
    for number, page in enumerate(pages):
        if number == MOST_AWS_PAGES:
            hint = f"{CHECK_WAY} A proxy may answer instead of AWS."
            raise errors.AwsServiceError(f"The list goes on after {MOST_AWS_PAGES} pages.", hint=hint)
        yield from pages.result_keys[0].search(page)


def clock_difference(date: str) -> str:
    """Return how far this machine's clock is from a server's ``Date``.

    Returns:
        Such as ``20 minutes behind``; empty if they agree within a minute, or the header is not a date.
    """
    server = http_date(date)
    seconds = (datetime.now(timezone.utc) - server).total_seconds() if server else 0.0
    if abs(seconds) < 60:
        return ""
    return f"{abs(seconds) / 60:,.0f} minutes {'ahead' if seconds > 0 else 'behind'}"


def login_command(session: _Session, *words: str) -> str:
    """Return a command of the AWS CLI for the session's profile, in backticks."""
    profile = ("--profile", session.profile) if session.profile else ()
    return f"`{command_line('aws', *words, *profile)}`"


class _AwsFailure:
    """An exception of boto3, with the values that the texts of its row name."""

    def __init__(self, error: Exception, session: _Session, service: str) -> None:
        response, details = getattr(error, "response", None), getattr(error, "kwargs", {})
        answer: dict[str, Any] = response if isinstance(response, dict) else {}
        metadata = answer.get("ResponseMetadata", {})
        self._session = session
        self._status = metadata.get("HTTPStatusCode", 0) if answer else None
        self.name, self.text = type(error).__name__, safe_text(error)
        self.code = visible(str(answer.get("Error", {}).get("Code") or ""))
        self.answer = ": ".join(filter(None, (self.code, self.text))) or "with an error that it does not name"
        self._message = str(error) if answer else ""
        denied = _ACTION.search(self._message)
        self.action = visible(denied["action"]) if denied else f"{service}:{getattr(error, 'operation_name', '')}"
        self.resource = (denied["resource"] if denied else None) or "*"
        difference = clock_difference(metadata.get("HTTPHeaders", {}).get("date", ""))
        self.clock = f"is {difference} that of AWS" if difference else "differs from that of AWS"
        self.host = shown_address(details.get("endpoint_url")) or "AWS"
        self.proxy = f"the proxy {shown_address(details.get('proxy_url'))}".rstrip()
        self.cause = f" ({type(details['error']).__name__})" if details.get("error") else ""
        untrusted = [cause for cause in causes(error) if isinstance(cause, ssl.SSLCertVerificationError)]
        self.tls = visible(untrusted[0].verify_message).rstrip(".") if untrusted else ""
        self.profile = quoted(session.profile or "default")
        self.sso_login, self.login = login_command(session, "sso", "login"), login_command(session, "login")
        self.row = _CODES.get(self.code, _OTHER_CODE) if answer else _raised(error)
        if self.row is _SIGNATURE and _SKEW_WORDS.search(self._message):
            self.row = _SKEWED

    def translated(self, doing: str, look: str) -> errors.AwsAuthError:
        """Return the error of this library."""
        row = self.row or _OTHER_CODE
        message, hint = f"{doing}: {row.message.format(self)}", row.hint.format(self)
        may_be_done = row.may_be_done
        if self._status is not None:
            may_be_done = not 400 <= self._status < 500 and row is not _THROTTLED
        if look and may_be_done:
            message = f"{message.rstrip('.')}. AWS may have done it."
            return errors.OutcomeUnknownError(message, hint=f"{look} {hint}".rstrip())
        error = row.kind(message, hint=hint)
        if isinstance(error, errors.AwsServiceError):
            error.code = self.code
        if isinstance(error, errors.AwsPermissionError):
            error.action, error.resource = self.action, self.resource
        return error

    @property
    def grant(self) -> str:
        """How to get the permission for a call."""
        if "explicit deny" in self._message:
            return "Change the policy that denies it. Another statement that allows it does not help."
        statement = {"Effect": "Allow", "Action": self.action, "Resource": self.resource}
        allow = f"Add this to the caller's permissions: {json.dumps(statement)}"
        trust = " The role's trust policy has to allow it, too." if self.action == "sts:AssumeRole" else ""
        return allow + trust

    @property
    def profiles(self) -> str:
        """The profiles of the AWS configuration."""
        from botocore.exceptions import BotoCoreError

        with suppress(BotoCoreError):
            return ", ".join(map(quoted, self._session.botocore.available_profiles)) or "none"
        return "not readable"

    @property
    def renewal(self) -> str:
        """How to renew credentials that AWS rejects, by their source."""
        from botocore.exceptions import BotoCoreError

        method = ""
        with suppress(BotoCoreError, OSError, ValueError):
            method = getattr(self._session.botocore.get_credentials(), "method", "")
        if method in ("sso", "login"):
            return f"Renew them: {self.sso_login if method == 'sso' else self.login}"
        if method == "env":
            return "Set new ones in the environment, or unset AWS_ACCESS_KEY_ID to use others."
        _, source = CREDENTIAL_SOURCES.get(method, ("", method or "an unknown source"))
        profile = f" of the profile {self.profile}" if self._session.profile else ""
        return f"They come from {source}{profile}: get new ones there."


def _raised(error: Exception) -> _Row | None:
    """Return the row for an exception of boto3 itself."""
    first, *behind = causes(error)
    for cause in behind:
        names = ["InvalidHeader"] if str(cause).startswith("Invalid header") else _names(cause)
        if found := next((_BEHIND[name] for name in names if name in _BEHIND), None):
            return found._replace(may_be_done=False)
    # botocore says so if the new credentials have expired, too.
    names = ["StillExpired"] if str(first).startswith("Credentials were refreshed, but") else _names(first)
    return next((_EXCEPTIONS[name] for name in names if name in _EXCEPTIONS), None)


def _names(error: BaseException) -> list[str]:
    return [kind.__name__ for kind in type(error).__mro__]

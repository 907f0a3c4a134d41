"""The one boundary at which errors of boto3 become errors of this library."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Final, TypeVar

from awsauth.aws.redaction import connection_failure, credential_failure, safe_message
from awsauth.core.text.display import command_line, quoted, visible
from awsauth.errors import (
    AwsAuthError,
    AwsPermissionError,
    AwsServiceError,
    CredentialsError,
    OutcomeUnknownError,
    UsageError,
)
from awsauth.retry import http_date

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from botocore.exceptions import BotoCoreError, ClientError

    from awsauth.aws.session import AwsSession

_T = TypeVar("_T")

GONE: Final = "ResourceNotFoundException"
"""The code with which EKS says that what was asked for is not there."""

CHECK_WAY: Final = "Check the proxy (HTTPS_PROXY), and endpoint_url in the AWS configuration."
"""Where to look when somebody else seems to answer in place of AWS."""

MOST_PAGES: Final = 200
"""Pages of a list: 20,000 access entries, clusters or node groups, or 200,000 roles; AWS allows a fraction of that."""

_LONGEST: Final = 500
"""Characters of somebody else's message that are shown."""

_SOURCES: Final = {
    "env": "environment variables (AWS_ACCESS_KEY_ID)",
    "assume-role": "a role that the profile assumes",
    "assume-role-with-web-identity": "web identity (AWS_WEB_IDENTITY_TOKEN_FILE)",
    "sso": "single sign-on",
    "shared-credentials-file": "the shared credentials file",
    "custom-process": "credential_process",
    "login": "aws login",
    "config-file": "the configuration file",
    "container-role": "a container's role (EKS Pod Identity, ECS)",
    "iam-role": "the EC2 instance's role (instance metadata)",
}
"""What boto3 looks for, in order, by the name it has for it; what else it knows are relics that nobody has."""

_DENIED: Final = frozenset({
    "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "NotAuthorized", "UnauthorizedException",
})  # fmt: skip
_BAD_CREDENTIALS: Final = frozenset({
    "ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId",
    "InvalidToken", "AuthFailure", "MissingAuthenticationToken", "MissingAuthenticationTokenException", "OptInRequired",
})  # fmt: skip
_SIGNATURE: Final = frozenset({
    "SignatureDoesNotMatch", "InvalidSignatureException", "IncompleteSignature", "IncompleteSignatureException",
})  # fmt: skip
"""Their messages hold the request as it was signed, with the session token in it: they are never shown."""
_SKEWED: Final = frozenset({"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture"})
_SKEW_WORDS: Final = re.compile(r"Signature (?:expired|not yet current)|is now (?:earlier|later) than")
_THROTTLED: Final = frozenset({
    "Throttling", "ThrottlingException", "ThrottledException", "RequestLimitExceeded", "TooManyRequestsException",
    "RequestThrottled", "RequestThrottledException", "SlowDown", "PriorRequestNotComplete",
})  # fmt: skip
_ACTION: Final = re.compile(r"perform: (?P<action>[\w-]+:\w+)(?:.*?on resource: (?P<resource>arn:\S+))?", re.DOTALL)
_NOT_SIGNED_IN: Final = ("UnauthorizedSSOTokenError", "SSOTokenLoadError", "SSOError", "TokenRetrievalError")
_NOT_LOGGED_IN: Final = ("LoginError", "LoginRefreshRequired", "LoginTokenLoadError", "LoginAuthorizationCodeError")
_NO_REGION: Final = ("NoRegionError", "InvalidRegionError", "UnknownRegionError", "UnknownEndpointError")
_NO_CREDENTIALS: Final = (
    "NoCredentialsError", "PartialCredentialsError", "UnknownCredentialError",
    "MetadataRetrievalError", "RefreshWithMFAUnsupportedError", "NoAuthTokenError", "UnknownTokenProviderError",
    "InvalidIMDSEndpointError", "InvalidIMDSEndpointModeError", "LoginInsufficientPermissions",
)  # fmt: skip
_BAD_CONFIG: Final = ("ConfigParseError", "ConfigNotFound", "InvalidConfigError", "InfiniteLoopConfigError")


_STILL_EXPIRED: Final = "Credentials were refreshed, but"
"""How a RuntimeError of botocore's begins."""


@contextmanager
def translate_errors(doing: str, session: AwsSession, *, service: str = "", look: str = "") -> Iterator[None]:
    """Turn whatever boto3 raises inside into an error of this library, and what comes of reading an odd answer, too.

    What stands inside is to be the calls and the reading of their answers, and nothing else: a defect in it would be
    taken for an answer that cannot be read.

    Args:
        doing: What failed, as a sentence without its full stop: ``The cluster cannot be described``.
        session: Whose calls they are.
        service: As IAM abbreviates it (``eks``), for the statement that allows the call where AWS does not name it.
        look: Of a call that changes something, how to see whether it was done.

    Raises:
        CredentialsError: credentials are missing, expired or refused, or this machine's clock is wrong.
        AwsPermissionError: IAM does not allow the call.
        AwsServiceError: the service refused otherwise, did not answer, or what came back cannot be read.
        OutcomeUnknownError: as much of a call that changes something, which may have been done: it was not answered, or
            with an error of AWS's own.
        UsageError: there is no such region.
    """
    from botocore.exceptions import BotoCoreError, ClientError, CredentialRetrievalError, UndefinedModelAttributeError
    from botocore.parsers import ResponseParserError

    try:
        yield
    except AwsAuthError:
        raise
    except ClientError as error:
        told: AwsAuthError = _perhaps(_refused(doing, session, error, service), look if _is_no_refusal(error) else "")
        # A message about a signature quotes what was signed, which no traceback may show.
        raise told from (None if _code(error) in _SIGNATURE else error)
    except BotoCoreError as error:
        if missed := connection_failure(error):
            told = AwsServiceError(f"{doing}: AWS cannot be reached: {missed.message}.", hint=missed.hint)
            raise _perhaps(told, look if missed.may_have_arrived else "") from None
        raise _failed(doing, session, error) from (None if isinstance(error, CredentialRetrievalError) else error)
    except ResponseParserError:
        # Its text quotes the answer, which of AssumeRole is credentials.
        raise _perhaps(_no_answer(doing, "what came back is no answer of AWS"), look) from None
    except (LookupError, TypeError, AttributeError, RecursionError, OverflowError, MemoryError) as error:
        raise _perhaps(_no_answer(doing, f"what came back cannot be read ({type(error).__name__})"), look) from error
    except (OSError, ValueError, UndefinedModelAttributeError) as error:
        # A credential_process that is missing, or prints no JSON: the error may hold what it printed.
        raise _strange(doing, error) from None
    except RuntimeError as error:
        if not str(error).startswith(_STILL_EXPIRED):
            raise
        raise CredentialsError(
            f"{doing}: the credentials have expired, and so have those that came in their place.",
            hint=_renewal(session),
        ) from error


def bounded(pages: Iterable[_T]) -> Iterator[_T]:
    """Yield the pages of a list.

    Raises:
        AwsServiceError: the list goes on after `MOST_PAGES`.
    """
    for number, page in enumerate(pages):
        if number == MOST_PAGES:
            raise AwsServiceError(
                f"The list goes on after {MOST_PAGES} pages; nothing was changed.",
                hint=f"Is there something in between that answers in place of AWS? {CHECK_WAY}",
            )
        yield page


def _perhaps(told: AwsAuthError, look: str) -> AwsAuthError:
    """Return an error as it is; or with how to look, one that says that what failed may have been done."""
    if not look:
        return told
    message = f"{told.message.rstrip('.')}. It may have been done all the same."
    return OutcomeUnknownError(message, hint=f"{look} {told.hint}".rstrip())


def _is_no_refusal(error: ClientError) -> bool:
    """Whether AWS failed while it did what was asked for, or after."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return not 400 <= status < 500 and _code(error) not in _THROTTLED


def _no_answer(doing: str, problem: str) -> AwsServiceError:
    return AwsServiceError(
        f"{doing}: {problem}.",
        hint=f"Is there something in between that answers in place of AWS, such as the sign-in page of a network? {CHECK_WAY}",
    )


def no_credentials(session: AwsSession) -> CredentialsError:
    """Return the error for there being no credentials: what was tried, and why instance metadata gave none."""
    providers = session.botocore.get_component("credential_provider").providers
    tried = [_SOURCES[provider.METHOD] for provider in providers if provider.METHOD in _SOURCES]
    listed = "\n".join(f"- {source}" for source in dict.fromkeys(tried))
    # Asked once more, because boto3 does not tell why it got nothing.
    role = session.metadata.role_name()
    metadata = session.metadata.problem or (f"names the role {quoted(role)}" if role else "names no role")
    return CredentialsError(
        f"There are no AWS credentials; nothing was contacted. Looked for, in this order:\n{listed}\n"
        f"Instance metadata {metadata}.",
        hint=f"Sign in{_of_profile(session)}, set AWS_PROFILE, or give the machine a role.",
    )


def iam_statement(action: str, resource: str) -> str:
    """Return the statement of an IAM policy that allows a call, as JSON."""
    return json.dumps({"Effect": "Allow", "Action": action, "Resource": resource or "*"})


def clock_difference(date: str, now: datetime | None = None) -> str:
    """Say how far this machine's clock is from the one of a server that sent a ``Date`` header.

    Returns:
        Such as ``20 minutes behind``; empty when they agree within a minute, or the header is no date.
    """
    server = http_date(date)
    if server is None:
        return ""
    seconds = ((now or datetime.now(timezone.utc)) - server).total_seconds()
    if abs(seconds) < 60:
        return ""
    return f"{abs(seconds) / 60:,.0f} minutes {'ahead' if seconds > 0 else 'behind'}"


def _refused(doing: str, session: AwsSession, error: ClientError, service: str) -> AwsAuthError:
    """Return the error for an answer of AWS that is one."""
    code, message = _code(error), _message(error)
    if code in _SKEWED or (code in _SIGNATURE and _SKEW_WORDS.search(message)):
        return _skewed(doing, error)
    if code in _SIGNATURE:
        return CredentialsError(
            f"{doing}: AWS does not accept the signature made with the credentials ({visible(code)}).",
            hint="The secret access key does not belong to the access key id, or a proxy changes requests.",
        )
    if code in _DENIED:
        return _denied(doing, error, service)
    if code in _BAD_CREDENTIALS:
        return CredentialsError(
            f"{doing}: AWS does not accept the credentials ({visible(code)}): {_short(message)}",
            hint=f"They have expired, were taken back, or are of another partition. {_renewal(session)}",
        )
    if code in _THROTTLED:
        return AwsServiceError(
            f"{doing}: AWS gets too many calls from this account ({visible(code)}), after several attempts.",
            hint="Wait a minute and try again.",
            code=code,
        )
    said = _short(f"{code}: {message}" if message else code)
    return AwsServiceError(f"{doing}: AWS answered {said or 'with an error that it does not name'}", code=code)


def _denied(doing: str, error: ClientError, service: str) -> AwsPermissionError:
    message = _message(error)
    match = _ACTION.search(message)
    action = match["action"] if match else f"{service}:{error.operation_name}"
    resource = (match["resource"] if match else None) or "*"
    if action == "sts:AssumeRole":
        hint = (
            f"The caller needs {iam_statement(action, resource)}, and the role's trust policy has to let the caller "
            "assume it."
        )
    elif "explicit deny" in message:
        hint = "A policy denies it by name; no statement that allows it helps against that."
    else:
        hint = f"Whoever manages the caller's permissions can allow it: {iam_statement(action, resource)}"
    return AwsPermissionError(
        f"{doing}: IAM does not allow {visible(action)}. AWS says: {_short(message)}",
        hint=hint,
        code=_code(error),
        action=action,
        resource=resource,
    )


def _skewed(doing: str, error: ClientError) -> CredentialsError:
    headers: dict[str, str] = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    difference = clock_difference(headers.get("date", ""))
    clock = f"is {difference} that of AWS" if difference else "is not that of AWS"
    return CredentialsError(
        f"{doing}: AWS does not accept a signature of this time: this machine's clock {clock}.",
        hint="Set the clock (chronyc makestep, timedatectl set-ntp true), then try again.",
    )


def _failed(doing: str, session: AwsSession, error: BotoCoreError) -> AwsAuthError:
    """Return the error for what boto3 raised by itself, other than that AWS cannot be reached."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    if "CredentialRetrievalError" in kinds:
        return CredentialsError(
            f"{doing}: {_short(credential_failure(error))}", hint="Look where they should come from."
        )
    if "ProfileNotFound" in kinds:
        return _no_profile(doing, session)
    if kinds.intersection(_NOT_SIGNED_IN):
        return CredentialsError(
            f"{doing}: the single sign-on session has expired, or was never opened.",
            hint=f"Renew it: {_with_profile(session, 'aws', 'sso', 'login')}",
        )
    if kinds.intersection(_NO_CREDENTIALS) or kinds.intersection(_NOT_LOGGED_IN):
        hint = "Look where they should come from."
        if kinds.intersection(_NOT_LOGGED_IN):
            hint = f"Renew it: {_with_profile(session, 'aws', 'login')}"
        return CredentialsError(f"{doing}: {_short(str(error))}", hint=hint)
    if kinds.intersection(_BAD_CONFIG):
        return CredentialsError(f"{doing}: {_short(str(error))}", hint="Correct the AWS configuration files.")
    if kinds.intersection(_NO_REGION):
        return UsageError(
            f"{doing}: {_short(str(error))}", hint="Pass the name of a region, such as eu-west-1, or set AWS_REGION."
        )
    return AwsServiceError(f"{doing}: {_short(str(error))}")


def _strange(doing: str, error: Exception) -> CredentialsError:
    if isinstance(error, OSError):
        text = error.strerror or type(error).__name__
    else:
        text = safe_message(error) if isinstance(error, ValueError) else type(error).__name__
    name = f" ({error.filename})" if isinstance(error, OSError) and error.filename else ""
    return CredentialsError(
        f"{doing}: {_short(f'{text}{name}')}",
        hint="Check the AWS configuration: credential_process, endpoint_url, and the files that it names.",
    )


def _no_profile(doing: str, session: AwsSession) -> CredentialsError:
    from botocore.exceptions import BotoCoreError

    try:
        known = ", ".join(map(quoted, session.botocore.available_profiles)) or "none"
    except BotoCoreError:
        known = "not readable"
    return CredentialsError(
        f"{doing}: there is no profile {quoted(session.profile or 'default')} in the AWS configuration.",
        hint=f"The profiles are: {known}.",
    )


def _renewal(session: AwsSession) -> str:
    """Return how credentials that AWS does not take are renewed, which depends on where they are from."""
    from botocore.exceptions import BotoCoreError

    try:
        method = getattr(session.botocore.get_credentials(), "method", "")
    except (BotoCoreError, OSError, ValueError):
        method = ""
    commands = {"sso": ("sso", "login"), "login": ("login",)}
    if method in commands:
        return f"Renew them: {_with_profile(session, 'aws', *commands[method])}"
    if method == "env":
        return "Set new ones in the environment, or unset AWS_ACCESS_KEY_ID to use others."
    source = _SOURCES.get(method, method or "nowhere that is known")
    profile = f" of the profile {quoted(session.profile)}" if session.profile else ""
    return f"They come from {source}{profile}: get new ones there."


def _with_profile(session: AwsSession, *command: str) -> str:
    return f"`{command_line(*command, *(('--profile', session.profile) if session.profile else ()))}`"


def _of_profile(session: AwsSession) -> str:
    return f" ({_with_profile(session, 'aws', 'sso', 'login')}, {_with_profile(session, 'aws', 'login')})"


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", "") or "")


def _message(error: ClientError) -> str:
    answer: dict[str, Any] = dict(error.response.get("Error", {}))
    return str(answer.get("Message") or "")


def _short(text: str) -> str:
    """Return somebody else's message in one visible line."""
    line = visible(" ".join(text.split()))
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"

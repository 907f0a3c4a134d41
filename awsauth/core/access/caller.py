"""Callers: their ARN as AWS reports it, and as the authenticator knows it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from awsauth.boundary import public
from awsauth.core.access.matching import INSTANCES_ONLY
from awsauth.core.arn import canonical_principal, is_user
from awsauth.core.edit.validation import as_text, hint_for_missing
from awsauth.core.serialization import LEFT_OUT, JsonValue
from awsauth.core.text.display import quoted, quoted_value
from awsauth.errors import InvalidValueError, UsageError

_SESSION: Final = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)


# ``aws-iam-authenticator`` ``pkg/server/server.go`` (``instanceIDPattern``).
_INSTANCE: Final = re.compile(r"i-(?:\w{8}|\w{17})", re.ASCII)


@dataclass(frozen=True, slots=True)
@public
class Caller(JsonValue):
    """A caller.

    Args:
        arn: The ARN as STS reports it (``aws sts get-caller-identity``) or as IAM shows it, with or without path.
        session_name: The name of the role's session, by default the one in the ARN of a session. None if unknown;
            always empty for a user.
        access_key_id: The access key that signs the token. None if unknown.

    Attributes:
        canonical_arn: The ARN that the authenticator looks for: without the path for a role, with it for a
            user (``aws-iam-authenticator`` ``pkg/arn``).
        account: The account, 12 digits.

    Raises:
        InvalidValueError: `arn` is not the ARN of a role or user, or `session_name` is not valid for STS.
        UsageError: the arguments contradict each other.
    """

    arn: str
    session_name: str | None = field(default=None, kw_only=True)
    access_key_id: str | None = field(default=None, kw_only=True, repr=False, metadata=LEFT_OUT)
    canonical_arn: str = field(init=False)
    account: str = field(init=False)

    def __post_init__(self) -> None:
        given: Any = self.arn
        if not isinstance(given, str) or not given:
            raise UsageError(
                f"The caller's ARN is {quoted_value(given)}.", hint=hint_for_missing(given, as_text(given))
            )
        names: dict[str, Any] = {"session_name": self.session_name, "access_key_id": self.access_key_id}
        for name, value in names.items():
            if value is not None and not isinstance(value, str):
                raise UsageError(f"{name} is {type(value).__name__}, not text.", hint="Pass text, or leave it out.")
        canonical = canonical_principal(self.arn)
        object.__setattr__(self, "session_name", self._session())
        object.__setattr__(self, "canonical_arn", canonical)
        object.__setattr__(self, "account", canonical.split(":")[4])

    def _session(self) -> str | None:
        in_arn = _session_in(self.arn)
        name = in_arn if self.session_name is None else self.session_name
        if in_arn not in (None, name):
            other = f"the ARN has the session {quoted(in_arn)}" if in_arn else "a user's session has no name"
            raise UsageError(f"The session name is {quoted(name or '')}, but {other}.", hint="Leave session_name out.")
        if name is not None and not is_user(self.arn) and not is_session_name(name):
            raise InvalidValueError(
                f"{quoted(name)} is not a session name.", hint="Use 2 to 64 letters, digits and `+=,.@_-`."
            )
        return name

    @property
    def is_role(self) -> bool:
        """Whether it is a role, not a user or an account's root."""
        return not is_user(self.canonical_arn)

    @property
    def name(self) -> str:
        """The last part of its ARN."""
        return self.canonical_arn.rpartition(":")[2].rpartition("/")[2]

    @property
    def is_instance(self) -> bool | None:
        """Whether its session name is an EC2 instance's id; None if it is unknown."""
        return None if self.session_name is None else _INSTANCE.fullmatch(self.session_name) is not None

    def __str__(self) -> str:
        return self.arn


def as_caller(caller: Caller | str) -> Caller:
    """Return a caller, or the caller with an ARN.

    Raises:
        InvalidValueError: it is not the ARN of a role or user.
    """
    return caller if isinstance(caller, Caller) else Caller(caller)


def is_session_name(text: str) -> bool:
    """Whether STS accepts a session name."""
    return _SESSION.fullmatch(text) is not None


def _session_in(arn: str) -> str | None:
    """Return the session name in an ARN, empty for a user, or None."""
    if is_user(arn):
        return ""
    return arn.rpartition("/")[2] if ":assumed-role/" in arn else None


# The templates in the order in which the authenticator fills them in. Each has its value, in words.
TAKES: Final = {
    INSTANCES_ONLY: "the private DNS name of the EC2 instance, which the authenticator reads from EC2",
    "{{AccountID}}": "the account of the caller",
    "{{SessionName}}": "the name of the caller's session, with `-` for every `@`",
    "{{SessionNameRaw}}": "the name of the caller's session, unchanged",
    "{{AccessKeyID}}": "the access key that the caller's token is signed with",
}


class Rendered(NamedTuple):
    """A username or group for one caller, with the templates whose values are unknown."""

    text: str
    unresolved: tuple[str, ...] = ()


def render(template: str, caller: Caller) -> Rendered:
    """Fill in the known values of a caller."""
    if "{{" not in template:
        return Rendered(template)
    values = _values(caller)
    unresolved = []
    for marker in TAKES:
        if marker not in template:
            continue
        value = values.get(marker)
        if value is None:
            unresolved.append(marker)
        else:
            template = template.replace(marker, value)
    return Rendered(template, tuple(unresolved))


def _values(caller: Caller) -> dict[str, str | None]:
    session = caller.session_name
    return {
        "{{AccountID}}": caller.account,
        "{{SessionName}}": None if session is None else session.replace("@", "-"),
        "{{SessionNameRaw}}": session,
        "{{AccessKeyID}}": caller.access_key_id,
    }

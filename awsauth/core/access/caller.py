"""Callers, and the effect of a change on their username and groups.

A mapping alone does not show it: another entry of the principal can count, or its account can have access.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, NamedTuple

from awsauth.core.access import matching
from awsauth.core.arn import canonical_principal, is_user
from awsauth.core.document.document import Document
from awsauth.core.document.model import MappingEntry
from awsauth.core.edit.validation import as_text, hint_for_missing
from awsauth.core.serialization import LEFT_OUT, JsonValue, json_object
from awsauth.core.text.display import groups_in_words, name_in_words, quoted, quoted_value, visible
from awsauth.errors import AwsAuthError, InvalidValueError, UsageError


@dataclass(frozen=True, slots=True)
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
            message = f"The caller's ARN is {quoted_value(given)}."
            raise UsageError(message, hint=hint_for_missing(given, as_text(given)))
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
            message = f"{quoted(name)} is not a session name."
            raise InvalidValueError(message, hint="Use 2 to 64 letters, digits and `+=,.@_-`.")
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
        # Source: ``aws-iam-authenticator`` ``pkg/server/server.go`` (``instanceIDPattern``).
        name = self.session_name
        return None if name is None else re.fullmatch(r"(?a)i-(?:\w{8}|\w{17})", name) is not None

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
    return re.fullmatch(r"(?a)[\w+=,.@-]{2,64}", text) is not None


def _session_in(arn: str) -> str | None:
    """Return the session name in an ARN, empty for a user, or None."""
    if is_user(arn):
        return ""
    return arn.rpartition("/")[2] if ":assumed-role/" in arn else None


# The templates in the order in which the authenticator fills them in. Each has its value, in words.
TAKES: Final = {
    matching.INSTANCES_ONLY: "the private DNS name of the EC2 instance, which the authenticator reads from EC2",
    "{{AccountID}}": "the account of the caller",
    "{{SessionName}}": "the name of the caller's session, with `-` for every `@`",
    "{{SessionNameRaw}}": "the name of the caller's session, unchanged",
    "{{AccessKeyID}}": "the access key that the caller's token is signed with",
}


_SESSION_NAME: Final = "{{SessionName}}"
_MARKER: Final = re.compile(f"({'|'.join(map(re.escape, TAKES))})")


class Rendered(NamedTuple):
    """A username or group for one caller, with the templates whose values are unknown."""

    text: str
    unresolved: tuple[str, ...] = ()


def render(template: str, caller: Caller) -> Rendered:
    """Fill in the known values of a caller."""
    if "{{" not in template:
        return Rendered(template)
    unresolved = []
    for marker, value in _values(caller).items():
        if value is not None:
            template = template.replace(marker, value)
        elif marker in template:
            unresolved.append(marker)
    return Rendered(template, tuple(unresolved))


def _values(caller: Caller) -> dict[str, str | None]:
    """Return the values of the templates, in the order of `TAKES`."""
    session = caller.session_name
    dashed = None if session is None else session.replace("@", "-")
    return dict(zip(TAKES, (None, caller.account, dashed, session, caller.access_key_id), strict=True))


def conditions_for(mapped: MappingEntry, templates: Sequence[str], name: str) -> tuple[str, ...] | None:
    """Return the conditions under which a template becomes `name`, or None."""
    user = is_user(matching.casefold_arn(mapped.principal))
    known = caller_of(mapped.principal)
    rendered = [render(template, known).text if known else template for template in templates]
    # An access entry has the path of its role. An account has no colon.
    is_certain = matching.is_canonical(matching.canonical(mapped.principal)) or ":" not in mapped.principal
    conditions = [] if is_certain else ["If the placeholder gets this value."]
    if matching.needs_instance(mapped):
        conditions.append("If it is an EC2 instance.")
    if name in rendered:
        return tuple(conditions)
    fitting = (template for template in rendered if matching.could_render(template, name))
    ways = dict.fromkeys(way for template in fitting if (way := _way(template, name, user=user)))
    return (*conditions, f"If {' or '.join(ways)}.") if ways else None


def _way(template: str, name: str, *, user: bool) -> str:
    """Return the condition under which a template becomes `name`.

    It is empty if no caller can meet it.
    """
    before, *between = _MARKER.split(template)
    if len(between) > 2:
        return f"{quoted(template)} becomes this"
    marker, after = between
    value = name[len(before) : len(name) - len(after)]
    if marker == matching.INSTANCES_ONLY:
        return f"its private DNS name is {quoted(value)}"
    if marker == "{{AccountID}}":
        return f"its account is {quoted(value)}"
    if marker == "{{AccessKeyID}}":
        return f"its token is signed with the access key {quoted(value)}"
    if user or not is_session_name(value) or (marker == _SESSION_NAME and "@" in value):
        return ""
    dashes = ", with `-` or `@` for each `-`" if marker == _SESSION_NAME and "-" in value else ""
    return f"its session is called {quoted(value)}{dashes}"


@json_object
class UserInfo(NamedTuple):
    """The username and groups that Kubernetes sees.

    Templates are filled in as far as the ARN gives their values; others, such as ``{{SessionName}}``, stay.
    """

    username: str
    groups: tuple[str, ...]


# The access of a principal: its usernames and groups. There are several values if it is undefined which counts, none
# without a mapping, and None for a refused caller.
UserInfos = tuple[UserInfo | None, ...]


@dataclass(frozen=True, slots=True)
class AccessChange(JsonValue):
    """The access of one principal before and after a change.

    Attributes:
        principal: The ARN as in the document.
        before: The username and groups before the change. Two spellings of a user give several values, and the
            authenticator takes either. None stands for a refusal, an empty list for no mapping.
        after: The username and groups after the change.
    """

    principal: str
    before: UserInfos
    after: UserInfos

    def told(self, show: Callable[[str], str] = visible) -> str:
        """Return a text that follows the principal's name; `show` formats values."""
        if not matching.can_match(self.principal):
            return "gets no access: no caller can have this ARN"
        if self.before == self.after:
            return f"keeps {describe_access(self.after, show)}"
        verb = "may become" if len(self.after) > 1 else "gets"
        return f"{verb} {describe_access(self.after, show)}; before the change {describe_access(self.before, show)}"


def access_changes(before: Document, after: Document, principals: Iterable[str]) -> tuple[AccessChange, ...]:
    """Return the changes of `principals`, in their order."""
    shown = {matching.casefold_arn(principal): principal for principal in principals}
    sides = [matching.Access.of(document, shown) for document in (before, after)]
    return tuple(AccessChange(arn, *(infos(arn, side.of_principal(arn)) for side in sides)) for arn in shown.values())


def infos(principal: str, outcomes: matching.Outcomes) -> UserInfos:
    """Return the access that mappings give a principal, each once."""
    return tuple(dict.fromkeys([_info(principal, mapped) for mapped in outcomes])) if outcomes else ()


def _info(principal: str, mapped: MappingEntry) -> UserInfo | None:
    if is_user(principal) and matching.needs_instance(mapped):
        return None
    known = filled_in(mapped)
    return UserInfo(known.username, known.groups)


def filled_in(mapped: MappingEntry) -> MappingEntry:
    """Return a mapping with the templates filled in whose values its ARN gives."""
    has_templates = any("{{" in text for text in (mapped.username, *mapped.groups))
    known = caller_of(mapped.principal) if has_templates else None
    if known is None:
        return mapped
    groups = tuple(render(group, known).text for group in mapped.groups)
    return mapped._replace(username=render(mapped.username, known).text, groups=groups)


@lru_cache(maxsize=4096)
def caller_of(principal: str) -> Caller | None:
    """Return the caller with an ARN; None for an ARN with a placeholder."""
    try:
        return Caller(matching.casefold_arn(principal))
    except AwsAuthError:
        return None


def describe_access(found: UserInfos, show: Callable[[str], str] = visible) -> str:
    """Return the access of a principal as text."""
    each = [
        f"username {name_in_words(info.username, show)}, {groups_in_words(info.groups, show)}" if info else "no access"
        for info in found or [None]
    ]
    return each[0] if len(each) == 1 else f"{' or '.join(each)} (two spellings, the winner is undefined)"

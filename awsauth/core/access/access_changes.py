"""The effect of a change on principals: username and groups before and after.

They are those of `awsauth.explain`. A mapping alone does not show it: another entry of the principal can count, or its
account can have access.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from awsauth.boundary import public
from awsauth.core.access.caller import Caller, render
from awsauth.core.access.matching import Access, can_match, casefold_arn, needs_instance
from awsauth.core.arn import is_user
from awsauth.core.serialization import JsonValue, json_object
from awsauth.core.text.display import visible
from awsauth.errors import AwsAuthError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from awsauth.core.access.matching import Outcomes
    from awsauth.core.document.document import Document
    from awsauth.core.document.model import MappingEntry


@json_object
class UserInfo(NamedTuple):
    """The username and groups that Kubernetes sees.

    Templates are filled in as far as the ARN gives their values; others, such as ``{{SessionName}}``, stay.
    """

    username: str
    groups: tuple[str, ...]


UserInfos = tuple[UserInfo | None, ...]
"""The access of a principal: its usernames and groups. There are several values if it is undefined which counts,
none without a mapping, and None for a refused caller."""

_NO_ACCESS: Final = "no access"


@dataclass(frozen=True, slots=True)
@public
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
        if not can_match(self.principal):
            return "gets no access: no caller can have this ARN"
        if self.before == self.after:
            return f"keeps {describe_access(self.after, show)}"
        verb = "may become" if len(self.after) > 1 else "gets"
        return f"{verb} {describe_access(self.after, show)}; before the change {describe_access(self.before, show)}"


def access_changes(before: Document, after: Document, principals: Iterable[str]) -> tuple[AccessChange, ...]:
    """Return the changes of `principals`, in their order."""
    shown = {casefold_arn(principal): principal for principal in principals}
    if not shown:
        return ()
    old, new = Access.of(before, shown), Access.of(after, shown)
    return tuple(
        AccessChange(arn, infos(arn, old.of_principal(arn)), infos(arn, new.of_principal(arn)))
        for arn in shown.values()
    )


def infos(principal: str, outcomes: Outcomes) -> UserInfos:
    """Return the access that mappings give a principal, each once."""
    return tuple(dict.fromkeys(_info(principal, mapped) for mapped in outcomes))


def _info(principal: str, mapped: MappingEntry) -> UserInfo | None:
    if is_user(principal) and needs_instance(mapped):
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


def caller_of(principal: str) -> Caller | None:
    """Return the caller with an ARN; None for an ARN with a placeholder."""
    try:
        return Caller(casefold_arn(principal))
    except AwsAuthError:
        return None


def describe_access(found: UserInfos, show: Callable[[str], str] = visible) -> str:
    """Return the access of a principal as text."""
    each = [_described(info, show) for info in found] or [_NO_ACCESS]
    return each[0] if len(each) == 1 else f"{' or '.join(each)} (two spellings, the winner is undefined)"


def _described(info: UserInfo | None, show: Callable[[str], str]) -> str:
    if info is None:
        return _NO_ACCESS
    groups = ", ".join(show(group) if group else "(empty)" for group in info.groups)
    listed = f"group{'s' if len(info.groups) > 1 else ''} {groups}" if groups else "no groups"
    return f"username {show(info.username) if info.username else '(empty)'}, {listed}"

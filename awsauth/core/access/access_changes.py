"""What a change does to principals: username and groups before and after it, as `awsauth.explain` gives them.

A mapping says less than that: another entry of the same principal may count, or its account may let it in.
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
"""One for what a principal gets; several where the winner is undefined; none without a mapping. None is for no access."""

_NO_ACCESS: Final = "no access"


@dataclass(frozen=True, slots=True)
@public
class AccessChange(JsonValue):
    """What one principal gets before and after a change.

    Attributes:
        principal: Its ARN, as the document has it.
        before: What it gets before the change: one username with its groups. Several where two spellings of a user are
            mapped: the authenticator takes either. None in the list stands for a refusal, an empty list for no mapping.
        after: The same, after the change.
    """

    principal: str
    before: UserInfos
    after: UserInfos

    def told(self, show: Callable[[str], str] = visible) -> str:
        """Return it in words that follow the principal; `show` makes values of the document fit to be shown."""
        if not can_match(self.principal):
            return "gets nothing: no caller can have this ARN"
        if self.before == self.after:
            return f"keeps {describe_access(self.after, show)}"
        verb = "may become" if len(self.after) > 1 else "gets"
        return f"{verb} {describe_access(self.after, show)}; before the change {describe_access(self.before, show)}"


def access_changes(before: Document, after: Document, principals: Iterable[str]) -> tuple[AccessChange, ...]:
    """Return what becomes of each of `principals`, in their order."""
    shown = {casefold_arn(principal): principal for principal in principals}
    if not shown:
        return ()
    old, new = Access.of(before, shown), Access.of(after, shown)
    return tuple(
        AccessChange(arn, infos(arn, old.of_principal(arn)), infos(arn, new.of_principal(arn)))
        for arn in shown.values()
    )


def infos(principal: str, outcomes: Outcomes) -> UserInfos:
    """Return what a principal gets by its mappings, each once."""
    return tuple(dict.fromkeys(_info(mapped, is_refused=_is_refused(principal, mapped)) for mapped in outcomes))


def _is_refused(principal: str, mapped: MappingEntry) -> bool:
    return is_user(principal) and needs_instance(mapped)


def _info(mapped: MappingEntry, *, is_refused: bool) -> UserInfo | None:
    if is_refused:
        return None
    known = filled_in(mapped)
    return UserInfo(known.username, known.groups)


def filled_in(mapped: MappingEntry) -> MappingEntry:
    """Return a mapping with what its ARN tells of the values of templates."""
    has_templates = any("{{" in text for text in (mapped.username, *mapped.groups))
    known = caller_of(mapped.principal) if has_templates else None
    if known is None:
        return mapped
    groups = tuple(render(group, known).text for group in mapped.groups)
    return mapped._replace(username=render(mapped.username, known).text, groups=groups)


def caller_of(principal: str) -> Caller | None:
    """Return a caller with an ARN; None for an ARN that is filled in later."""
    try:
        return Caller(casefold_arn(principal))
    except AwsAuthError:
        return None


def describe_access(found: UserInfos, show: Callable[[str], str] = visible) -> str:
    """Return what a principal gets, in words."""
    each = [_described(info, show) for info in found] or [_NO_ACCESS]
    return each[0] if len(each) == 1 else f"{' or '.join(each)} (two spellings, the winner is undefined)"


def _described(info: UserInfo | None, show: Callable[[str], str]) -> str:
    if info is None:
        return _NO_ACCESS
    groups = ", ".join(show(group) if group else "(empty)" for group in info.groups)
    listed = f"group{'s' if len(info.groups) > 1 else ''} {groups}" if groups else "no groups"
    return f"username {show(info.username) if info.username else '(empty)'}, {listed}"

"""Who gets what from a document: which mapping the authenticator uses for a caller, and which it never can.

Source of the rules: ``aws-iam-authenticator`` ``pkg/mapper/configmap/mapper.go`` (``Map``), ``pkg/config/mapper.go``
(``Key``, ``Matches``), ``pkg/server/server.go`` (``doMapping``, ``renderTemplates``). Mappings by ``sso`` are off by
default there, and give nobody anything here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from awsauth.core.arn import canonical_role, canonical_user
from awsauth.core.authenticator import TEMPLATES
from awsauth.core.reading import Mapped
from awsauth.errors import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from awsauth.core.document import Document

INSTANCES_ONLY: Final = "{{EC2PrivateDNSName}}"
"""With this in a username or group, nobody but an EC2 instance gets in."""

_TEMPLATE: Final = re.compile(rf"{{{{(?:{'|'.join(TEMPLATES)})}}}}")
# No ARN has these; a manifest that is filled in before it is applied does.
_FILLED_IN_LATER: Final = re.compile(r"[<>${}]")

Outcomes = tuple[Mapped, ...]
"""What a caller may get: one mapping; several where it is undefined which of them counts; none."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a document gives, and to whom.

    Attributes:
        by_principal: By ARN in lower case. Duplicates that never count are left out; ARNs that nobody can have are not.
        accounts: Accounts whose principals get in under their own ARN, where no mapping is theirs.
    """

    by_principal: Mapping[str, Outcomes]
    accounts: frozenset[str]

    @classmethod
    def of(cls, document: Document) -> Access:
        """Return what a document gives: roles before users, and of equals the last."""
        # Users are kept by their exact spelling and found whatever their case: of two spellings either may be found.
        spellings: defaultdict[str, dict[str, Mapped]] = defaultdict(dict)
        for mapped in document.reading("mapUsers").mapped:
            spellings[mapped.principal.lower()][mapped.principal] = mapped
        by_principal: dict[str, Outcomes] = {arn: tuple(users.values()) for arn, users in spellings.items()}
        for mapped in document.reading("mapRoles").mapped:
            if mapped.principal:
                by_principal[mapped.principal.lower()] = (mapped,)
        return cls(by_principal, frozenset(document.accounts))

    def of_caller(self, arn: str) -> Outcomes:
        """Return what the caller with this ARN gets."""
        found = self.by_principal.get(principal_of(arn), ())
        if found or account_of(arn) not in self.accounts:
            return found
        return (Mapped(arn, username=arn),)


def principal_of(arn: str) -> str:
    """Return the ARN by which the authenticator looks a caller up, in lower case; of what is no ARN, the text itself."""
    try:
        return canonical_role(arn).lower()
    except InvalidValueError:
        return arn.lower()


def account_of(arn: str) -> str:
    """Return the account in an ARN; empty where there is none."""
    return (arn.split(":", 5) + [""] * 5)[4]


@lru_cache(maxsize=4096)
def is_exact(principal: str) -> bool:
    """Whether a caller can have this ARN, as it is written in the map.

    Nobody has that of a role with its path, of a role's session, of an instance profile, or one with a space behind it.
    """
    arn = principal.lower()
    for canonical in (canonical_role, canonical_user):
        try:
            return canonical(arn) == arn
        except InvalidValueError:
            continue
    return False


def can_match(principal: str) -> bool:
    """Like `is_exact`, and true also for what looks as if it were filled in later, such as ``<account>``."""
    return is_exact(principal) or _FILLED_IN_LATER.search(principal) is not None


def could_render(template: str, text: str) -> bool:
    """Whether `text` can be what the authenticator makes of a username or group, for some caller."""
    first, *rest = _TEMPLATE.split(template)
    if not rest:
        return template == text
    *middle, last = rest
    # By hand: an expression with `.*` for each template takes for ever on a username of many templates.
    position = len(first)
    end = len(text) - len(last)
    if position > end or not text.startswith(first) or not text.endswith(last):
        return False
    for literal in middle:
        found = text.find(literal, position, end)
        if found < 0:
            return False
        position = found + len(literal)
    return True


def lost_groups(before: Outcomes, after: Outcomes) -> list[str]:
    """Return the groups that somebody had for certain and will not, or may have had and cannot any more."""
    certain = _in_all(before) - _in_all(after)
    possible = _in_any(before) - _in_any(after)
    return sorted(certain | possible)


def takes_away(before: Access, after: Access) -> bool:
    """Whether anybody loses access or a group, or gets another username."""
    if before.accounts - after.accounts:
        return True
    for principal, old in before.by_principal.items():
        new = after.by_principal.get(principal, ())
        if (
            new != old
            and can_match(principal)
            and (not new or lost_groups(old, new) or _usernames(old) != _usernames(new))
        ):
            return True
    return False


def _usernames(outcomes: Outcomes) -> set[str]:
    return {mapped.username for mapped in outcomes}


def _in_all(outcomes: Outcomes) -> set[str]:
    return set.intersection(*(set(mapped.groups) for mapped in outcomes)) if outcomes else set()


def _in_any(outcomes: Outcomes) -> set[str]:
    return {group for mapped in outcomes for group in mapped.groups}

"""Rules about groups: run together, empty, misspelt, or chosen by the caller."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from awsauth.core.access.node_mappings import NODE_GROUPS
from awsauth.core.document.model import SYSTEM_MASTERS
from awsauth.core.findings import Severity
from awsauth.core.lint.rule import Match, rule
from awsauth.core.lint.rules.templates import misspelt, unfilled
from awsauth.core.lint.rules.usernames import SESSION_TEMPLATES, chooses_session_name
from awsauth.core.lint.subject import has_invisible
from awsauth.core.text.display import quoted
from awsauth.core.text.lines import close_matches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.lint.subject import LintContext

WELL_KNOWN: Final = (
    SYSTEM_MASTERS,
    *sorted(NODE_GROUPS),
    "system:authenticated",
    "system:unauthenticated",
    "system:serviceaccounts",
    "system:monitoring",
)
"""Groups that mean something to Kubernetes or EKS by themselves."""

_BY_LETTERS: Final = {re.sub("[^a-z]", "", group): group for group in WELL_KNOWN}
_OF_PARTS: Final = re.compile(r"[\s:_.-]*(?:system|eks)", re.IGNORECASE)
_JOINED: Final = re.compile(r"(?<!\s)\s+-\s+")


@lru_cache(maxsize=1024)
def parts(group: str) -> tuple[str, ...]:
    """Return the groups that a list item one column too far has run together; none for a group of its own."""
    found = tuple(_JOINED.split(group))
    return found if len(found) > 1 and all(part and not re.search(r"\s", part) for part in found) else ()


@lru_cache(maxsize=1024)
def meant(group: str) -> str:
    """Return the well-known group that a group is a misspelling of; empty for every other.

    What only looks like one, by letters of another alphabet, is not misspelt.
    """
    if (
        group in WELL_KNOWN
        or not group.isascii()
        or not _OF_PARTS.match(group)
        or parts(group)
        or "," in group
        or is_unclear(group)
    ):
        return ""
    letters = re.sub("[^a-z]", "", group.lower())
    close = close_matches(letters, _BY_LETTERS, 1, 0.86)
    return _BY_LETTERS[close[0]] if close and not group.startswith(f"{_BY_LETTERS[close[0]]}:") else ""


def is_unclear(group: str) -> bool:
    """Whether what somebody gets by a group cannot be told, or another rule tells that it is not what it seems."""
    return not group or has_invisible(group) or bool(misspelt(group) or unfilled(group))


@rule(Severity.ERROR, "groups run together to one: `a - b`")
def joined_groups(subject: LintContext) -> Iterator[Match]:
    """Find list items that stand one column too far to the right, and so continue the one before.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/nodes
            username: system:node:{{EC2PrivateDNSName}}
            groups:
            - system:bootstrappers
             - system:nodes

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/nodes
            username: system:node:{{EC2PrivateDNSName}}
            groups:
            - system:bootstrappers
            - system:nodes
    """
    for group, items in subject.groups.items():
        for item in items if parts(group) else ():
            yield Match(
                f"{len(parts(group))} groups have become one, {quoted(group)}.",
                "Nobody is in any of them.",
                "Write the dashes below each other.",
                item.group_location(group),
                item.mapped.principal,
            )


@rule(Severity.WARNING, "several names in one group: `a,b`")
def listed_groups(subject: LintContext) -> Iterator[Match]:
    """Find groups that are a list with commas, as of a tool that takes one text for all of them.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
            groups: ["builders,viewers"]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
            groups: [builders, viewers]
    """
    for group, items in subject.groups.items():
        names = [name.strip() for name in group.split(",")]
        for item in items if len(names) > 1 and all(names) else ():
            yield Match(
                f"{quoted(group)} is one group, with a comma in its name.",
                f"It is none of {', '.join(map(quoted, names))}, and gives nothing unless RBAC names it just so.",
                "Write each group as an item of its own.",
                item.group_location(group),
                item.mapped.principal,
            )


@rule(Severity.WARNING, "an empty group")
def empty_group(subject: LintContext) -> Iterator[Match]:
    """Find dashes with nothing behind them.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
            groups:
            - builders
            -

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
            groups: []
    """
    for item in subject.groups.get("", ()):
        location = item.group_location("")
        if not subject.is_told(location):
            yield Match(
                "A group is empty.",
                "It gives nothing.",
                "Write its name, or take the item out.",
                location,
                item.mapped.principal,
            )


@rule(Severity.WARNING, "a well-known group misspelt, such as `system:master`")
def misspelt_group(subject: LintContext) -> Iterator[Match]:
    """Find groups that are a letter or two away from those that Kubernetes and EKS know.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/admin
            username: admin
            groups: [system:master]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/admin
            username: admin
            groups: [system:masters, masters-of-the-house]
    """
    for group, items in subject.groups.items():
        for item in items if meant(group) else ():
            yield Match(
                f"{quoted(group)} is not {quoted(meant(group))}.",
                "It gives nothing unless RBAC names it just so.",
                f"If {quoted(meant(group))} is meant, write it so; otherwise choose another name.",
                item.group_location(group),
                item.mapped.principal,
            )


@rule(Severity.WARNING, "a group that callers choose: `{{SessionName}}` in its name")
def chosen_group(subject: LintContext) -> Iterator[Match]:
    """Find groups with the session name in them, which whoever assumes a role chooses freely.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
            groups: ["team-{{SessionName}}"]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci:{{SessionName}}
            groups: ["team-{{AccountID}}"]
    """
    for group, items in subject.groups.items():
        for item in items if any(template in group for template in SESSION_TEMPLATES) else ():
            if chooses_session_name(item):
                yield Match(
                    "The session name is part of a group.",
                    "Whoever assumes the role chooses that, and so chooses which group to be in.",
                    "Write the group out; give each group a role of its own.",
                    item.group_location(group),
                    item.mapped.principal,
                )

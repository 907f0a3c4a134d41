"""Rules about groups: joined, empty, misspelt, or chosen by the caller."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from awsauth.core.access.node_mappings import NODE_GROUPS
from awsauth.core.document.model import SYSTEM_MASTERS
from awsauth.core.findings import Severity
from awsauth.core.lint.context import LintContext, has_invisible
from awsauth.core.lint.rule import Match, rule
from awsauth.core.lint.rules.templates import misspelt, unfilled
from awsauth.core.lint.rules.usernames import chooses_session_name, has_session_name
from awsauth.core.text.display import quoted
from awsauth.core.text.lines import close_matches

# Groups that Kubernetes or EKS binds by itself.
WELL_KNOWN: Final = (
    SYSTEM_MASTERS,
    *sorted(NODE_GROUPS),
    "system:authenticated",
    "system:unauthenticated",
    "system:serviceaccounts",
    "system:monitoring",
)

_BY_LETTERS: Final = {re.sub("[^a-z]", "", group): group for group in WELL_KNOWN}
_OF_PARTS: Final = re.compile(r"[\s:_.-]*(?:system|eks)", re.IGNORECASE)
_JOINED: Final = re.compile(r"(?<!\s)\s+-\s+")
_UNLESS_BOUND: Final = "It grants nothing unless RBAC binds exactly this name."


@lru_cache(maxsize=1024)
def parts(group: str) -> tuple[str, ...]:
    """Return the groups that a badly indented item has joined to one.

    It is empty for an ordinary group.
    """
    found = tuple(_JOINED.split(group))
    return found if len(found) > 1 and all(part and not re.search(r"\s", part) for part in found) else ()


@lru_cache(maxsize=1 << 16)  # more than one rule asks, and 1 MiB has room for so many
def meant(group: str) -> str:
    """Return the well-known group that a group misspells; empty for any other.

    It is also empty for letters of another alphabet.
    """
    is_ordinary = group in WELL_KNOWN or not group.isascii() or not _OF_PARTS.match(group)
    if is_ordinary or parts(group) or "," in group or is_unclear(group):
        return ""
    letters = re.sub("[^a-z]", "", group.lower())
    close = close_matches(letters, _BY_LETTERS, 1, 0.86)
    return _BY_LETTERS[close[0]] if close and not group.startswith(f"{_BY_LETTERS[close[0]]}:") else ""


def is_unclear(name: str) -> bool:
    """Whether a username or group has no clear meaning.

    It is empty, has a placeholder in it, or another rule reports it.
    """
    return not name or has_invisible(name) or bool(misspelt(name) or unfilled(name))


@rule(Severity.ERROR, "several groups joined to one: `a - b`")
def joined_groups(context: LintContext) -> Iterator[Match]:
    """A list item one column too far to the right continues the item above it.

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
    for group, item in context.named("group", parts):
        message = f"{len(parts(group))} groups have become one, {quoted(group)}."
        impact = "The principal is in none of them."
        yield item.match(message, impact, "Write the dashes below each other.", at=item.group_location(group))


@rule(Severity.WARNING, "several names in one group: `a,b`")
def listed_groups(context: LintContext) -> Iterator[Match]:
    """Some tools take one text with commas for all groups.

    The authenticator takes a list.

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
    for group, item in context.named("group", lambda group: "," in group and all(map(str.strip, group.split(",")))):
        message = f"{quoted(group)} is one group with a comma in its name."
        hint = "Write each group as an item of its own."
        yield item.match(message, _UNLESS_BOUND, hint, at=item.group_location(group))


@rule(Severity.WARNING, "an empty group")
def empty_group(context: LintContext) -> Iterator[Match]:
    """A dash without a name is a group with an empty name.

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
    for item in context.groups.get("", ()):
        if not context.is_told_at(item.group_location, ""):
            yield item.match(
                "A group is empty.", "It grants nothing.", "Write its name, or remove it.", at=item.group_location("")
            )


@rule(Severity.WARNING, "a misspelt well-known group, such as `system:master`")
def misspelt_group(context: LintContext) -> Iterator[Match]:
    """The group differs by a letter or two from one that Kubernetes or EKS binds.

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
    for group, item in context.named("group", meant):
        message = f"{quoted(group)} is not {quoted(meant(group))}."
        hint = f"Write {quoted(meant(group))} if you mean that group, or choose a name that differs more."
        yield item.match(message, _UNLESS_BOUND, hint, at=item.group_location(group))


@rule(Severity.WARNING, "a group that callers choose: `{{SessionName}}` in its name")
def chosen_group(context: LintContext) -> Iterator[Match]:
    """A caller who assumes a role chooses the session name.

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
    for group, item in context.named("group", has_session_name):
        if chooses_session_name(item):
            impact = "Anyone who assumes the role chooses the session name, and so the group."
            hint = "Write the group's whole name, and use one role for each group."
            yield item.match("The session name is part of a group.", impact, hint, at=item.group_location(group))

"""Rules about groups and usernames: misspelt, missing, or chosen by the caller."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from awsauth.core.access.node_mappings import NODE_USERNAMES, NODES, WELL_KNOWN
from awsauth.core.findings import Severity
from awsauth.core.lint.context import LintContext, LintEntry, Match, has_invisible
from awsauth.core.lint.rule import rule
from awsauth.core.lint.rules.templates import misspelt, unfilled
from awsauth.core.text.display import quoted
from awsauth.core.text.lines import close_matches

_BY_LETTERS: Final = {re.sub("[^a-z]", "", group): group for group in WELL_KNOWN}
_OF_PARTS: Final = re.compile(r"[\s:_.-]*(?:system|eks)", re.IGNORECASE)
_UNLESS_BOUND: Final = "It grants nothing unless RBAC binds exactly this name."


def parts(group: str) -> tuple[str, ...]:
    """Return the groups that a badly indented item has joined to one.

    It is empty for an ordinary group.
    """
    found = tuple(re.split(r"(?<!\s)\s+-\s+", group)) if len(group.split()) > 2 else ()
    return found if len(found) > 1 and all(part and not re.search(r"\s", part) for part in found) else ()


@lru_cache(maxsize=1 << 16)  # more than one rule asks, and 1 MiB has room for so many
def meant(group: str) -> str:
    """Return the well-known group that a group misspells; empty for any other.

    It is also empty for letters of another alphabet.
    """
    is_ordinary = group in WELL_KNOWN or not group.isascii() or not _OF_PARTS.match(group)
    if is_ordinary or parts(group) or "," in group or is_unclear(group):
        return ""
    close = close_matches(re.sub("[^a-z]", "", group.lower()), _BY_LETTERS, 1, 0.86)
    return _BY_LETTERS[close[0]] if close and not group.startswith(f"{_BY_LETTERS[close[0]]}:") else ""


def means_nodes(group: str) -> bool:
    """Whether a group is `system:nodes`, misspelt."""
    close = close_matches(re.sub("[^a-z]", "", group.lower()), ("systemnodes",), 1, 0.86)
    return bool(close) and meant(group) == NODES  # `meant` takes ten times as long


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
        at = item.group_location("")
        if not context.is_told(at):
            yield item.match("A group is empty.", "It grants nothing.", "Write its name, or remove it.", at=at)


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


_SESSION_TEMPLATES: Final = ("{{SessionName}}", "{{SessionNameRaw}}")


def has_session_name(name: str) -> bool:
    """Whether a name contains the session name."""
    return "{{" in name and any(template in name for template in _SESSION_TEMPLATES)


def chooses_session_name(item: LintEntry) -> bool:
    """Whether callers choose their session names.

    They do for every role but those of IAM Identity Center.
    """
    return not item.is_person and not (item.fault == "placeholder" and "sso" in item.arn)


@rule(Severity.WARNING, "groups without a username")
def no_username(context: LintContext) -> Iterator[Match]:
    """The authenticator accepts a mapping without a username.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            groups: [builders]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
    """
    for item in context.usernames.get("", ()):
        has_groups = item.mapped.groups and NODES not in item.mapped.groups
        if has_groups and not context.is_told(item.value_location("username")):
            impact = "The caller has an empty username: RBAC uses the groups only, and the audit log names no one."
            yield item.match("There is no username.", impact, "Add a username.", at=item.location("username"))


@rule(Severity.WARNING, "a mapping with neither username nor groups")
def nothing_given(context: LintContext) -> Iterator[Match]:
    """The authenticator accepts such a mapping.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            groups: []

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
    """
    for item in context.usernames.get("", ()):
        is_told = context.is_told(item.value_location("username")) or context.is_told(item.value_location("groups"))
        if not item.mapped.groups and not is_told:
            message = "There is neither a username nor a group."
            impact = "The caller has an empty username, and only the rights of every authenticated caller."
            yield item.match(message, impact, "Add a username, or remove the mapping.")


@rule(Severity.WARNING, "a username that callers choose: it begins with `{{SessionName}}`")
def chosen_username(context: LintContext) -> Iterator[Match]:
    """A caller who assumes a role chooses the session name.

    For its own roles, IAM Identity Center chooses the user's name.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: "{{SessionName}}"

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci:{{SessionName}}
          - rolearn: arn:aws:iam::111122223333:role/AWSReservedSSO_Viewer_0123456789abcdef
            username: "{{SessionName}}"
    """
    for _, item in context.named("username", lambda username: username.startswith(_SESSION_TEMPLATES)):
        if chooses_session_name(item):
            impact = "Anyone who assumes the role chooses the session name, and so any username without a colon."
            hint = "Put a prefix before it that no other username has, such as `ROLE:`."
            yield item.match("The username begins with the session name.", impact, hint, at=item.location("username"))


@rule(Severity.WARNING, "`{{SessionName}}` for a user, who has none")
def user_session_name(context: LintContext) -> Iterator[Match]:
    """Only a role has sessions with names.

    Fires::

        mapUsers: |
          - userarn: arn:aws:iam::111122223333:user/alice
            username: staff:{{SessionName}}

    Silent::

        mapUsers: |
          - userarn: arn:aws:iam::111122223333:user/alice
            username: staff:{{AccountID}}
    """
    for kind, name, item in context.names(lambda name: has_session_name(name) and name not in NODE_USERNAMES):
        if not item.role_name and not item.fault and item.mapped.principal:
            message = "An IAM user has no session name."
            impact = f"The authenticator fills in nothing for it in {quoted(name)}."
            yield item.match(message, impact, "Write the user's name.", at=item.name_location(kind, name))


@rule(Severity.WARNING, "a username that Kubernetes or EKS reserves: `system:…`, `eks:…`")
def reserved_username(context: LintContext) -> Iterator[Match]:
    """Components of the cluster use these prefixes.

    The usernames of nodes have rules of their own.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: system:kube-scheduler

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/nodes
            username: system:node:{{EC2PrivateDNSName}}
            groups: [system:bootstrappers, system:nodes]
    """
    for username, item in context.named("username", _is_reserved):
        prefix = f"{username.partition(':')[0]}:"
        message = f"The username begins with `{prefix}`, which belongs to components of the cluster."
        impact = "The caller gets the rights of such a component, or the server refuses the caller."
        yield item.match(message, impact, "Choose a username without this prefix.", at=item.location("username"))


def _is_reserved(username: str) -> bool:
    is_reserved = username.startswith(("system:", "eks:")) and username not in NODE_USERNAMES
    return is_reserved and not misspelt(username) and not unfilled(username)

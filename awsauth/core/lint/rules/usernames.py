"""Rules about usernames: missing, chosen by the caller, or somebody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from awsauth.core.access.node_mappings import NODES, PRESETS
from awsauth.core.findings import Severity
from awsauth.core.lint.rule import Match, rule
from awsauth.core.lint.rules.templates import misspelt, unfilled
from awsauth.core.text.display import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.lint.subject import LintContext, LintEntry

SESSION_TEMPLATES: Final = ("{{SessionName}}", "{{SessionNameRaw}}")
_RESERVED: Final = ("system:", "eks:")
_PRESET_USERNAMES: Final = frozenset(preset.username for preset in PRESETS.values())


def chooses_session_name(item: LintEntry) -> bool:
    """Whether callers choose their session names: whoever assumes a role does, and IAM Identity Center for its own."""
    principal = item.mapped.principal.lower()
    if item.fault == "placeholder" and "sso" in principal:
        return False
    return not item.is_person


@rule(Severity.WARNING, "groups without a username")
def no_username(subject: LintContext) -> Iterator[Match]:
    """Find mappings that give groups to somebody without a name.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            groups: [builders]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
    """
    for item in subject.usernames.get("", ()):
        if item.mapped.groups and NODES not in item.mapped.groups and not subject.is_told(item.location("username")):
            yield Match(
                "There is no username.",
                "The caller comes in with an empty name: RBAC goes by the groups only, and the audit log names nobody.",
                "Give it a username.",
                item.location("username"),
                item.mapped.principal,
            )


@rule(Severity.WARNING, "a mapping that gives nothing: neither username nor groups")
def nothing_given(subject: LintContext) -> Iterator[Match]:
    """Find mappings with neither username nor groups.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            groups: []

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
    """
    for item in subject.usernames.get("", ()):
        told = subject.is_told(item.location("username")) or subject.is_told(item.value_location("groups"))
        if not item.mapped.groups and not told:
            yield Match(
                "There is neither a username nor a group.",
                "The caller comes in with an empty name, and may do no more than every authenticated caller.",
                "Give it a username, or take the mapping out.",
                item.location(),
                item.mapped.principal,
            )


@rule(Severity.WARNING, "a username that callers choose: it begins with `{{SessionName}}`")
def chosen_username(subject: LintContext) -> Iterator[Match]:
    """Find usernames that begin with the session name, which whoever assumes a role chooses freely.

    Not with roles of IAM Identity Center: it chooses the session's name, and it is the user's.

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
    for username, items in subject.usernames.items():
        for item in items if username.startswith(SESSION_TEMPLATES) else ():
            if chooses_session_name(item):
                yield Match(
                    "The username begins with the session name.",
                    "Whoever assumes the role chooses that, and so can take any username that has no colon.",
                    "Put a prefix before it that nobody else's username has, such as `ROLE:`.",
                    item.location("username"),
                    item.mapped.principal,
                )


@rule(Severity.WARNING, "`{{SessionName}}` for a user, who has none")
def user_session_name(subject: LintContext) -> Iterator[Match]:
    """Find session names in what an IAM user is mapped to: they are empty.

    Fires::

        mapUsers: |
          - userarn: arn:aws:iam::111122223333:user/alice
            username: staff:{{SessionName}}

    Silent::

        mapUsers: |
          - userarn: arn:aws:iam::111122223333:user/alice
            username: staff:{{AccountID}}
    """
    for item in subject.items:
        if item.role_name or item.fault or not item.mapped.principal:
            continue
        groups = dict.fromkeys(item.mapped.groups)
        for field, name in [("username", item.mapped.username), *(("groups", group) for group in groups)]:
            if any(template in name for template in SESSION_TEMPLATES):
                yield Match(
                    "An IAM user has no session name.",
                    f"Nothing is filled in: {quoted(name)} stays without it.",
                    "Write the user's name.",
                    item.group_location(name) if field == "groups" else item.location("username"),
                    item.mapped.principal,
                )


@rule(Severity.WARNING, "a username that is Kubernetes' or EKS's own: `system:…`, `eks:…`")
def reserved_username(subject: LintContext) -> Iterator[Match]:
    """Find usernames of components. Those of nodes are what EKS writes, and have rules of their own.

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
    for username, items in subject.usernames.items():
        if not username.startswith(_RESERVED) or username in _PRESET_USERNAMES:
            continue
        for item in items if not misspelt(username) and not unfilled(username) else ():
            yield Match(
                f"The username begins with `{username.partition(':')[0]}:`, which belongs to the cluster's own parts.",
                "Whoever has it may get what a component has, or is refused, as the server is set up.",
                "Choose a username without it.",
                item.location("username"),
                item.mapped.principal,
            )

"""Rules about usernames: missing, chosen by the caller, or reserved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from awsauth.core.access.node_mappings import NODES, PRESETS
from awsauth.core.findings import Severity
from awsauth.core.lint.rule import Match, rule
from awsauth.core.lint.rules.templates import misspelt, unfilled
from awsauth.core.text.display import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.lint.context import LintContext, LintEntry

_SESSION_TEMPLATES: Final = ("{{SessionName}}", "{{SessionNameRaw}}")
_RESERVED: Final = ("system:", "eks:")
_PRESET_USERNAMES: Final = frozenset(preset.username for preset in PRESETS.values())


def has_session_name(name: str) -> bool:
    """Whether a name contains the session name."""
    return any(template in name for template in _SESSION_TEMPLATES)


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
        if has_groups and not context.is_told(item, "username"):
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
        is_told = context.is_told(item, "username") or context.is_told(item, "groups")
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
    for kind, name, item in context.names(lambda name: has_session_name(name) and name not in _PRESET_USERNAMES):
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
    is_reserved = username.startswith(_RESERVED) and username not in _PRESET_USERNAMES
    return is_reserved and not misspelt(username) and not unfilled(username)

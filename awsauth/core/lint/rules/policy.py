"""The rules of a policy. Each looks at the mappings that count, so that the guard sees what a change brings about."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from awsauth.core.access.matching import account_of, could_match, could_render, principal_of
from awsauth.core.access.node_mappings import PRESETS, is_node_mapping
from awsauth.core.arn import ACCOUNT
from awsauth.core.document.model import SYSTEM_MASTERS
from awsauth.core.findings import Severity
from awsauth.core.lint import rule as registry
from awsauth.core.lint.rule import Match, Rule, rule
from awsauth.core.text.display import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from awsauth.core.lint.subject import LintContext, LintEntry

_NOT_ALLOWED: Final = "The policy does not allow it."
_OF_NODES: Final = frozenset(preset.username for preset in PRESETS.values())


@rule(Severity.ERROR, "policy: a principal of an account that is not among `accounts`")
def policy_account(subject: LintContext) -> Iterator[Match]:
    """Find principals, and entries of ``mapAccounts``, of other accounts.

    Fires::

        policy: |
          accounts: ["111122223333"]
        mapRoles: |
          - rolearn: arn:aws:iam::444455556666:role/ci
            username: ci

    Silent::

        policy: |
          accounts: ["111122223333"]
        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
    """
    allowed = subject.policy.accounts if subject.policy else None
    for item in [*subject.winners, *subject.accounts] if allowed is not None else ():
        account = _account(item)
        if ACCOUNT.fullmatch(account) and account not in (allowed or ()):
            yield Match(
                f"The account {account} is not among those that may be let in.",
                _NOT_ALLOWED,
                "Take the mapping out, or add the account to the policy's `accounts`.",
                item.location(),
                item.mapped.principal,
                about=account,
            )


def _account(item: LintEntry) -> str:
    if item.reading.key == "mapAccounts":
        return item.mapped.principal
    return item.mapped.sso.account if item.mapped.sso else account_of(item.mapped.principal)


@rule(Severity.ERROR, "policy: a principal of a partition that is not among `partitions`")
def policy_partition(subject: LintContext) -> Iterator[Match]:
    """Find principals of other partitions.

    Fires::

        policy: |
          partitions: [aws-cn]
        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci

    Silent::

        policy: |
          partitions: [aws-cn]
        mapRoles: |
          - rolearn: arn:aws-cn:iam::111122223333:role/ci
            username: ci
    """
    allowed = subject.policy.partitions if subject.policy else None
    for item in subject.winners if allowed is not None else ():
        scheme, _, rest = item.mapped.principal.lower().partition(":")
        partition = rest.partition(":")[0]
        if scheme == "arn" and not item.fault and partition not in (allowed or ()):
            yield Match(
                f"The partition {quoted(partition)} is not among those that may be let in.",
                _NOT_ALLOWED,
                "Take the mapping out, or add the partition to the policy's `partitions`.",
                item.location(),
                item.mapped.principal,
                about=partition,
            )


@rule(Severity.ERROR, "policy: somebody in a group that matches one of `forbidden_groups`")
def policy_forbidden_group(subject: LintContext) -> Iterator[Match]:
    """Find groups that nobody may be in, or that a template may turn into one of those.

    Fires::

        policy: |
          forbidden_groups: ["legacy-*"]
        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
            groups: [legacy-builders]

    Silent::

        policy: |
          forbidden_groups: ["legacy-*"]
        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
            groups: [builders]
    """
    forbidden = subject.policy.forbidden_groups if subject.policy else ()
    counts = set(subject.winners)
    for group, items in subject.groups.items() if forbidden else ():
        pattern = next((one for one in forbidden if fnmatchcase(group, one) or could_match(group, one)), None)
        for item in items if pattern is not None else ():
            if item in counts:
                yield Match(
                    f"Nobody may be in the group {quoted(group)}, which {quoted(pattern or '')} matches.",
                    _NOT_ALLOWED,
                    "Take the group away, or the pattern out of the policy's `forbidden_groups`.",
                    item.group_location(group),
                    item.mapped.principal,
                    about=group,
                )


@rule(Severity.ERROR, "policy: nobody in one of `required_groups`")
def policy_required_group(subject: LintContext) -> Iterator[Match]:
    """Find groups that somebody has to be in and nobody is.

    Fires::

        policy: |
          required_groups: [break-glass]
        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci

    Silent::

        policy: |
          required_groups: [break-glass]
        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/emergency
            username: emergency
            groups: [break-glass]
    """
    required = subject.policy.required_groups if subject.policy else ()
    counts = set(subject.winners)
    for group in dict.fromkeys(required):
        given = any(item in counts and item.fault in ("", "placeholder") for item in subject.groups.get(group, ()))
        if not given:
            yield Match(
                f"Nobody is in the group {quoted(group)}.",
                "The policy says that somebody has to be.",
                "Map somebody to it, or take it out of the policy's `required_groups`.",
                about=group,
            )


@rule(Severity.ERROR, "policy: a username that begins with none of `username_prefixes`")
def policy_username(subject: LintContext) -> Iterator[Match]:
    """Find usernames without a prefix. Nodes, by name and groups, are let pass; a template at the beginning is not.

    Fires::

        policy: |
          username_prefixes: ["team-"]
        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci

    Silent::

        policy: |
          username_prefixes: ["team-"]
        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: team-ci
          - rolearn: arn:aws:iam::111122223333:role/nodes
            username: system:node:{{EC2PrivateDNSName}}
            groups: [system:bootstrappers, system:nodes]
    """
    prefixes = subject.policy.username_prefixes if subject.policy else None
    for item in subject.winners if prefixes is not None else ():
        username = item.mapped.username
        is_node = username in _OF_NODES and is_node_mapping(item.mapped)
        if not is_node and not username.startswith(prefixes or ()):
            yield Match(
                f"The username {quoted(username)} begins with none of {', '.join(map(quoted, prefixes or ()))}."
                if prefixes
                else f"There may be no usernames but those of nodes, and this is {quoted(username)}.",
                _NOT_ALLOWED,
                "Choose one that does, or add to the policy's `username_prefixes`.",
                item.location("username"),
                item.mapped.principal,
                about=username,
            )
    for item in subject.accounts if prefixes is not None else ():
        if not any("arn:".startswith(prefix) for prefix in prefixes or ()):
            yield Match(
                f"Everybody in the account {quoted(item.mapped.principal)} gets in under their own ARN as username.",
                _NOT_ALLOWED,
                "Take the account out, or add `arn:` to the policy's `username_prefixes`.",
                item.location(),
                item.mapped.principal,
            )


@rule(Severity.ERROR, "policy: more principals in `system:masters` than `most_administrators`")
def policy_administrators(subject: LintContext) -> Iterator[Match]:
    """Find more administrators than there may be.

    Fires::

        policy: |
          most_administrators: 1
        mapUsers: |
          - {userarn: "arn:aws:iam::111122223333:user/a", username: a, groups: [system:masters]}
          - {userarn: "arn:aws:iam::111122223333:user/b", username: b, groups: [system:masters]}

    Silent::

        policy: |
          most_administrators: 4
        mapUsers: |
          - {userarn: "arn:aws:iam::111122223333:user/a", username: a, groups: [system:masters]}
          - {userarn: "arn:aws:iam::111122223333:user/b", username: b, groups: [system:masters]}
          - {userarn: "arn:aws:iam::111122223333:user/c", username: c, groups: [system:masters]}
          - {userarn: "arn:aws:iam::111122223333:user/d", username: d, groups: [system:masters]}
    """
    most = subject.policy.most_administrators if subject.policy else None
    if most is None:
        return
    found = list(_administrators(subject))
    count = len({principal_of(item.mapped.principal) if item.mapped.principal else item for item, _ in found})
    if count > most:
        item, group = found[-1]
        yield Match(
            f"{count} principals are in {quoted(SYSTEM_MASTERS)}, or can be, and at most {most} may.",
            _NOT_ALLOWED,
            "Take some of them out, or raise the policy's `most_administrators`.",
            item.group_location(group),
            weight=count,
        )


@rule(Severity.ERROR, "policy: somebody in `system:masters` who matches none of `administrators`")
def policy_administrator(subject: LintContext) -> Iterator[Match]:
    """Find administrators who may not be.

    Fires::

        policy: |
          administrators: ["arn:aws:iam::111122223333:role/admin-*"]
        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
            groups: [system:masters]

    Silent::

        policy: |
          administrators: ["arn:aws:iam::111122223333:role/admin-*"]
        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/admin-emergency
            username: admin
            groups: [system:masters]
    """
    allowed = subject.policy.administrators if subject.policy else None
    for item, group in _administrators(subject) if allowed is not None else ():
        if not any(fnmatchcase(principal_of(item.mapped.principal), pattern.lower()) for pattern in allowed or ()):
            yield Match(
                f"This principal may not be in {quoted(SYSTEM_MASTERS)}.",
                _NOT_ALLOWED,
                "Take it out of the group, or add its ARN to the policy's `administrators`.",
                item.group_location(group),
                item.mapped.principal,
            )


def _administrators(subject: LintContext) -> Iterable[tuple[LintEntry, str]]:
    """Yield who is in `system:masters`, or can be by a template, with that group."""
    for item in subject.winners:
        group = next((group for group in item.mapped.groups if could_render(group, SYSTEM_MASTERS)), None)
        if group is not None:
            yield item, group


RULES: Final[tuple[Rule, ...]] = tuple(one for one in registry.RULES.values() if one.find.__module__ == __name__)
"""The rules of this module."""

"""The rules of a policy, about the mappings that count."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from awsauth.core.access.matching import account_of, can_match, could_match, could_render, principal_of
from awsauth.core.access.node_mappings import NODE_USERNAMES, is_node_mapping
from awsauth.core.arn import ACCOUNT_ID, partition_of
from awsauth.core.document.model import SYSTEM_MASTERS
from awsauth.core.lint import rule as registry
from awsauth.core.lint.context import LintContext, LintEntry, Match
from awsauth.core.lint.rule import Rule, policy_rule
from awsauth.core.text.display import quoted

_NOT_ALLOWED: Final = "The policy does not allow it."


@policy_rule("accounts", "a principal of an account that is not among `accounts`")
def policy_account(context: LintContext, accounts: tuple[str, ...]) -> Iterator[Match]:
    """This includes the entries of `mapAccounts`.

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
    for item in [*context.effective_items, *context.accounts]:
        account = _account(item)
        if ACCOUNT_ID.fullmatch(account) and account not in accounts:
            yield _outside(item, "account", account)


def _outside(item: LintEntry, noun: str, value: str) -> Match:
    message = f"The {noun} {quoted(value)} is not one of the policy's `{noun}s`."
    hint = f"Remove the mapping, or add the {noun} to the policy's `{noun}s`."
    return item.match(message, _NOT_ALLOWED, hint, about=value)


def _account(item: LintEntry) -> str:
    if item.reading.key == "mapAccounts":
        return item.mapped.principal
    return item.mapped.sso.account if item.mapped.sso else account_of(item.mapped.principal)


@policy_rule("partitions", "a principal of a partition that is not among `partitions`")
def policy_partition(context: LintContext, partitions: tuple[str, ...]) -> Iterator[Match]:
    """A partition is the second part of an ARN.

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
    for item in context.effective_items:
        partition = partition_of(item.arn) if item.arn.startswith("arn:") and not item.fault else ""
        if partition and partition not in partitions:
            yield _outside(item, "partition", partition)


@policy_rule("forbidden_groups", "a group that matches one of `forbidden_groups`")
def policy_forbidden_group(context: LintContext, patterns: tuple[str, ...]) -> Iterator[Match]:
    """This includes a group that a template can turn into a forbidden one.

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
    counts = set(context.effective_items)
    for group in context.groups:
        pattern = next((p for p in patterns if could_match(group, p)), None)
        for item in context.groups[group] if pattern is not None else ():
            if item in counts:
                message = f"The group {quoted(group)} matches the forbidden pattern {quoted(pattern or '')}."
                hint = "Remove the group, or the pattern from the policy's `forbidden_groups`."
                yield item.match(message, _NOT_ALLOWED, hint, at=item.group_location(group), about=group)


@policy_rule("required_groups", "one of `required_groups` without a member")
def policy_required_group(context: LintContext, groups: tuple[str, ...]) -> Iterator[Match]:
    """A group for emergencies has to have a member at all times.

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
    counts = set(context.effective_items)
    for group in dict.fromkeys(groups):
        if not any(item in counts and can_match(item.mapped.principal) for item in context.groups.get(group, ())):
            hint = "Map a principal to it, or remove it from the policy's `required_groups`."
            yield Match(f"The group {quoted(group)} has no member.", "The policy requires one.", hint, about=group)


@policy_rule("username_prefixes", "a username that begins with none of `username_prefixes`")
def policy_username(context: LintContext, prefixes: tuple[str, ...]) -> Iterator[Match]:
    """The usernames of nodes are allowed. A template at the beginning is not a prefix.

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
    for item in context.effective_items:
        username = item.mapped.username
        is_node = username in NODE_USERNAMES and is_node_mapping(item.mapped)
        if not is_node and not username.startswith(prefixes):
            message = f"The policy allows only usernames of nodes, and this is {quoted(username)}."
            if prefixes:
                message = f"The username {quoted(username)} begins with none of {', '.join(map(quoted, prefixes))}."
            hint = "Choose another username, or add a prefix to the policy's `username_prefixes`."
            yield item.match(message, _NOT_ALLOWED, hint, at=item.location("username"), about=username)
    for item in context.accounts:
        if not any("arn:".startswith(prefix) for prefix in prefixes):
            message = f"Principals in the account {quoted(item.mapped.principal)} have their ARN as username."
            hint = "Remove the account, or add `arn:` to the policy's `username_prefixes`."
            yield item.match(message, _NOT_ALLOWED, hint)


@policy_rule("most_administrators", "more principals in `system:masters` than `most_administrators`")
def policy_administrators(context: LintContext, most: int) -> Iterator[Match]:
    """This includes principals that a template can put into the group.

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
    found = list(_administrators(context))
    count = len({principal_of(item.mapped.principal) if item.mapped.principal else item for item, _ in found})
    if count > most:
        item, group = found[-1]
        members = f"{count} principals are or can be in {quoted(SYSTEM_MASTERS)}"
        message = f"{members}, and the policy allows {most}."
        hint = "Remove some of them, or raise the policy's `most_administrators`."
        yield Match(message, _NOT_ALLOWED, hint, item.group_location(group), weight=count)


@policy_rule("administrators", "a principal in `system:masters` that matches none of `administrators`")
def policy_administrator(context: LintContext, patterns: tuple[str, ...]) -> Iterator[Match]:
    """The patterns match ARNs without the path of a role, in any case.

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
    for item, group in _administrators(context):
        arn = principal_of(item.mapped.principal)
        if not any(fnmatchcase(arn, pattern.lower()) for pattern in patterns):
            message = f"This principal must not be in {quoted(SYSTEM_MASTERS)}."
            hint = "Remove it from the group, or add its ARN to the policy's `administrators`."
            yield item.match(message, _NOT_ALLOWED, hint, at=item.group_location(group))


def _administrators(context: LintContext) -> Iterator[tuple[LintEntry, str]]:
    """Yield the items that are or can be in `system:masters`, with that group.

    They can be in it by a template.
    """
    for item in context.effective_items:
        group = next((group for group in item.mapped.groups if could_render(group, SYSTEM_MASTERS)), None)
        if group is not None:
            yield item, group


# The rules of this module.
POLICY_RULES: Final[tuple[Rule, ...]] = tuple(one for one in registry.RULES.values() if one.find.__module__ == __name__)

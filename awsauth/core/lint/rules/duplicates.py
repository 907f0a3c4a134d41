"""Rules about principals that are mapped more than once, and usernames that several have."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from awsauth.core.access.matching import INSTANCES_ONLY
from awsauth.core.access.node_mappings import is_node_mapping, still_admits
from awsauth.core.edit.changes import Deduplicate
from awsauth.core.edit.merge import gives_the_same
from awsauth.core.findings import Severity
from awsauth.core.lint.rule import Match, rule
from awsauth.core.text.display import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.document.model import MappingEntry
    from awsauth.core.lint.subject import LintContext, LintEntry


@rule(
    Severity.ERROR,
    "a principal that is mapped again further down, where it counts; a warning where nothing is lost by that",
    cures=True,
)
def duplicate(subject: LintContext) -> Iterator[Match]:
    """Find mappings that a later one of the same principal replaces, whatever the case of its letters.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
            groups: [builders]
          - rolearn: arn:aws:iam::111122223333:role/CI
            username: ci
            groups: [builders]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
          - rolearn: arn:aws:iam::444455556666:role/ci
            username: other-ci
    """
    for items in (subject.roles, subject.users, subject.accounts):
        last = {item.identity: item for item in items}
        for item in items if len(last) < len(items) else ():
            counts = last[item.identity]
            if counts is not item:
                yield _replaced(subject, item, counts)


def _replaced(subject: LintContext, item: LintEntry, counts: LintEntry) -> Match:
    """Return the hit for a mapping that `counts` replaces; only an equal one is removed by a program."""
    mapped, later = item.mapped, counts.mapped
    line = subject.line(counts)
    lost = [group for group in mapped.groups if group not in later.groups]
    same_username = mapped.username == later.username
    if is_node_mapping(mapped) and not still_admits(mapped, later):
        impact, hint = _node_loss(mapped, later)
    elif lost:
        groups = ", ".join(map(quoted, lost))
        impact = f"The principal does not get {groups}."
        hint = f"If it should, add {groups} to the entry on line {line}; then remove this one."
    elif not same_username:
        impact = f"The username is {quoted(later.username)}, not {quoted(mapped.username)}."
        hint = "Keep the entry with the right username, and remove the other one."
    else:
        impact, hint = "This entry adds nothing.", "Remove it."
    return Match(
        f"This principal is mapped again on line {line}, and only the last entry counts.",
        impact,
        hint,
        item.location(),
        mapped.principal,
        (Deduplicate(only_equal=True),)
        if gives_the_same(mapped, later) and subject.is_readable and mapped.sso is None
        else (),
        severity=Severity.ERROR if lost or not same_username else Severity.WARNING,
    )


def _node_loss(nodes: MappingEntry, later: MappingEntry) -> tuple[str, str]:
    """Return which nodes cannot join because the later mapping counts, and the hint."""
    kind = "EC2" if INSTANCES_ONLY in nodes.username else "Fargate or hybrid"
    cannot = f"{kind} nodes with this role cannot join"
    if not is_node_mapping(later):
        return f"{cannot}.", "Give people and programs a role of their own, and map the role of the nodes once."
    if nodes.username != later.username:
        other = "EC2" if INSTANCES_ONLY in later.username else "Fargate"
        return f"{cannot}: {other} needs a role of its own.", "Map a role of its own for each kind of node."
    return f"{cannot}, or not with all that they need.", "Keep the entry with all groups, and remove the other one."


@rule(Severity.WARNING, "spellings of one user that differ in case: either may count")
def user_spellings(subject: LintContext) -> Iterator[Match]:
    """Find users that are written in two ways: kept apart when the map is read, and found by whichever comes first.

    Fires::

        mapUsers: |
          - userarn: arn:aws:iam::111122223333:user/alice
            username: alice
          - userarn: arn:aws:iam::111122223333:user/Alice
            username: alice
            groups: [viewers]

    Silent::

        mapUsers: |
          - userarn: arn:aws:iam::111122223333:user/alice
            username: alice
          - userarn: arn:aws:iam::444455556666:user/Alice
            username: alice-of-another-account
    """
    spellings: defaultdict[str, dict[str, LintEntry]] = defaultdict(dict)
    for item in subject.users:
        spellings[item.mapped.principal.lower()].setdefault(item.mapped.principal, item)
    for by_spelling in spellings.values():
        first, *others = by_spelling.values()
        for item in others:
            yield Match(
                f"This user is mapped on line {subject.line(first)} too, with other capitals.",
                "IAM does not tell them apart, and which of the two mappings counts is undefined.",
                "Take one of them out.",
                item.location(),
                item.mapped.principal,
            )


@rule(Severity.WARNING, "an entry of `mapUsers` for whom `mapRoles` has one, which counts")
def shadowed_user(subject: LintContext) -> Iterator[Match]:
    """Find users whose mapping is never come to, because roles are tried first.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:user/alice
            username: alice
        mapUsers: |
          - userarn: arn:aws:iam::111122223333:user/alice
            username: alice
            groups: [viewers]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/alice
            username: alices-role
        mapUsers: |
          - userarn: arn:aws:iam::111122223333:user/alice
            username: alice
    """
    roles = {item.mapped.principal.lower(): item for item in subject.roles}
    for item in subject.users:
        role = roles.get(item.mapped.principal.lower())
        if role is not None:
            yield Match(
                f"This principal stands under mapRoles too, on line {subject.line(role)}.",
                "Roles are tried before users, so what stands here does not count.",
                "Take one of the two out.",
                item.location(),
                item.mapped.principal,
            )


@rule(Severity.NOTE, "one username for several principals")
def same_username(subject: LintContext) -> Iterator[Match]:
    """Find usernames that do not tell who it was. Templates do tell, or are meant for many.

    Fires::

        mapUsers: |
          - userarn: arn:aws:iam::111122223333:user/alice
            username: operator
          - userarn: arn:aws:iam::111122223333:user/bob
            username: operator

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/blue-nodes
            username: system:node:{{EC2PrivateDNSName}}
            groups: [system:bootstrappers, system:nodes]
          - rolearn: arn:aws:iam::111122223333:role/green-nodes
            username: system:node:{{EC2PrivateDNSName}}
            groups: [system:bootstrappers, system:nodes]
    """
    by_username: defaultdict[str, dict[str, LintEntry]] = defaultdict(dict)
    for item in subject.winners:
        if item.mapped.principal:
            by_username[item.mapped.username].setdefault(item.mapped.principal.lower(), item)
    for username, principals in by_username.items():
        if username and "{{" not in username and len(principals) > 1:
            last = list(principals.values())[-1]
            yield Match(
                f"{len(principals)} principals have the username {quoted(username)}.",
                "RBAC cannot tell them apart by it, nor can the audit log.",
                "Give each a username of its own; for what they have in common there are groups.",
                last.location("username"),
                last.mapped.principal,
            )

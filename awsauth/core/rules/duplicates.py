"""Rules about principals that are mapped more than once, and usernames that several have."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from awsauth.core.changes import Deduplicate
from awsauth.core.escaping import quoted
from awsauth.core.finding import Severity
from awsauth.core.rules.rule import Hit, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.rules.subject import Item, Subject


@rule(Severity.WARNING, "a principal that is mapped again further down, where it counts", cures=True)
def duplicate(subject: Subject) -> Iterator[Hit]:
    """Find mappings that a later one of the same principal replaces, whatever the case of its letters.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
            groups: [builders]
          - rolearn: arn:aws:iam::111122223333:role/CI
            username: ci

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
                yield Hit(
                    f"This principal is mapped again on line {counts.place().line}, and the last mapping counts.",
                    _loss(item, counts),
                    "Take out the mapping that is not meant.",
                    item.place(),
                    item.mapped.principal,
                    (Deduplicate(),) if subject.is_readable and item.mapped.sso is None else (),
                )


def _loss(item: Item, counts: Item) -> str:
    if item.mapped[1:] == counts.mapped[1:]:
        return "This one changes nothing."
    lost = [group for group in item.mapped.groups if group not in counts.mapped.groups]
    if lost:
        return f"What stands here is not given: {', '.join(map(quoted, lost))}."
    return "What stands here does not count."


@rule(Severity.WARNING, "spellings of one user that differ in case: either may count")
def user_spellings(subject: Subject) -> Iterator[Hit]:
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
    spellings: defaultdict[str, dict[str, Item]] = defaultdict(dict)
    for item in subject.users:
        spellings[item.mapped.principal.lower()].setdefault(item.mapped.principal, item)
    for by_spelling in spellings.values():
        first, *others = by_spelling.values()
        for item in others:
            yield Hit(
                f"This user is mapped on line {first.place().line} too, with other capitals.",
                "IAM does not tell them apart, and which of the two mappings counts is undefined.",
                "Take one of them out.",
                item.place(),
                item.mapped.principal,
            )


@rule(Severity.WARNING, "an entry of `mapUsers` for whom `mapRoles` has one, which counts")
def shadowed_user(subject: Subject) -> Iterator[Hit]:
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
            yield Hit(
                f"This principal stands under mapRoles too, on line {role.place().line}.",
                "Roles are tried before users, so what stands here does not count.",
                "Take one of the two out.",
                item.place(),
                item.mapped.principal,
            )


@rule(Severity.NOTE, "one username for several principals")
def same_username(subject: Subject) -> Iterator[Hit]:
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
    by_username: defaultdict[str, dict[str, Item]] = defaultdict(dict)
    for item in subject.winners:
        if item.mapped.principal:
            by_username[item.mapped.username].setdefault(item.mapped.principal.lower(), item)
    for username, principals in by_username.items():
        if username and "{{" not in username and len(principals) > 1:
            last = list(principals.values())[-1]
            yield Hit(
                f"{len(principals)} principals have the username {quoted(username)}.",
                "RBAC cannot tell them apart by it, nor can the audit log.",
                "Give each a username of its own; for what they have in common there are groups.",
                last.place("username"),
                last.mapped.principal,
            )

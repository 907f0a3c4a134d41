"""Rules about principals mapped more than once, and shared usernames."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from awsauth.core.access.matching import INSTANCES_ONLY
from awsauth.core.access.node_mappings import is_node_mapping, still_admits
from awsauth.core.document.index import grouped
from awsauth.core.document.model import SYSTEM_MASTERS, MappingEntry, same_access
from awsauth.core.findings import Severity
from awsauth.core.lint.context import LintContext, LintEntry, Match, distinct
from awsauth.core.lint.rule import rule
from awsauth.core.text.display import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.edit.changes import Change


@rule(
    Severity.ERROR,
    "a principal with a later mapping that replaces this one; a warning if nothing is lost",
    has_fix=True,
)
def duplicate(context: LintContext) -> Iterator[Match]:
    """Of several mappings of one principal, only the last one counts.

    Case does not matter. The fix removes equal ones.

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
    for items in (context.roles, context.users, context.accounts):
        for *replaced, counts in grouped((item.identity, item) for item in items).values():
            yield from (_replaced(context, item, counts) for item in replaced)


def _replaced(context: LintContext, item: LintEntry, counts: LintEntry) -> Match:
    mapped, later = item.mapped, counts.mapped
    lost = ", ".join(item.lost_to(counts))
    severity, hint = Severity.ERROR, item.removal(counts)
    if is_node_mapping(mapped) and not still_admits(mapped, later):
        impact, hint = _node_loss(mapped, later)
    elif lost:
        impact = f"The principal does not get {lost}."
    elif mapped.username != later.username:
        impact = f"The username is {quoted(later.username)}, not {quoted(mapped.username)}."
        hint = "Keep the entry with the right username, and remove the other one."
        # An administrator can do everything under any username.
        severity = Severity.WARNING if SYSTEM_MASTERS in later.groups else Severity.ERROR
    else:
        impact, severity = "It adds nothing.", Severity.WARNING
    is_safe = same_access(mapped, later) and context.is_readable and mapped.sso is None
    message = f"This principal is mapped again on line {context.line(counts)}, and only the last entry counts."
    return item.match(message, impact, hint, fix=_one_left() if is_safe else (), severity=severity)


@cache
def _one_left() -> tuple[Change, ...]:
    from awsauth.core.edit.changes import Deduplicate  # most documents need no fix, and changes take long to load

    return (Deduplicate(only_equal=True),)


def _node_loss(nodes: MappingEntry, later: MappingEntry) -> tuple[str, str]:
    """Return which nodes cannot join because the later mapping counts, and the hint."""
    kind = "EC2" if INSTANCES_ONLY in nodes.username else "Fargate or hybrid"
    cannot = f"{kind} nodes with this role cannot join"
    if not is_node_mapping(later):
        return f"{cannot}.", "Use another role for people and programs, and map the role of the nodes once."
    if nodes.username != later.username:
        other = "EC2" if INSTANCES_ONLY in later.username else "Fargate"
        return f"{cannot}: {other} needs a role of its own.", "Use a role of its own for each kind of node."
    return f"{cannot}, or not with all that they need.", "Keep the entry with all groups, and remove the other one."


@rule(Severity.WARNING, "two spellings of one user that differ in case: either can count")
def user_spellings(context: LintContext) -> Iterator[Match]:
    """The authenticator keeps users by exact spelling, and finds them in any case.

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
    spellings = distinct((item.arn, item.mapped.principal, item) for item in context.users)
    for first, *others in spellings.values():
        for item in others:
            message = f"This user is also mapped on line {context.line(first)}, in another case."
            impact = "IAM treats both as one user, and it is undefined which mapping counts."
            yield item.match(message, impact, "Remove one of the two mappings.")


@rule(Severity.WARNING, "an entry of `mapUsers` whose principal is also in `mapRoles`, which counts")
def shadowed_user(context: LintContext) -> Iterator[Match]:
    """The authenticator looks into `mapRoles` first, for ARNs of any kind.

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
    roles = {item.arn: item for item in context.roles}
    for item in (one for one in context.users if one.arn in roles):
        counts = roles[item.arn]
        message = f"This principal is also under mapRoles, on line {context.line(counts)}."
        impact = "The authenticator tries roles before users, so this entry does not count."
        yield item.match(message, impact, item.removal(counts))


@rule(Severity.NOTE, "one username for several principals")
def same_username(context: LintContext) -> Iterator[Match]:
    """A shared username hides who did something.

    Usernames with templates are not reported.

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
    named = ((item.mapped.username, item.arn, item) for item in context.effective_items if item.arn)
    for username, items in distinct(named).items():
        if username and "{{" not in username and len(items) > 1:
            last = items[-1]
            message = f"{len(items)} principals have the username {quoted(username)}."
            impact = "Neither RBAC nor the audit log can tell them apart."
            hint = "Give each principal a username of its own, and use groups for common rights."
            yield last.match(message, impact, hint, at=last.location("username"))

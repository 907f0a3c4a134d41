"""Rules about accounts, and about ARNs that no caller can have."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from awsauth.core.access.matching import can_match, is_canonical
from awsauth.core.access.node_mappings import FIND_NODE_ROLE
from awsauth.core.arn import ACCOUNT_ID, PARTITIONS, role_or_nothing
from awsauth.core.document.authenticator import NO_IAM_GROUP, is_iam_group
from awsauth.core.document.model import ARN_FIELD, Scalar, continuation
from awsauth.core.document.repairs import in_ascii, typography
from awsauth.core.findings import Severity
from awsauth.core.goyaml.scalars import write_scalar
from awsauth.core.lint.arn_problems import arn_problem, bare, has_several
from awsauth.core.lint.context import LintContext, LintEntry, Match, has_invisible
from awsauth.core.lint.rule import arn_rule, rule
from awsauth.core.text.display import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.edit.changes import Change


_RESOURCE: Final = r"(?a)arn:[\w-]+:(?!iam|sts)([a-z][\w-]*):[\w-]*:\d*:([a-z][\w-]*)[:/]"
_NO_ACCESS = "so the mapping grants no access."


@rule(Severity.WARNING, "an account in `mapAccounts`: every principal in it has access")
def map_accounts(context: LintContext) -> Iterator[Match]:
    """Every user and role of the account can authenticate, with its ARN as username.

    Fires::

        mapAccounts: |
          - "111122223333"

    Silent::

        mapAccounts: |
          []
    """
    accounts = {item.mapped.principal: item for item in context.accounts if ACCOUNT_ID.fullmatch(item.mapped.principal)}
    for item in accounts.values():
        impact = "Every user and role of it can authenticate, with its ARN as username and without groups."
        yield item.match("A whole account has access.", impact, "Map single users and roles instead.")


@rule(Severity.ERROR, "an account in `mapAccounts` that is not 12 digits")
def account_number(context: LintContext) -> Iterator[Match]:
    """A YAML tool often turns an account into a number, and so loses digits.

    Fires::

        mapAccounts: |
          - 1.2345679e+10

    Silent::

        mapAccounts: |
          - 012345678901
    """
    for item in context.accounts:
        account = item.mapped.principal
        if not ACCOUNT_ID.fullmatch(account) and (account.isdigit() or not can_match(account)):
            message = "This is not an account: it does not have 12 digits."
            yield item.match(message, "It grants no access.", "Write all 12 digits in quotes, with leading zeros.")


@arn_rule("a role's ARN with its path, which STS never reports", has_fix=True)
def role_path(item: LintEntry) -> Match:
    """A caller's ARN never has the role's path.

    Roles of IAM Identity Center have one in IAM. Users keep their path.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/team/ci
            username: ci

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
        mapUsers: |
          - userarn: arn:aws:iam::111122223333:user/team/alice
            username: alice
    """
    return _misspelt(item, "The ARN of this role has a path.", "STS never reports the path")


@arn_rule("white space or invisible characters in an ARN", has_fix=True)
def arn_space(item: LintEntry) -> Match:
    """Copied text often brings a trailing space or a zero-width character.

    Fires::

        mapRoles: |
          - rolearn: "arn:aws:iam::111122223333:role/ci "
            username: ci

    Silent::

        mapRoles: |
          - rolearn:   arn:aws:iam::111122223333:role/ci   # a trailing space outside of quotes does not count
            username: ci
    """
    problem = "This ARN has white space or an invisible character in it."
    reason = "The authenticator compares it with that character"
    if len(item.mapped.principal.split()) == 1:
        return _misspelt(item, problem, reason)
    # Between two words, something else may be missing.
    return item.match(problem, f"{reason}, {_NO_ACCESS}", "Write the ARN as IAM shows it.")


def _misspelt(item: LintEntry, problem: str, reason: str) -> Match:
    """Return the match for an ARN that `bare` corrects.

    It has a fix unless the corrected ARN is mapped, too.
    """
    arn = bare(item.mapped.principal)
    mapped = item.context.by_principal.get(arn.lower())
    fix: tuple[Change, ...] = ()
    if len(item.context.by_bare_arn[arn.lower()]) == 1 and is_canonical(arn):
        from awsauth.core.edit.changes import RenamePrincipal  # most documents need no fix

        fix = (RenamePrincipal(principal_arn=item.mapped.principal, new_arn=arn),)
    hint = f"Write {quoted(arn, 200)}."
    if mapped:
        hint = f"Line {item.context.line(mapped[-1])} maps {quoted(arn, 200)} already. {item.removal(mapped[-1])}"
    return item.match(problem, f"{reason}, {_NO_ACCESS}", hint, fix=fix)


@arn_rule("the ARN of a role's session instead of the role's")
def assumed_role(item: LintEntry) -> Match:
    """The authenticator looks a session up by its role.

    There is no fix, because every session of the role would match.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:sts::111122223333:assumed-role/ci/build-7
            username: ci

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
    """
    arn = role_or_nothing(item.mapped.principal)
    message = "This is the ARN of a role's session."
    hint = f"Map the role{f', {quoted(arn, 200)}' if arn else ''}: every session of it then has access."
    return item.match(message, f"The authenticator looks a caller up by the role, {_NO_ACCESS}", hint)


@arn_rule("the ARN of an instance profile instead of its role's")
def instance_profile(item: LintEntry) -> Match:
    """An instance profile only passes a role to an instance.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:instance-profile/nodes
            username: system:node:{{EC2PrivateDNSName}}
            groups: [system:bootstrappers, system:nodes]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/nodes
            username: system:node:{{EC2PrivateDNSName}}
            groups: [system:bootstrappers, system:nodes]
    """
    message = "This is the ARN of an instance profile."
    hint = "Map the role in the profile. It can have another name than the profile."
    return item.match(message, f"An instance calls with the role in the profile, {_NO_ACCESS}", hint)


@arn_rule("a wildcard in an ARN")
def wildcard(item: LintEntry) -> Match:
    """The authenticator compares ARNs as text.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/team/*
            username: team

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/team
            username: team
    """
    impact = f"The authenticator does not support wildcards, {_NO_ACCESS}"
    return item.match("This ARN has a star in it.", impact, "Map each principal on its own.")


@arn_rule("text that is not the ARN of an IAM role or user", has_fix=True)
def not_an_arn(item: LintEntry) -> Match:
    """A name alone, the ARN of another resource, or a broken ARN.

    The fix puts the parts of a broken ARN in order. IAM groups cannot be mapped at all.

    Fires::

        mapRoles: |
          - rolearn: ci
            username: ci
          - rolearn: arn:aws:iam:111122223333:role/build
            username: build

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
    """
    principal, no_caller = item.mapped.principal, "No caller has it"
    kind = "user" if item.reading.key == "mapUsers" else "role"
    problem = "This is not the ARN of an IAM role or user."
    hint = f"Write the ARN of the {kind}, such as `arn:aws:iam::111122223333:{kind}/NAME`."
    if is_iam_group(principal):
        problem, hint = "This is the ARN of an IAM group, and IAM groups cannot be mapped.", NO_IAM_GROUP
    elif has_several(principal):
        problem, hint = "This is more than one ARN.", "Write one ARN, and an entry of its own for any other."
    elif arn_problem(bare(principal)) != "not-an-arn":
        return _misspelt(item, "The part of this ARN before the name is wrong.", no_caller)
    elif other := re.match(_RESOURCE, principal):
        problem = f"This is the ARN of something else, {quoted(' '.join(other.groups()))}, not of an IAM role or user."
        shown = f", as `{FIND_NODE_ROLE}` shows it" if other[2] == "nodegroup" else ""
        hint = f"Map the role that it uses{shown}."
    return item.match(problem, f"{no_caller}, {_NO_ACCESS}", hint)


@rule(Severity.ERROR, "an ARN or username that continues on the next line")
def continued_value(context: LintContext) -> Iterator[Match]:
    """A line that is indented deeper belongs to the value above it.

    Fires::

        mapRoles: |
          - groups:
            username: ci
            rolearn: arn:aws:iam::111122223333:role/ci
              - builders

    Silent::

        mapRoles: |
          - username: ci
            rolearn: arn:aws:iam::111122223333:role/ci
            groups:
              - builders
    """
    for item in (one for one in context.items if one.may_continue):
        for name in (ARN_FIELD[item.reading.key], "username"):
            field = item.layout.field(name)
            line = continuation(item.reading.text, field)
            if not line or field is None or not isinstance(field.value, Scalar):
                continue
            kind, impact = "ARN", f"No caller has that ARN, {_NO_ACCESS}"
            if name == "username":
                kind, impact = "username", "RBAC has to spell it the same way."
            hint = f"Write the value in one line. {quoted(line)} is now part of it."
            if line.startswith("- "):
                above = f"Write `groups:` on a line of its own above {quoted(line)}."
                hint = f"Move the line {quoted(line)} below `groups:`." if item.layout.field("groups") else above
            message = f"The {kind} continues on the next line, and is {quoted(field.value.text, 200)} as a whole."
            yield item.match(message, impact, hint, at=item.location(name))


@rule(Severity.ERROR, "a typographic character in an ARN; a warning in a username or group", has_fix=True)
def typographic_character(context: LintContext) -> Iterator[Match]:
    """Some programs replace ASCII characters with typographic ones.

    Word processors and chat programs do so with dashes, quotes and letters.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci—runner
            username: ci
            groups: ["— builders"]

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: équipe
            groups: ["- builders"]
    """
    for item in (one for one in context.items if one.fault == "typographic-character"):
        yield _misspelt(item, f"The ARN has {typography(item.mapped.principal)}.", "ARNs are ASCII")
    for kind, name, item in context.names(lambda name: typography(name) and not has_invisible(name)):
        right = in_ascii(name).strip()
        message = f"The {kind} {quoted(name)} has {typography(name)}."
        impact = "The character is part of the name: RBAC has to spell it the same way."
        hint = f"Write {quoted(write_scalar(right.removeprefix('- ')))}."
        yield item.match(message, impact, hint, at=item.name_location(kind, name), severity=Severity.WARNING)


@arn_rule("an ARN whose account is not 12 digits")
def account_digits(item: LintEntry) -> Match:
    """A spreadsheet or YAML tool may have removed a leading zero.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::12345678901:role/ci
            username: ci

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::012345678901:role/ci
            username: ci
    """
    account = quoted(item.mapped.principal.split(":")[4])
    message = f"The account in this ARN, {account}, is not 12 digits."
    hint = f"Write the 12 digits of the account for {account}, with leading zeros."
    return item.match(message, f"There is no such account, {_NO_ACCESS}", hint)


@arn_rule("an ARN with an unknown partition")
def unknown_partition(item: LintEntry) -> Match:
    """AWS has a fixed list of partitions.

    Fires::

        mapRoles: |
          - rolearn: arn:aws-gov:iam::111122223333:role/ci
            username: ci

    Silent::

        mapRoles: |
          - rolearn: arn:aws-us-gov:iam::111122223333:role/ci
            username: ci
    """
    impact = f"No caller comes from it, {_NO_ACCESS}"
    return item.match("The partition of this ARN is unknown.", impact, f"Write one of {', '.join(PARTITIONS)}.")

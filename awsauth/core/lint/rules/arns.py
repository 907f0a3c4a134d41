"""Rules about ARNs that nobody can have: whoever is meant does not get in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsauth.core.access.matching import can_match, is_canonical
from awsauth.core.arn import ACCOUNT, PARTITIONS
from awsauth.core.document.authenticator import NO_IAM_GROUP, is_iam_group
from awsauth.core.document.model import ARN_FIELD, Scalar, continuation
from awsauth.core.document.repairs import in_ascii, typography
from awsauth.core.edit.changes import RenamePrincipal
from awsauth.core.findings import Severity
from awsauth.core.lint.rule import Match, rule
from awsauth.core.lint.subject import bare, has_invisible, role_or_nothing
from awsauth.core.text.display import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.edit.changes import Change
    from awsauth.core.lint.subject import LintContext, LintEntry


@rule(Severity.WARNING, "an account in `mapAccounts`: everybody in it gets in")
def map_accounts(subject: LintContext) -> Iterator[Match]:
    """Find accounts that are let in as a whole.

    Fires::

        mapAccounts: |
          - "111122223333"

    Silent::

        mapAccounts: |
          []
    """
    accounts = {item.mapped.principal: item for item in subject.accounts if ACCOUNT.fullmatch(item.mapped.principal)}
    for account, item in accounts.items():
        yield Match(
            "A whole account is let in.",
            "Every user and role of it gets in, under its ARN and without groups: "
            "it may do what every authenticated caller may, and what RBAC gives to its ARN.",
            "Map the users and roles that are meant.",
            item.location(),
            account,
        )


@rule(Severity.ERROR, "an account in `mapAccounts` that is not 12 digits")
def account_number(subject: LintContext) -> Iterator[Match]:
    """Find accounts that there cannot be, such as one that a tool has made a number of.

    Fires::

        mapAccounts: |
          - 1.2345679e+10

    Silent::

        mapAccounts: |
          - 012345678901
    """
    for item in subject.accounts:
        account = item.mapped.principal
        if not ACCOUNT.fullmatch(account) and (account.isdigit() or not can_match(account)):
            yield Match(
                "This is no account: it is not 12 digits.",
                "It lets nobody in.",
                "Write all 12 digits, leading zeros too, in quotes.",
                item.location(),
                account,
            )


@rule(Severity.ERROR, "a role's ARN with its path, which STS never reports", cures=True)
def role_path(subject: LintContext) -> Iterator[Match]:
    """Find roles that are written with their path, those of IAM Identity Center among them.

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
    for item in subject.with_arn_problem("role-path"):
        yield Match(
            "A role's ARN stands here with its path.",
            "STS never reports the path, so this matches nobody.",
            f"Write it without: {quoted(bare(item.mapped.principal), 200)}.{_mapped_already(subject, item)}",
            item.location(),
            item.mapped.principal,
            _renamed(subject, item),
        )


@rule(Severity.ERROR, "white space or invisible characters in an ARN", cures=True)
def arn_space(subject: LintContext) -> Iterator[Match]:
    """Find ARNs with white space, as from a copied line, or with characters that people cannot see.

    Fires::

        mapRoles: |
          - rolearn: "arn:aws:iam::111122223333:role/ci "
            username: ci

    Silent::

        mapRoles: |
          - rolearn:   arn:aws:iam::111122223333:role/ci   # a trailing space outside of quotes is none
            username: ci
    """
    for item in subject.with_arn_problem("arn-space"):
        is_certain = len(item.mapped.principal.split()) == 1  # between two words, something else may be missing
        yield Match(
            "There is white space, or a character that people cannot see, in this ARN.",
            "It is compared as it stands, so this matches nobody.",
            f"Write {quoted(bare(item.mapped.principal), 200)}.{_mapped_already(subject, item)}"
            if is_certain
            else "Write the ARN as IAM shows it.",
            item.location(),
            item.mapped.principal,
            _renamed(subject, item) if is_certain else (),
        )


def _mapped_already(subject: LintContext, item: LintEntry) -> str:
    is_free = bare(item.mapped.principal).lower() not in subject.by_principal
    return "" if is_free else " That one is mapped already: take one of the two out."


def _renamed(subject: LintContext, item: LintEntry) -> tuple[Change, ...]:
    """Return the change to an ARN that nobody is mapped by or would be: whatever is mapped already stays as it is."""
    arn = bare(item.mapped.principal)
    if len(subject.by_bare_arn[arn.lower()]) > 1 or not is_canonical(arn):
        return ()
    return (RenamePrincipal(principal_arn=item.mapped.principal, new_arn=arn),)


@rule(Severity.ERROR, "the ARN of a role's session in place of the role's")
def assumed_role(subject: LintContext) -> Iterator[Match]:
    """Find sessions of roles. Not cured: the role lets more people in than the one session that is written.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:sts::111122223333:assumed-role/ci/build-7
            username: ci

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
    """
    for item in subject.with_arn_problem("assumed-role"):
        arn = role_or_nothing(item.mapped.principal)
        instead = f"Map the role, {quoted(arn, 200)}" if arn else "Map the role"
        yield Match(
            "This is the ARN of a role's session.",
            "A caller is looked up by the role, so this matches nobody.",
            f"{instead}: every session of it gets in then.",
            item.location(),
            item.mapped.principal,
        )


@rule(Severity.ERROR, "the ARN of an instance profile in place of its role's")
def instance_profile(subject: LintContext) -> Iterator[Match]:
    """Find instance profiles.

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
    for item in subject.with_arn_problem("instance-profile"):
        yield Match(
            "This is the ARN of an instance profile.",
            "An instance calls as the role that the profile holds, so this matches nobody.",
            "Map the role in the profile; it need not have the profile's name.",
            item.location(),
            item.mapped.principal,
        )


@rule(Severity.ERROR, "a wildcard in an ARN")
def wildcard(subject: LintContext) -> Iterator[Match]:
    """Find ARNs with a star.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/team/*
            username: team

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/team
            username: team
    """
    for item in subject.with_arn_problem("wildcard"):
        yield Match(
            "There is a star in this ARN.",
            "It stands for nothing but itself, so this matches nobody.",
            "Map each principal on its own.",
            item.location(),
            item.mapped.principal,
        )


@rule(Severity.ERROR, "what is the ARN of no IAM role or user")
def not_an_arn(subject: LintContext) -> Iterator[Match]:
    """Find names in place of ARNs, ARNs of other things, and broken ones.

    Fires::

        mapRoles: |
          - rolearn: ci
            username: ci

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::111122223333:role/ci
            username: ci
    """
    for item in subject.with_arn_problem("not-an-arn"):
        kind = "user" if item.reading.key == "mapUsers" else "role"
        if is_iam_group(item.mapped.principal):
            yield Match(
                "This is the ARN of an IAM group, and IAM groups cannot be mapped.",
                "No caller has it, so this matches nobody.",
                NO_IAM_GROUP,
                item.location(),
                item.mapped.principal,
            )
            continue
        yield Match(
            "This is not the ARN of an IAM role or user.",
            "Nobody calls by it, so this matches nobody.",
            f"Write one like `arn:aws:iam::111122223333:{kind}/NAME`.",
            item.location(),
            item.mapped.principal,
        )


@rule(Severity.ERROR, "an ARN or username that continues on the next line")
def continued_value(subject: LintContext) -> Iterator[Match]:
    """Find values that swallow the line below them, because it is indented further.

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
    for item in subject.items:
        for name in (ARN_FIELD[item.reading.key], "username"):
            field = item.entry.shape.field(name)
            line = continuation(item.reading.text, field)
            if not line or field is None or not isinstance(field.value, Scalar):
                continue
            is_item = line.startswith("- ")
            yield Match(
                f"The {'username' if name == 'username' else 'ARN'} continues on the next line, and is "
                f"{quoted(field.value.text, 200)} as a whole.",
                "RBAC has to spell it just so."
                if name == "username"
                else "It is compared as it stands, so this matches nobody.",
                f"Move the line {quoted(line)} below `groups:`."
                if is_item
                else f"Write the value in one line; {quoted(line)} is part of it now.",
                item.location(name),
                item.mapped.principal,
            )


@rule(Severity.ERROR, "a typographic character in an ARN; a warning in a username or group", cures=True)
def typographic_character(subject: LintContext) -> Iterator[Match]:
    """Find dashes, quotes and wide letters that a word processor puts in place of the ASCII ones.

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
    for item in subject.with_arn_problem("typographic-character"):
        yield Match(
            f"The ARN has {typography(item.mapped.principal)}.",
            "An ARN is ASCII, so this matches nobody.",
            f"Write {quoted(bare(item.mapped.principal), 200)}.{_mapped_already(subject, item)}",
            item.location(),
            item.mapped.principal,
            _renamed(subject, item),
        )
    for by_name in (subject.usernames, subject.groups):
        for name, items in by_name.items():
            right = in_ascii(name).strip()
            for item in items if right != name and typography(name) and not has_invisible(name) else ():
                yield Match(
                    f"The {'username' if by_name is subject.usernames else 'group'} {quoted(name)} has {typography(name)}.",
                    "It is part of the name: RBAC has to spell it just so.",
                    f"Write {quoted(right.removeprefix('- '))}.",
                    item.location("username") if by_name is subject.usernames else item.group_location(name),
                    item.mapped.principal,
                    severity=Severity.WARNING,
                )


@rule(Severity.ERROR, "an ARN whose account is not 12 digits")
def account_digits(subject: LintContext) -> Iterator[Match]:
    """Find ARNs without a proper account, such as one that lost its leading zero.

    Fires::

        mapRoles: |
          - rolearn: arn:aws:iam::12345678901:role/ci
            username: ci

    Silent::

        mapRoles: |
          - rolearn: arn:aws:iam::012345678901:role/ci
            username: ci
    """
    for item in subject.with_arn_problem("account-digits"):
        yield Match(
            "The account in this ARN is not 12 digits.",
            "There is no such account, so this matches nobody.",
            "Write the 12 digits of the account, leading zeros too.",
            item.location(),
            item.mapped.principal,
        )


@rule(Severity.ERROR, "an ARN with an unknown partition")
def unknown_partition(subject: LintContext) -> Iterator[Match]:
    """Find partitions that there are none of.

    Fires::

        mapRoles: |
          - rolearn: arn:aws-gov:iam::111122223333:role/ci
            username: ci

    Silent::

        mapRoles: |
          - rolearn: arn:aws-us-gov:iam::111122223333:role/ci
            username: ci
    """
    for item in subject.with_arn_problem("unknown-partition"):
        yield Match(
            "The partition of this ARN is unknown.",
            "Nobody calls from it, so this matches nobody.",
            f"The partitions are {', '.join(PARTITIONS)}.",
            item.location(),
            item.mapped.principal,
        )

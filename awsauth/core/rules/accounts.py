"""Rules about ``mapAccounts``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsauth.core.arn import ACCOUNT
from awsauth.core.finding import Severity
from awsauth.core.matching import can_match
from awsauth.core.rules.rule import Hit, rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.rules.subject import Subject


@rule(Severity.WARNING, "an account in `mapAccounts`: everybody in it gets in")
def map_accounts(subject: Subject) -> Iterator[Hit]:
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
        yield Hit(
            "A whole account is let in.",
            "Every user and role of it gets in, under its ARN and without groups: "
            "it may do what every authenticated caller may, and what RBAC gives to its ARN.",
            "Map the users and roles that are meant.",
            item.place(),
            account,
        )


@rule(Severity.ERROR, "an account in `mapAccounts` that is not 12 digits")
def account_number(subject: Subject) -> Iterator[Hit]:
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
            yield Hit(
                "This is no account: it is not 12 digits.",
                "It lets nobody in.",
                "Write all 12 digits, leading zeros too, in quotes.",
                item.place(),
                account,
            )

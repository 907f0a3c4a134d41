"""The guard of gains: a mapping goes, and an entry that did not count before gives its principal more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from awsauth.core.access.matching import account_of, casefold_arn, gains
from awsauth.core.document.index import entries_of
from awsauth.core.document.model import KIND, PRINCIPAL_KEYS
from awsauth.core.guards.context import GuardInput, violation
from awsauth.core.text.display import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from awsauth.core.access.matching import Outcomes
    from awsauth.core.document.model import Key, MappingEntry, ParsedList
    from awsauth.core.findings import Finding

GAINS: Final = "gains"


def gains_access(case: GuardInput) -> Iterator[Finding]:
    """Refuse a removal or rollback after which an older entry gives a principal more groups, or another username."""
    for principal, outcomes in case.old.by_principal.items():
        if outcomes == case.new.by_principal.get(principal):
            continue
        old, new = case.old.of_principal(principal), case.new.of_principal(principal)
        if not gains(old, new):
            continue
        uncovered = [key for mapped in new if gains(old, (mapped,)) and (key := _stood_before(case, principal, mapped))]
        if uncovered:
            yield _refused(case, principal, old, new, uncovered[-1])


def _stood_before(case: GuardInput, principal: str, mapped: MappingEntry) -> Key | None:
    """Return the data key of an entry that decides now and stood there before the change; None for a new entry."""
    for key in PRINCIPAL_KEYS:
        before, after = (_entries(document.reading(key), principal) for document in (case.before, case.after))
        if mapped in after:
            return key if before.count(mapped) >= after.count(mapped) else None
    return "mapAccounts" if account_of(principal) in case.before.accounts else None


def _entries(reading: ParsedList, principal: str) -> list[MappingEntry]:
    found = [reading.entries[position].mapped for position in entries_of(reading, {principal})]
    return [mapped for mapped in found if mapped is not None and casefold_arn(mapped.principal) == principal]


def _refused(case: GuardInput, principal: str, old: Outcomes, new: Outcomes, key: Key) -> Finding:
    from awsauth.core.access.access_changes import AccessChange, infos  # only where there is something to say

    written = case.old.by_principal[principal][-1].principal
    change = AccessChange(written, infos(written, old), infos(written, new))
    hint = (
        "Remove the account too if it is not meant to have access."
        if key == "mapAccounts"
        else f"Remove its {KIND[key]} mapping in {key} too, or change the mapping that goes instead of removing it."
    )
    return violation(
        GAINS,
        f"{quoted(written, 200)} {change.told(quoted)}.",
        f"Its mapping goes, and its entry in {key}, which did not count before, counts from then on.",
        hint,
        principal=written,
    )

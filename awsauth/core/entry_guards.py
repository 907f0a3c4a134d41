"""What the cluster's authentication mode and its access entries mean for a change to ``aws-auth``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from awsauth.core.access_entries import AUTHENTICATION_MODE, WINS, AccessEntry
from awsauth.core.escaping import quoted
from awsauth.core.finding import Finding, Severity
from awsauth.core.guard_case import Case, refusal

if TYPE_CHECKING:
    from collections.abc import Iterator


def authentication_mode(case: Case) -> Iterator[Finding]:
    """Refuse a change that has no effect, because the cluster does not look at ``aws-auth``."""
    if case.context.authentication_mode == "API" and case.before != case.after:
        yield refusal(
            AUTHENTICATION_MODE,
            "The cluster's authentication mode is API: it does not look at aws-auth.",
            "The change would have no effect.",
            "Change the cluster's access entries instead; the mode cannot be changed back.",
        )


def access_entry_wins(case: Case) -> Iterator[Finding]:
    """Say of every mapping that changes whether an access entry keeps the change from having an effect."""
    old, new = case.written_old.by_principal, case.written_new.by_principal
    for principal, entry in case.entries.items():
        before, after = old.get(principal, ()), new.get(principal, ())
        if before != after:
            shown = (after or before)[-1].principal
            yield _without_effect(shown, entry, goes=not after)


def _without_effect(principal: str, entry: AccessEntry, *, goes: bool) -> Finding:
    still_in = f"{quoted(principal, 200)} loses nothing: it has an access entry, which still lets it in."
    wins = f"{quoted(principal, 200)} has an access entry, and that wins over its mapping."
    return Finding(
        WINS,
        Severity.NOTE if entry.lets_nodes_in else Severity.WARNING,
        still_in if goes else wins,
        f"The change has no effect on it. The entry: {entry.gives}.",
        "Delete the entry too if it is to lose access." if goes and not entry.lets_nodes_in else "",
        principal=principal,
    )

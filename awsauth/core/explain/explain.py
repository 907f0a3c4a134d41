"""Explaining what the authenticator does with a caller.

Source of the rules: ``aws-iam-authenticator`` ``pkg/token`` (``getIdentityFromSTSResponse``), ``pkg/mapper/configmap``
(``Map``), ``pkg/server/server.go`` (``doMapping``, ``renderTemplates``). Shown against that code by the tests.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from awsauth.boundary import public
from awsauth.core.access.caller import Caller, as_caller, render
from awsauth.core.access.matching import (
    INSTANCES_ONLY,
    Access,
    account_of,
    casefold_arn,
    needs_instance,
    reduces_access,
    winners,
)
from awsauth.core.document.document import Document, check_document
from awsauth.core.document.model import PRINCIPAL_KEYS
from awsauth.core.edit.changes import RenamePrincipal
from awsauth.core.edit.merge import merge
from awsauth.core.explain.candidates import Looked, Search, ensured, place_of
from awsauth.core.explain.explanation import CallerOutcome, DecisionStep, Explanation, Verdict
from awsauth.core.text.display import quoted
from awsauth.errors import EditError, MappingConflictError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from awsauth.core.document.model import Key, MappingEntry
    from awsauth.core.edit.changes import Change
    from awsauth.core.findings import Location

_NEAREST: Final = (
    "role-path", "session-arn", "space", "user-path", "account-digits", "malformed", "no-arn", "data-key",
    "entry-dropped", "sso", "sso-suffix",
)  # fmt: skip
_ALIKE: Final = frozenset({"other-partition", "similar-name", "pattern", "other-account", "other-kind"})
"""Entries of principals that only resemble the caller."""

_MOST_CHANGES: Final = 5
_MOST_TRIED: Final = 10


@public
def explain(document: Document, caller: Caller | str) -> Explanation:
    """Say what the authenticator does with a caller: each step, what counts, what does not and why.

    For a caller that gets nothing it names the nearest misses. It offers a change where an entry names the caller's own
    principal, written wrongly, and never one for another account or a similar name, nor one that makes an administrator.

    Args:
        document: The ``aws-auth`` to look into.
        caller: Its ARN, as STS reports it or as IAM shows it; or a `Caller`, with what else is known of it. Templates
            whose value is not known stay in the username and groups as they are.

    Raises:
        InvalidValueError: `caller` is the ARN of no role or user.
        UsageError: `document` is no document.
    """
    check_document(document)
    return _Explaining(document, as_caller(caller)).with_access_entries()


_IN: Final = ("let-in", "undefined", "depends")


@dataclass(slots=True)
class _Explaining:
    document: Document
    caller: Caller
    outcomes: list[CallerOutcome] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    untrusted: bool = False

    def with_access_entries(self, *, offers: bool = True) -> Explanation:
        steps = [_identity(self.caller)]
        # What may have been meant for somebody is looked for only where nothing is theirs.
        wide = not self._is_mapped()
        search = Search(self.document, self.caller, wide=wide)
        decided = ""
        for key in PRINCIPAL_KEYS:
            looked = search.principals(key, decided=bool(decided))
            steps.append(self._step(key, looked, decided))
            if looked.found and not decided:
                decided = key
                self.outcomes = _distinct(self._outcome(key, *entry) for entry in looked.found.items())
        looked = search.accounts(decided=bool(decided))
        steps.append(self._step("mapAccounts", looked, decided))
        if looked.found and not decided:
            location = self._place_of("mapAccounts", min(looked.found))
            self.outcomes = [self._by_account(location)]
        elif decided:
            steps.append(self._rendering())
        verdict = self._verdict()
        changes = self._changes(steps, search) if offers and verdict == "not-mapped" else ()
        return Explanation(
            self.caller, verdict, tuple(self.outcomes), tuple(steps), tuple(dict.fromkeys(self.conditions)), changes
        )

    def _is_mapped(self) -> bool:
        target = casefold_arn(self.caller.canonical_arn)
        return self.caller.account in self.document.accounts or any(
            target in winners(self.document.reading(key)) for key in PRINCIPAL_KEYS
        )

    def _step(self, key: Key, looked: Looked, decided: str) -> DecisionStep:
        reading = self.document.reading(key)
        if not decided and not reading.trusted:
            self.untrusted = True
            self.conditions.append(f"It cannot be said for certain what the authenticator makes of {key}.")
        count = len(reading.entries)
        if decided:
            summary = f"not looked at, since {decided} decides."
        elif key not in self.document.data:
            summary = "there is none."
        elif not reading.entries:
            summary = "nothing in it can be read." if reading.findings else "it is empty."
        elif looked.found:
            summary = (
                f"{len(looked.found)} of {count} counts." if len(looked.found) == 1 else "it is undefined which counts."
            )
        else:
            summary = f"none of {count} is the caller's."
        return DecisionStep(key, summary, looked.candidates, looked.problems)

    def _outcome(self, key: Key, position: int, mapped: MappingEntry) -> CallerOutcome:
        location = self._place_of(key, position)
        username = render(mapped.username, self.caller)
        groups = [render(group, self.caller) for group in mapped.groups]
        unresolved = tuple(dict.fromkeys(marker for part in (username, *groups) for marker in part.unresolved))
        refusal = ""
        if needs_instance(mapped):
            if self.caller.is_instance is None:
                self.conditions.append(
                    f"{INSTANCES_ONLY} lets nobody in but EC2 instances, by a session name such as `i-0123456789abcdef0`; "
                    "the session's name is not known here."
                )
            elif not self.caller.is_instance:
                refusal = _no_instance(self.caller)
                self.conditions.append(
                    "Fargate and hybrid nodes come as `system:node:{{SessionName}}`; people need a role of their own."
                )
        return CallerOutcome(username.text, tuple(group.text for group in groups), unresolved, refusal, location)

    def _place_of(self, key: Key, position: int) -> Location:
        return self.document.place_of(place_of(self.document.reading(key), position))

    def _by_account(self, location: Location) -> CallerOutcome:
        return CallerOutcome(self.caller.canonical_arn, (), location=location)

    def _rendering(self) -> DecisionStep:
        refused = [outcome for outcome in self.outcomes if outcome.refusal]
        left = dict.fromkeys(marker for outcome in self.outcomes for marker in outcome.unresolved)
        if refused:
            which = "" if len(refused) == len(self.outcomes) else " for one of them"
            summary = f"it fails{which}, and nothing else is tried."
        elif left:
            summary = f"filled in but for {', '.join(left)}."
        else:
            summary = "username and groups are filled in."
        return DecisionStep("rendering", summary)

    def _verdict(self) -> Verdict:
        if self.untrusted:
            return "depends"
        if len(self.outcomes) > 1:
            return "undefined"
        if not self.outcomes:
            return "not-mapped"
        if self.outcomes[0].refusal:
            return "refused"
        return "depends" if self.conditions else "let-in"

    def _changes(self, steps: Sequence[DecisionStep], search: Search) -> tuple[Change, ...]:
        near = [c for step in steps for c in step.candidates if c.change is not None and c.code in _NEAREST]
        if self._is_of_another_account():
            near = [candidate for candidate in near if candidate.code != "no-arn"]
        near.sort(key=lambda candidate: _NEAREST.index(candidate.code))
        changes: list[Change] = []
        # Each once, and not all: a text may hold thousands of near misses that cannot be edited.
        distinct = dict.fromkeys(change for candidate in near if (change := candidate.change))
        for change in list(distinct)[:_MOST_TRIED]:
            if len(changes) < _MOST_CHANGES and self._helps(change):
                changes.append(change)
        if changes:
            return tuple(changes)
        why = self._why_nothing(steps, search)
        if why:
            self.conditions.append(why)
        elif self._helps(default := ensured(self.caller)):
            self.conditions.append("The username and the groups to give it are yours to choose.")
            changes.append(default)
        return tuple(changes)

    def _why_nothing(self, steps: Sequence[DecisionStep], search: Search) -> str:
        """Return why no mapping is offered; empty where one may be."""
        if search.withheld:
            return "An entry that is meant for it makes an administrator: no change is offered. Correct it if that is right."
        if self._is_of_another_account():
            return f"Nothing in aws-auth is of its account {quoted(self.caller.account)}, so no change is offered."
        if any(candidate.code in _ALIKE for step in steps for candidate in step.candidates):
            return "The entries named above only resemble it, so no change is offered."
        return ""

    def _is_of_another_account(self) -> bool:
        mapped = (mapped for key in PRINCIPAL_KEYS for mapped in self.document.reading(key).mapped)
        accounts = {one.sso.account if one.sso else account_of(one.principal) for one in mapped}
        accounts.update(self.document.accounts)
        known = {account for account in accounts if account.isdecimal()}
        return bool(known) and self.caller.account not in known

    def _helps(self, change: Change) -> bool:
        """Whether the text allows a change, the caller gets in by what comes of it, and nobody else loses anything."""
        try:
            after = merge(self.document, [change])
        except (EditError, MappingConflictError):
            return False
        # Whoever is renamed is meant to lose the mapping; but a session's ARN stands for its role, too.
        renamed = frozenset({casefold_arn(change.principal_arn)} if isinstance(change, RenamePrincipal) else ())
        if reduces_access(Access.of(self.document).without(renamed), Access.of(after).without(renamed)):
            return False
        return _Explaining(after, self.caller).with_access_entries(offers=False).verdict in _IN


def _identity(caller: Caller) -> DecisionStep:
    looked_for = quoted(caller.canonical_arn, 200)
    if caller.canonical_arn == caller.arn:
        summary = f"it looks for {looked_for}, ignoring case."
    elif ":assumed-role/" in caller.arn:
        summary = f"{quoted(caller.arn, 200)} is a session of {looked_for}; it looks for that, ignoring case."
    else:
        summary = f"STS reports {quoted(caller.arn, 200)} without its path; it looks for {looked_for}, ignoring case."
    return DecisionStep("identity", summary)


def _no_instance(caller: Caller) -> str:
    whose = f"the session's name {quoted(caller.session_name)} is" if caller.session_name else "a user is"
    return f"{INSTANCES_ONLY} lets nobody in but EC2 instances, and {whose} none"


def _distinct(outcomes: Iterable[CallerOutcome]) -> list[CallerOutcome]:
    """Leave one of those that come to the same."""
    by_effect = {(outcome.username, outcome.groups, outcome.refusal): outcome for outcome in outcomes}
    return list(by_effect.values())

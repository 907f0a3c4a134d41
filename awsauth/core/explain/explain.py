"""Explain how the authenticator treats a caller.

Source of the rules: ``aws-iam-authenticator`` ``pkg/token`` (``getIdentityFromSTSResponse``), ``pkg/mapper/configmap``
(``Map``), ``pkg/server/server.go`` (``doMapping``, ``renderTemplates``). The tests compare both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Final

from awsauth.core.access.caller import Caller, as_caller
from awsauth.core.access.matching import Access, account_of, casefold_arn, entries_for, principal_of, reduces_access
from awsauth.core.document.document import Document, check_document
from awsauth.core.document.model import KEYS, PRINCIPAL_KEYS, Key, MappingEntry
from awsauth.core.edit.changes import Change, RenamePrincipal
from awsauth.core.edit.merge import merge
from awsauth.core.entries.model import AccessEntry
from awsauth.core.explain.candidates import Search, ensured, entry_location
from awsauth.core.explain.explanation import CallerOutcome, DecisionStep, Explanation, instance_condition, rendering
from awsauth.core.text.display import quoted
from awsauth.errors import EditError, MappingConflictError

if TYPE_CHECKING:
    from awsauth.core.entries.model import EntriesState
    from awsauth.core.explain.explanation import CallerVerdict

_NEAREST: Final = (
    "role-path", "session-arn", "space", "user-path", "account-digits", "malformed", "no-arn", "data-key",
    "entry-dropped", "sso-suffix",
)  # fmt: skip
# Entries of principals that only resemble the caller.
_ALIKE: Final = frozenset({"other-partition", "similar-name", "pattern", "other-account", "other-kind"})

_MOST_CHANGES: Final = 5
_MOST_TRIED: Final = 10
_MOST_READ: Final = 1024 * 1024  # characters that all attempts together may read


def explain(document: Document, caller: Caller | str) -> Explanation:
    """Explain the authenticator's steps, and which entries count and why.

    For a caller without access it names entries that nearly match. It offers a change if an entry names the caller's
    own principal wrongly. It offers none for another account or a similar name, and none that makes an administrator.

    Args:
        document: The document.
        caller: The ARN, as STS reports it or as IAM shows it; or a `Caller` with more details. Templates with unknown
            values stay in the username and groups.

    Raises:
        InvalidValueError: `caller` is not the ARN of a role or user.
        UsageError: `document` is not a document.
    """
    check_document(document)
    return _Explaining(document, as_caller(caller)).explanation()


_IN: Final = ("let-in", "undefined", "depends")


@dataclass(slots=True)
class _Explaining:
    document: Document
    caller: Caller
    outcomes: list[CallerOutcome] = field(default_factory=list)
    conditions: list[str] = field(default_factory=list)
    untrusted: bool = False

    def explanation(self, *, offers: bool = True) -> Explanation:
        steps = [_identity(self.caller)]
        # A mapped caller needs no search for entries that may be meant for it.
        search = Search(self.document, self.caller, wide=not self._is_mapped())
        decided = ""
        for key in KEYS:
            found, step = search.look(key, decided)
            steps.append(step)
            if not decided and not self.document.reading(key).trusted:
                self.untrusted = True
                self.conditions.append(f"awsauth cannot tell how the authenticator reads {key}.")
            if found and not decided:
                decided = key
                self.outcomes = self._outcomes(key, found)
        if decided in PRINCIPAL_KEYS:
            steps.append(rendering(self.outcomes))
        verdict = self._verdict()
        changes = self._changes(steps, search) if offers and verdict == "not-mapped" else ()
        conditions = tuple(dict.fromkeys(self.conditions))
        return Explanation(self.caller, verdict, tuple(self.outcomes), tuple(steps), conditions, changes)

    def _is_mapped(self) -> bool:
        target = casefold_arn(self.caller.canonical_arn)
        found = (entries_for(self.document.reading(key), target) for key in PRINCIPAL_KEYS)
        return self.caller.account in self.document.accounts or any(found)

    def _outcomes(self, key: Key, found: dict[int, MappingEntry]) -> list[CallerOutcome]:
        """Return the outcomes of the entries that count; one of those of equal effect."""
        place_of = partial(entry_location, self.document, self.document.reading(key))
        if key == "mapAccounts":
            return [CallerOutcome(self.caller.canonical_arn, (), location=place_of(min(found)))]
        outcomes = {}
        for at, mapped in found.items():
            outcome = CallerOutcome.of(mapped.username, mapped.groups, self.caller, place_of(at))
            outcomes[outcome.username, outcome.groups, outcome.refusal] = outcome
            if condition := instance_condition(outcome, self.caller):
                self.conditions.append(condition)
        return list(outcomes.values())

    def _verdict(self) -> CallerVerdict:
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
        # Each once, and not all: a text can have thousands of near misses that cannot be edited.
        distinct = dict.fromkeys(change for candidate in near if (change := candidate.change))
        size = sum(map(len, self.document.data.values()))
        tries = max(1, min(_MOST_TRIED, _MOST_READ // (size + 1)))  # each reads the text again
        if changes := tuple(islice(filter(self._helps, list(distinct)[:tries]), _MOST_CHANGES)):
            return changes
        if why := self._why_nothing(steps, search):
            self.conditions.append(why)
        elif self._helps(default := ensured(self.caller)):
            self.conditions.append("Choose the username and the groups that it needs.")
            return (default,)
        return ()

    def _why_nothing(self, steps: Sequence[DecisionStep], search: Search) -> str:
        """Return why no change is offered; empty if one may be."""
        if search.withheld:
            return "An entry meant for it makes an administrator, so no change is offered. Correct the entry if that is right."
        if self._is_of_another_account():
            return f"aws-auth has no entry of its account {quoted(self.caller.account)}, so no change is offered."
        if any(candidate.code in _ALIKE for step in steps for candidate in step.candidates):
            return "The entries above only resemble it, so no change is offered."
        return ""

    def _is_of_another_account(self) -> bool:
        mapped = (mapped for key in PRINCIPAL_KEYS for mapped in self.document.reading(key).mapped)
        accounts = (one.sso.account if one.sso else account_of(one.principal) for one in mapped)
        known = {account for account in (*accounts, *self.document.accounts) if account.isdecimal()}
        return bool(known) and self.caller.account not in known

    def _helps(self, change: Change) -> bool:
        """Whether a change can be made, and grants access without taking any away."""
        try:
            after = merge(self.document, [change])
        except (EditError, MappingConflictError):
            return False
        # The renamed principal is meant to lose the mapping.
        renamed = frozenset({casefold_arn(change.principal_arn)} if isinstance(change, RenamePrincipal) else ())
        is_less = reduces_access(Access.of(self.document).without(renamed), Access.of(after).without(renamed))
        return not is_less and _Explaining(after, self.caller).explanation(offers=False).verdict in _IN


def _identity(caller: Caller) -> DecisionStep:
    looked_for = quoted(caller.canonical_arn, 200)
    if caller.canonical_arn == caller.arn:
        summary = f"the authenticator looks for {looked_for}, ignoring case."
    elif ":assumed-role/" in caller.arn:
        summary = f"{quoted(caller.arn, 200)} is a session of {looked_for}; the authenticator looks for that role, ignoring case."
    else:
        summary = f"STS reports {quoted(caller.arn, 200)} without its path; the authenticator looks for {looked_for}, ignoring case."
    return DecisionStep("identity", summary)


_ENTRIES: Final = "access entries"


def add_entries(explanation: Explanation, state: EntriesState) -> Explanation:
    """Return an explanation with the access entries taken into account.

    The entry of a principal decides before ``aws-auth``.

    Args:
        explanation: The explanation of ``aws-auth`` alone.
        state: The access entries; an unknown mode counts as ``CONFIG_MAP``, and makes the verdict ``depends``.
    """
    found = replace(explanation, verdict="depends") if state.mode is None else _by_state(explanation, state)
    return replace(found, conditions=(*found.conditions, *(note.message for note in state.notes)))


def _by_state(explanation: Explanation, state: EntriesState) -> Explanation:
    if state.mode not in ("API_AND_CONFIG_MAP", "API"):
        return explanation
    identity, *others = explanation.steps
    if entry := state.by_principal.get(principal_of(explanation.caller.canonical_arn)):
        return _by_entry(explanation, entry)
    is_unread = state.entries is None
    found = "they could not be read" if is_unread else "the caller has none"
    if state.mode == "API":
        step = DecisionStep(_ENTRIES, f"{found}, and the cluster does not use aws-auth.")
        advice = () if is_unread else ("Create an access entry for it.",)
        return Explanation(explanation.caller, "depends" if is_unread else "not-mapped", (), (identity, step), advice)
    found += "; an entry of the caller would decide before aws-auth." if is_unread else "."
    verdict = "depends" if is_unread else explanation.verdict
    return replace(explanation, verdict=verdict, steps=(identity, DecisionStep(_ENTRIES, found), *others))


def _by_entry(explanation: Explanation, entry: AccessEntry) -> Explanation:
    identity, *others = explanation.steps
    names = [step.name for step in others if step.name != "rendering"]
    passed_over = [DecisionStep(name, "not read, because the access entry decides.") for name in names]
    made = f", made on {entry.created:%Y-%m-%d}," if entry.created else ""
    steps = (identity, DecisionStep(_ENTRIES, f"the caller's entry{made} decides: {entry.gives}."), *passed_over)
    if not entry.type:
        return Explanation(explanation.caller, "depends", (), steps)
    outcome = CallerOutcome.of(entry.username, entry.groups, explanation.caller)
    verdict: CallerVerdict = "let-in"
    conditions = [f"The access policy {policy} grants more rights." for policy in entry.policies]
    if condition := instance_condition(outcome, explanation.caller):
        verdict = "refused" if outcome.refusal else "depends"
        conditions.append(condition)
    return Explanation(explanation.caller, verdict, (outcome,), (*steps, rendering([outcome])), tuple(conditions))

"""Explanations for clusters with access entries.

These decide before ``aws-auth``, or replace it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from awsauth.core.access.access_entries import AccessEntry, AuthenticationMode, entry_for
from awsauth.core.explain.explanation import (
    CallerOutcome,
    DecisionStep,
    Explanation,
    Verdict,
    instance_condition,
    rendering,
)

NAME: Final = "access entries"


def with_entries(
    explanation: Explanation, mode: AuthenticationMode | None, entries: Iterable[AccessEntry] | None
) -> Explanation:
    """Return an explanation with the access entries taken into account.

    The entry of a principal decides before ``aws-auth``.

    Args:
        explanation: The explanation of ``aws-auth`` alone.
        mode: The authentication mode; None if unknown, which counts as ``CONFIG_MAP``.
        entries: The access entries; None if they could not be read.
    """
    if mode not in ("API_AND_CONFIG_MAP", "API"):
        return explanation
    if entries is None:
        return _by_unknown(explanation, mode)
    entry = entry_for(explanation.caller.canonical_arn, entries)
    if entry:
        return _by_entry(explanation, entry)
    identity, *others = explanation.steps
    if mode == "API_AND_CONFIG_MAP":
        return replace(explanation, steps=(identity, DecisionStep(NAME, "the caller has none."), *others))
    return Explanation(
        explanation.caller,
        "not-mapped",
        (),
        (identity, DecisionStep(NAME, "the caller has none, and the cluster does not use aws-auth.")),
        ("Create an access entry for it.",),
    )


def _by_unknown(explanation: Explanation, mode: AuthenticationMode) -> Explanation:
    identity, *others = explanation.steps
    if mode == "API":
        step = DecisionStep(NAME, "they could not be read, and the cluster does not use aws-auth.")
        return Explanation(explanation.caller, "depends", (), (identity, step))
    step = DecisionStep(NAME, "they could not be read; an entry of the caller would decide before aws-auth.")
    return replace(explanation, verdict="depends", steps=(identity, step, *others))


def _by_entry(explanation: Explanation, entry: AccessEntry) -> Explanation:
    identity, *others = explanation.steps
    passed_over = [
        DecisionStep(step.name, "not read, because the access entry decides.")
        for step in others
        if step.name != "rendering"
    ]
    steps = (identity, DecisionStep(NAME, f"the caller's entry decides: {entry.gives}."), *passed_over)
    if not entry.type:
        return Explanation(explanation.caller, "depends", (), steps)
    outcome = CallerOutcome.of(entry.username, entry.groups, explanation.caller)
    verdict: Verdict = "let-in"
    conditions = [f"The access policy {policy} grants more rights." for policy in entry.policies]
    if condition := instance_condition(outcome, explanation.caller):
        verdict = "refused" if outcome.refusal else "depends"
        conditions.append(condition)
    return Explanation(explanation.caller, verdict, (outcome,), (*steps, rendering([outcome])), tuple(conditions))

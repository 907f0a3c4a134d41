"""The decision table of a sync, row by row, and what holds for every case."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given, strategies as st

from awsauth.core.desired.decide import Case, Choices, OnDrift, decide
from awsauth.core.desired.records import applied
from awsauth.core.document.model import MappingEntry

ARN = "arn:aws:iam::111122223333:role/ci"
NAME = f"role/{ARN}"
A, B, C = (MappingEntry(ARN, user, ("g",)) for user in "abc")
CAREFUL = Choices()

ROWS: list[tuple[str, Any, Any, Any, str, str]] = [
    # wanted, live, last applied, another owner that recorded it, act
    ("not there", A, None, None, "", "create"),
    ("removed by another writer", A, None, A, "", "restore"),
    ("removed by another writer, and wanted otherwise", A, None, B, "", "restore"),
    ("as wanted", A, A, A, "", "same"),
    ("as wanted, and not as recorded", A, A, B, "", "record"),
    ("as wanted, and not recorded", A, A, None, "", "unowned"),
    ("as applied", A, B, B, "", "update"),
    ("changed by another writer", A, C, B, "", "restore"),
    ("not recorded, and another mapping", A, B, None, "", "conflict"),
    ("another owner's", A, A, None, "b", "conflict"),
    ("another owner's, and gone", A, None, None, "b", "conflict"),
    ("recorded by both", A, B, B, "b", "conflict"),
    ("not wanted any more", None, A, A, "", "prune"),
    ("not wanted any more, and changed", None, B, A, "", "conflict"),
    ("not wanted any more, and gone", None, None, A, "", "forget"),
    ("not wanted any more, and another owner's", None, A, A, "b", "forget"),
    ("nobody's", None, A, None, "", "untouched"),
    ("another owner's alone", None, A, None, "b", "untouched"),
]


def case(wanted: Any, live: Any, last: Any, other: str = "", **more: Any) -> Case:
    return Case(NAME, wanted, (live,) if live else (), last and applied(last), other, **more)


@pytest.mark.parametrize(
    ("wanted", "live", "last", "other", "act"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_the_table(wanted: Any, live: Any, last: Any, other: str, act: str) -> None:
    assert decide(case(wanted, live, last, other), CAREFUL) == act


@pytest.mark.parametrize(
    ("known", "choices", "act"),
    [
        (case(A, A, None), Choices(adopt=True), "adopt"),
        (case(A, B, None), Choices(adopt=True), "adopt"),
        (case(A, A._replace(groups=("h",)), None), Choices(if_mapped="extend"), "extend"),
        (case(A, A._replace(groups=("h", "g")), None), Choices(if_mapped="extend"), "unowned"),
        (case(A, B, None), Choices(if_mapped="extend"), "conflict"),
        (case(A, A, None), Choices(if_mapped="extend"), "unowned"),
        (case(A, B, None, "b"), Choices(adopt=True, if_mapped="extend", prune="force"), "conflict"),
        (case(A, B, None, "b"), Choices(take_from=("b",)), "take"),
        (case(A, B, None, "b"), Choices(take_from=("c",)), "conflict"),
        (case(A, C, B), Choices(on_drift="keep"), "kept"),
        (case(A, C, B), Choices(on_drift="fail"), "conflict"),
        (case(A, None, A), Choices(on_drift="keep"), "kept"),
        (case(A, None, A), Choices(on_drift="fail"), "conflict"),
        (case(A, None, None), Choices(on_drift="keep"), "create"),
        (case(None, B, A), Choices(prune="force"), "prune"),
        (case(None, B, A), Choices(release=(ARN,)), "release"),
        (case(None, A, A), Choices(release=(ARN,)), "release"),
        (case(None, A, A, is_proven=False), CAREFUL, "conflict"),
        (case(None, A, A, "b"), Choices(prune="force"), "forget"),
        (case(None, A, A, claimed_by="b"), Choices(prune="force"), "forget"),
        (case(None, A, None, claimed_by="b"), CAREFUL, "untouched"),
    ],
)
def test_ways_out(known: Case, choices: Choices, act: str) -> None:
    assert decide(known, choices) == act


def test_a_second_entry_of_the_principal_is_a_change_of_another_writer() -> None:
    assert decide(Case(NAME, None, (B, A), applied(A)), CAREFUL) == "conflict"
    assert decide(Case(NAME, None, (A, A), applied(A)), CAREFUL) == "prune"


ENTRIES = st.sampled_from([None, A, B, C])
CASES = st.builds(
    case,
    ENTRIES,
    ENTRIES,
    ENTRIES,
    st.sampled_from(["", "b"]),
    is_proven=st.booleans(),
    claimed_by=st.sampled_from(["", "b"]),
)
CHOICES = st.builds(
    Choices,
    adopt=st.booleans(),
    if_mapped=st.sampled_from(["fail", "extend"]),
    take_from=st.sampled_from([(), ("b",), ("c",)]),
    on_drift=st.sampled_from(get_args(OnDrift)),
    prune=st.sampled_from(["unchanged", "force"]),
    release=st.sampled_from([(), (ARN,)]),
)


@given(CASES, CHOICES)
def test_only_what_the_owner_recorded_and_no_owner_wants_is_removed(known: Case, choices: Choices) -> None:
    if decide(known, choices) == "prune":
        assert known.recorded is not None
        assert known.wanted is None
        assert not known.other
        assert not known.claimed_by


@given(CASES, CHOICES)
def test_what_another_writer_changed_is_removed_only_by_force(known: Case, choices: Choices) -> None:
    if decide(known, choices) == "prune" and choices.prune == "unchanged":
        assert known.is_proven
        assert [applied(mapped) for mapped in known.live] == [known.recorded]


@given(CASES, CHOICES)
def test_what_another_owner_recorded_changes_only_if_it_is_taken_over(known: Case, choices: Choices) -> None:
    act = decide(known, choices)
    if known.other:
        assert act in ("take", "conflict", "forget", "untouched")
        assert (act == "take") <= (known.other in choices.take_from)


@given(CASES)
def test_without_a_choice_no_mapping_that_the_owner_did_not_record_changes(known: Case) -> None:
    if known.recorded is None and known.live:
        assert decide(known, CAREFUL) in ("unowned", "untouched", "conflict")

"""Records of owners: as they are written, and read with any text in their place."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from awsauth.core.desired.records import (
    ANNOTATIONS_LIMIT,
    LONGEST_READABLE,
    applied,
    is_as_applied,
    read_records,
    write_records,
)
from awsauth.core.document.model import MappingEntry
from awsauth.errors import FragmentError

KEY = "awsauth/owner.a"
ENTRY = MappingEntry("arn:aws:iam::111122223333:role/ci", "ci", ("x", "b"))
NAME = f"role/{ENTRY.principal}"


def test_a_record_is_sorted_json() -> None:
    made = write_records({"a": {NAME: applied(ENTRY)}}, {"other": "stays with the object"})
    assert made == {KEY: '{"entries":{"role/arn:aws:iam::111122223333:role/ci":{"g":["b","x"],"u":"ci"}},"v":1}'}
    assert read_records(made) == ({"a": {NAME: applied(ENTRY)}}, ())


def test_an_owner_without_entries_has_no_annotation() -> None:
    assert write_records({"a": {}}, {KEY: "old"}) == {}


def test_the_order_of_groups_is_no_change_and_the_username_is_one() -> None:
    assert is_as_applied(ENTRY._replace(groups=("b", "x", "b")), applied(ENTRY))
    assert not is_as_applied(ENTRY._replace(username="CI"), applied(ENTRY))


def many(count: int) -> dict[str, dict[str, object]]:
    return {
        f"role/arn:aws:iam::111122223333:role/{n}": applied(ENTRY._replace(groups=("g" * 60,))) for n in range(count)
    }


def test_a_long_record_holds_hashes() -> None:
    made = write_records({"a": many(1200), "b": {NAME: applied(ENTRY)}}, {})
    assert sum(map(len, made.values())) < LONGEST_READABLE
    last = read_records(made)[0]["b"][NAME]
    assert last.keys() == {"h"}
    assert is_as_applied(ENTRY, last)
    assert not is_as_applied(ENTRY._replace(groups=()), last)
    assert write_records(read_records(made)[0], made) == made


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(FragmentError, match="have room for"):
        write_records(
            {"a": many(200)}, {"kubectl.kubernetes.io/last-applied-configuration": "x" * (ANNOTATIONS_LIMIT - 1000)}
        )
    with pytest.raises(FragmentError, match="have room for"):
        write_records({"a": many(10_000)}, {})


@pytest.mark.parametrize(
    "text",
    ["", "x", "[]", '{"v":2,"entries":{}}', '{"v":1}', '{"v":1,"entries":[]}', '{"v":1,"entries":{"role/x":{"u":1,"g":[]}}}',
     '{"v":1,"entries":{"role/x":{"u":"x","g":"y"}}}', '{"v":1,"entries":{"role/x":{"h":null}}}', "[" * 100_000, " " * (ANNOTATIONS_LIMIT + 1),
     '{"v":1,"entries":{"x":{"u":"u","g":[]}}}', '{"v":1,"entries":{"role/":{"u":"u","g":[]}}}', '{"v":1,"entries":{"group/x":{"h":"1"}}}'],
    ids=range(14),
)  # fmt: skip
def test_what_cannot_be_read_is_said_and_kept(text: str) -> None:
    assert read_records({KEY: text}) == ({}, ("a",))
    if len(text) < ANNOTATIONS_LIMIT:
        assert write_records({"b": {NAME: applied(ENTRY)}}, {KEY: text})[KEY] == text


@given(st.dictionaries(st.text(max_size=9).map("awsauth/owner.".__add__), st.text()))
def test_any_annotations_can_be_read(annotations: dict[str, str]) -> None:
    read_records(annotations)

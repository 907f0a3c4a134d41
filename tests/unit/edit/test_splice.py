"""Edits by splices: their effect, and that nothing else is touched."""

from __future__ import annotations

from random import Random
from typing import Final

import pytest
from hypothesis import given

from awsauth.core.document.document import parse_list
from awsauth.core.document.model import KEYS, Key, MappingEntry, ParsedList
from awsauth.core.edit.rewrite import rewrite
from awsauth.errors import EditError
from tests.support.documents import generated
from tests.support.documents.edits import KINDS, NEW, REFUSED, checked, edits, edits_of, sibling
from tests.support.documents.strategies import texts

SEED: Final = 20261122
DOCUMENTS: Final = 400


def test_every_edit_of_real_documents(readable: list[tuple[str, dict[Key, ParsedList]]]) -> None:
    """Adding works on all; what is refused of the rest is known, and explained above."""
    refused: dict[str, set[str]] = {kind: set() for kind in KINDS}
    found = set()
    for file, readings in readable:
        for edit in edits_of(readings):
            try:
                edit.made(sibling(readings, edit.reading.key))
            except EditError:
                refused[edit.kind].add(file)
                found.add((file, edit.reading.key, edit.kind))
    assert len(readable) == 115
    assert found == set(REFUSED)
    assert refused["entry added"] == set()
    assert all(len(readable) - len(files) >= 112 for files in refused.values())


@given(texts("mapRoles"))
def test_any_edit_of_any_text(text: str) -> None:
    """The same, with the smallest text that shows where it fails."""
    reading = parse_list("mapRoles", text)
    if not reading.trusted or reading.layout.style == "other":
        return
    for edit in edits(reading):
        try:
            checked(edit)
        except EditError as error:
            assert error.location


@pytest.mark.parametrize("kind", ["real", "generated"])
def test_add_then_remove_is_the_identity(kind: str, request: pytest.FixtureRequest) -> None:
    """What was added can be taken out again, to the byte.

    Of a text without entries, nobody can say afterwards how it was spelled: it comes back as ``[]``.
    """
    random = Random(SEED)
    if kind == "real":
        readings = [
            reading for _, all_of_them in request.getfixturevalue("readable") for reading in all_of_them.values()
        ]
    else:
        readings = [parse_list(key, generated.text(random, key)) for key in KEYS for _ in range(DOCUMENTS // 2)]
    done = 0
    for reading in readings:
        try:
            added = rewrite(reading, {}, [NEW[reading.key]]).reading
        except EditError:
            continue
        back = rewrite(added, {len(added.entries) - 1: None}, []).reading.text
        done += 1
        if reading.entries or reading.text.strip() == "[]":
            assert back == reading.text
        else:
            assert "[]" in back
            assert not parse_list(reading.key, back).mapped
    assert done > len(readings) * 0.85


def test_group_added_then_taken_is_the_identity() -> None:
    """A group that was added to others can be taken again, to the byte."""
    random = Random(SEED)
    done = 0
    for _ in range(DOCUMENTS):
        reading = parse_list("mapRoles", generated.text(random, "mapRoles"))
        for index, entry in enumerate(reading.entries):
            groups = entry.shape.field("groups")
            if entry.mapped is None or not entry.mapped.groups or groups is None:
                continue
            try:
                new = entry.mapped._replace(groups=(*entry.mapped.groups, "a: b"))
                more = rewrite(reading, {index: new}, []).reading
            except EditError:
                continue
            assert rewrite(more, {index: entry.mapped}, []).reading.text == reading.text
            done += 1
    assert done > DOCUMENTS


def test_no_change_is_the_same_reading() -> None:
    """Where an entry maps already what it is to map, nothing is written or read."""
    reading = parse_list("mapRoles", "- rolearn: a\n  username: b\n")
    assert rewrite(reading, {0: reading.entries[0].mapped}, []).reading is reading


@pytest.mark.parametrize(
    ("text", "code"),
    [("- rolearn: a\n  username: [\n", "unreadable"), ("a: b\n", "not-a-list"), ("- a\n" + "[" * 200, "untrusted")],
)
def test_unreadable_text_is_not_edited(text: str, code: str) -> None:
    """The error is the reader's finding: what is wrong, where, and what it does to the cluster."""
    reading = parse_list("mapRoles", text)
    assert [finding.code for finding in reading.findings] == [code]
    with pytest.raises(EditError) as caught:
        rewrite(reading, {}, [NEW["mapRoles"]])
    finding = reading.findings[0]
    for part in (str(finding.location), finding.message, finding.impact, finding.hint):
        assert part in str(caught.value)
    assert caught.value.changed is False


@pytest.mark.parametrize(
    ("last", "new"),
    [
        ("- rolearn: a\n  username: a\n  groups:\n  - a\n", "- rolearn: {0}\n  username: new\n  groups:\n  - one\n  - two\n"),
        ("-  username: 'a'\n   groups:\n     -   \"a\"\n   rolearn:   a # b\n", "-  username: 'new'\n   groups:\n     -   \"one\"\n     -   \"two\"\n   rolearn:   {0}\n"),
        ('- "groups":\n\n  # b\n  - a # b\n  "rolearn": a\n  "username": a\n', '- "groups":\n  - one\n  - two\n  "rolearn": {0}\n  "username": new\n'),
        # As other tools know the keys; and no line of several.
        ("- roleARN: a\n  userName: a\n  Groups:\n    - a\n", "- rolearn: {0}\n  username: new\n  groups:\n    - one\n    - two\n"),
        ("- rolearn : a\n  username:\n    a\n  groups:\n  - a\n", "- rolearn: {0}\n  username: new\n  groups:\n  - one\n  - two\n"),
        ("- rolearn: b\n  rolearn: a\n  username: a\n  groups:\n  - a\n", "- rolearn: {0}\n  username: new\n  groups:\n  - one\n  - two\n"),
        ("- rolearn: a\n  username: \n  groups:\n    - a\n", "- rolearn: {0}\n  username: new\n  groups:\n    - one\n    - two\n"),
    ],
)  # fmt: skip
def test_a_new_entry_is_written_as_the_last_one_is(last: str, new: str) -> None:
    """With what stands before each value there, without the comments and blank lines."""
    arn = "arn:aws:iam::111122223333:role/new"
    made = rewrite(parse_list("mapRoles", last), {}, [MappingEntry(arn, "new", ("one", "two"))])
    assert made.reading.text == last + new.format(arn)


@pytest.mark.parametrize(
    "text",
    [
        "&a\n- rolearn: x\n",
        "!!seq\n- rolearn: x\n",
        "- rolearn: x\r- rolearn: y\n",
        "# c\r",
        "# c\u2028\n",
        "# c\r[]\n",
        "~\x85",
    ],
)
def test_odd_list_is_not_edited(text: str) -> None:
    """A list with an anchor or tag, or with old line ends, is read but never edited."""
    with pytest.raises(EditError, match="plain list"):
        rewrite(parse_list("mapRoles", text), {}, [NEW["mapRoles"]])


def test_removing_what_another_entry_refers_to_is_refused() -> None:
    """Without its anchor the rest could not be read: reading the result again finds that."""
    reading = parse_list("mapRoles", "- &base\n  rolearn: a\n  groups: [x]\n- <<: *base\n  rolearn: b\n")
    with pytest.raises(EditError, match="without changing something else"):
        rewrite(reading, {0: None}, [])

"""Edits by splices: their effect, and that nothing else is touched."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given

from awsauth.core.document.document import read
from awsauth.core.document.model import KEYS, Key, MappingEntry, ParsedList
from awsauth.core.edit.rewrite import rewrite
from awsauth.core.text.lines import spliced
from awsauth.errors import EditError
from tests.support.documents import generated
from tests.support.documents.edits import KINDS, NEW, Edit, edits, touched_elsewhere
from tests.support.documents.strategies import examples, texts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.authenticator.authenticator import Answer, Authenticator

SEED: Final = 20261122
DOCUMENTS: Final = 400

_OVER_TWO_LINES: Final = "the second dash is one column too far right, so that one group stands on two lines"
REFUSED: Final = {
    ("053.yaml", "mapRoles", "group added"): _OVER_TWO_LINES,
    ("053.yaml", "mapRoles", "group taken"): _OVER_TWO_LINES,
    ("053.yaml", "mapRoles", "all groups taken"): _OVER_TWO_LINES,
}
"""The edits of real documents that are refused, and why."""


@pytest.fixture(scope="session")
def readable(corpus: Path) -> list[tuple[str, dict[Key, ParsedList]]]:
    """Return the real documents that the authenticator reads without complaint, by file."""
    lines = (corpus / "expected.jsonl").read_text(encoding="utf-8").split("\n")
    answered = [line for line in map(json.loads, filter(None, lines)) if "result" in line]
    return [
        (line["file"], {key: read(key, line["data"].get(key)) for key in KEYS})
        for line in answered
        if "error" not in line["result"]
    ]


def test_every_edit_of_real_documents(readable: list[tuple[str, dict[Key, ParsedList]]]) -> None:
    """Adding works on all; what is refused of the rest is known, and explained above."""
    refused: dict[str, set[str]] = {kind: set() for kind in KINDS}
    found = set()
    for file, readings in readable:
        for edit in _edits(readings):
            try:
                edit.made(_sibling(readings, edit.reading.key))
            except EditError:
                refused[edit.kind].add(file)
                found.add((file, edit.reading.key, edit.kind))
    assert len(readable) == 115
    assert found == set(REFUSED)
    assert refused["entry added"] == set()
    assert all(len(readable) - len(files) >= 112 for files in refused.values())


def test_edits_of_real_documents_touch_nothing_else(
    readable: list[tuple[str, dict[Key, ParsedList]]], authenticator: Authenticator
) -> None:
    """Bytes outside the edit stay, and the authenticator reads the old mappings with the change."""
    made = []
    for file, readings in readable:
        for edit in _edits(readings):
            if (file, edit.reading.key, edit.kind) not in REFUSED:
                made += [(edit, _checked(edit, _sibling(readings, edit.reading.key)))]
    assert len(made) > 2000
    _ask(authenticator, made)


def test_edits_of_generated_documents(authenticator: Authenticator) -> None:
    """In every shape that people write: an edit has its effect and no other, or is refused and says where."""
    random = Random(SEED)
    made = []
    refused = 0
    for _ in range(DOCUMENTS):
        for key, text in generated.data(random).items():
            if key not in KEYS:
                continue
            reading = read(key, text)
            if not reading.trusted or reading.layout.style == "other":
                continue
            for edit in edits(reading):
                try:
                    made.append((edit, _checked(edit)))
                except EditError as error:
                    assert error.location.startswith(f"{key} line ")
                    assert error.hint
                    refused += 1
    assert refused < len(made) / 25, f"{refused} refused of {len(made)}"
    assert len(made) > 3000
    _ask(authenticator, made)


@examples(100)
@given(texts("mapRoles"))
def test_any_edit_of_any_text(text: str) -> None:
    """The same, with the smallest text that shows where it fails."""
    reading = read("mapRoles", text)
    if not reading.trusted or reading.layout.style == "other":
        return
    for edit in edits(reading):
        try:
            _checked(edit)
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
        readings = [read(key, generated.text(random, key)) for key in KEYS for _ in range(DOCUMENTS // 2)]
    done = 0
    for reading in readings:
        try:
            added = rewrite(reading, {}, [NEW[reading.key]], read=read).reading
        except EditError:
            continue
        back = rewrite(added, {len(added.entries) - 1: None}, [], read=read).reading.text
        done += 1
        if reading.entries or reading.text.strip() == "[]":
            assert back == reading.text
        else:
            assert "[]" in back
            assert not read(reading.key, back).mapped
    assert done > len(readings) * 0.85


def test_group_added_then_taken_is_the_identity() -> None:
    """A group that was added to others can be taken again, to the byte."""
    random = Random(SEED)
    done = 0
    for _ in range(DOCUMENTS):
        reading = read("mapRoles", generated.text(random, "mapRoles"))
        for index, entry in enumerate(reading.entries):
            groups = entry.shape.field("groups")
            if entry.mapped is None or not entry.mapped.groups or groups is None:
                continue
            try:
                new = entry.mapped._replace(groups=(*entry.mapped.groups, "a: b"))
                more = rewrite(reading, {index: new}, [], read=read).reading
            except EditError:
                continue
            assert rewrite(more, {index: entry.mapped}, [], read=read).reading.text == reading.text
            done += 1
    assert done > DOCUMENTS


def test_no_change_is_the_same_reading() -> None:
    """Where an entry maps already what it is to map, nothing is written or read."""
    reading = read("mapRoles", "- rolearn: a\n  username: b\n")
    assert rewrite(reading, {0: reading.entries[0].mapped}, [], read=read).reading is reading


@pytest.mark.parametrize(
    ("text", "code"),
    [("- rolearn: a\n  username: [\n", "unreadable"), ("a: b\n", "not-a-list"), ("- a\n" + "[" * 200, "untrusted")],
)
def test_unreadable_text_is_not_edited(text: str, code: str) -> None:
    """The error is the reader's finding: what is wrong, where, and what it does to the cluster."""
    reading = read("mapRoles", text)
    assert [finding.code for finding in reading.findings] == [code]
    with pytest.raises(EditError) as caught:
        rewrite(reading, {}, [NEW["mapRoles"]], read=read)
    finding = reading.findings[0]
    for part in (str(finding.location), finding.message, finding.impact, finding.hint):
        assert part in str(caught.value)
    assert "Nothing was changed" in str(caught.value)


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
    made = rewrite(read("mapRoles", last), {}, [MappingEntry(arn, "new", ("one", "two"))], read=read)
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
        rewrite(read("mapRoles", text), {}, [NEW["mapRoles"]], read=read)


def test_removing_what_another_entry_refers_to_is_refused() -> None:
    """Without its anchor the rest could not be read: reading the result again finds that."""
    reading = read("mapRoles", "- &base\n  rolearn: a\n  groups: [x]\n- <<: *base\n  rolearn: b\n")
    with pytest.raises(EditError, match="would not have the effect"):
        rewrite(reading, {0: None}, [], read=read)


def _edits(readings: dict[Key, ParsedList]) -> Iterator[Edit]:
    for reading in readings.values():
        yield from edits(reading)


def _sibling(readings: dict[Key, ParsedList], key: Key) -> ParsedList | None:
    other = readings["mapUsers" if key == "mapRoles" else "mapRoles"]
    return other if other.entries and key != "mapAccounts" else None


def _checked(edit: Edit, sibling: ParsedList | None = None) -> str:
    """Make an edit, check what can be checked without the authenticator, and return the new text."""
    done = edit.made(sibling)
    before, after = edit.reading.text, done.reading.text
    assert spliced(before, done.splices) == after
    assert all(one.end <= other.start for one, other in zip(done.splices, done.splices[1:], strict=False))
    assert touched_elsewhere(edit, after) == "", f"{edit.kind}: {before!r} became {after!r}"
    assert read(edit.reading.key, after).mapped == edit.wanted()
    assert ("\r\n" in before) >= ("\r\n" in after)
    return after


def _ask(authenticator: Authenticator, made: list[tuple[Edit, str]]) -> None:
    answers = authenticator.parse_many([{edit.reading.key: text} for edit, text in made])
    for (edit, text), answer in zip(made, answers, strict=True):
        wanted = [mapped if edit.reading.key != "mapAccounts" else mapped.principal for mapped in edit.wanted()]
        assert _mapped(edit.reading.key, answer) == _without_sso(wanted), f"{edit.kind}: {text!r}"


def _mapped(key: Key, answer: Answer) -> list[Any]:
    if key == "mapAccounts":
        return list(answer["accounts"])
    if key == "mapRoles":
        return [MappingEntry(m["rolearn"], m["username"], tuple(m["groups"] or ())) for m in answer["roles"]]
    return [MappingEntry(m["userarn"], m["username"], tuple(m["groups"] or ())) for m in answer["users"]]


def _without_sso(wanted: list[Any]) -> list[Any]:
    return [mapped._replace(sso=None) if isinstance(mapped, MappingEntry) else mapped for mapped in wanted]

"""What spares looking at a whole text: it comes to the same as looking at all of it."""

from __future__ import annotations

import gc
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, strategies as st

from awsauth.core.access.matching import Access, casefold_arn
from awsauth.core.diff import diff
from awsauth.core.document import fast_reader as plain
from awsauth.core.document.document import Document, parse_list
from awsauth.core.document.index import SEARCHES, differing, mapped_of
from awsauth.core.document.model import KEYS, Key, MappingEntry, ParsedList
from awsauth.core.edit.changes import EnsureRole
from awsauth.core.edit.merge import merge
from awsauth.core.guards import access as access_guards, context as guard_case
from awsauth.core.guards.guards import run_guards
from awsauth.core.text.lines import Unchanged
from awsauth.errors import AwsAuthError
from tests.support.documents import generated
from tests.support.documents.edits import edits
from tests.support.documents.mutations import mutated
from tests.support.documents.strategies import documents, examples, in_volume, texts
from tests.unit.edit.test_merge import ENSURED, REMOVED

if TYPE_CHECKING:
    from awsauth.core.document.document import Document as Doc
    from awsauth.core.edit.changes import Change

SEED: Final = 20261122
TEXTS: Final = in_volume(3000)
CHANGES: Final = st.lists(ENSURED | REMOVED, min_size=1, max_size=4)


def common_start(one: str, other: str) -> int:
    """Return how many characters two texts begin with both, told one by one."""
    pairs = zip(one, other, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def contents(reading: ParsedList | None) -> Any:
    """Return everything that can be told of a reading by the plain reader."""
    if reading is None:
        return None
    entries = [(entry.mapped, entry.shape) for entry in reading.entries]
    return reading.key, reading.text, entries, reading.layout, list(reading.bounds)


@pytest.mark.parametrize("key", KEYS)
def test_reading_on_from_an_edit_is_reading_all_of_it(key: Key) -> None:
    """Of an edited text start and end are not read again: whatever was done to it, and wherever."""
    random = Random(f"{SEED} {key}")
    sources = [text for text in (generated.text(random, key) for _ in range(600)) if plain.read_fast(key, text)]
    sources += ["".join(random.sample(sources, 3)) for _ in range(300)]
    read_on = 0
    for _ in range(TEXTS // 3):
        text = random.choice(sources)
        before = plain.read_fast(key, text)
        if before is None:
            continue
        edited = mutated(random, [text])
        most = common_start(text, edited)
        unchanged = random.choice((random.randint(0, most), most))
        most = min(common_start(text[::-1], edited[::-1]), len(text) - unchanged, len(edited) - unchanged)
        behind = random.choice((random.randint(0, most), most, 0))
        after = plain.read_edited(before, edited, Unchanged(unchanged, behind))
        assert contents(after) == contents(plain.read_fast(key, edited)), (text, edited)
        read_on += after is not None
    assert read_on > TEXTS / 3 * 0.05


@given(texts("mapRoles") | texts("mapUsers"))
def test_the_reading_of_every_edit_is_that_of_its_text(text: str) -> None:
    for edit in edits(parse_list("mapRoles", text)):
        try:
            made = edit.made().reading
        except AwsAuthError:
            continue
        again = parse_list(made.key, made.text)
        assert contents(made) == contents(again)


@pytest.mark.parametrize("key", KEYS)
def test_outside_of_what_differs_both_map_the_same(key: Key) -> None:
    random = Random(f"{SEED} {key}")
    sources = [generated.text(random, key) for _ in range(200)]
    for _ in range(TEXTS // 3):
        text = random.choice(sources) + random.choice(("", random.choice(sources)))
        before, after = parse_list(key, text), parse_list(key, mutated(random, [text, text, random.choice(sources)]))
        found = differing(before, after)
        old, new = found.old, found.new
        was, now = [entry.mapped for entry in before.entries], [entry.mapped for entry in after.entries]
        assert was[: old.start] == now[: new.start]
        assert was[old.stop :] == now[new.stop :]
        assert 0 <= old.start <= old.stop <= len(was)
        assert 0 <= new.start <= new.stop <= len(now)
        if was == now:
            assert (len(old), len(new)) == (0, 0)


def test_a_document_does_not_keep_what_it_was_made_of() -> None:
    """Nor does the one after it: whoever changes a document again and again holds one."""
    change = EnsureRole(role_arn="arn:aws:iam::111122223333:role/new", username="new", groups=["new"])
    text = "- rolearn: arn:aws:iam::111122223333:role/old\n  username: kept in memory?\n"
    document = Document({"mapRoles": text})
    after = merge(document, [change])
    assert diff(document, after).mappings
    assert run_guards(document, after) == ()
    del document
    gc.collect()
    assert [one for one in gc.get_objects() if isinstance(one, ParsedList) and one.text == text] == []


@pytest.mark.parametrize("key", KEYS)
def test_the_entries_of_a_principal_are_found_wherever_they_are(key: Key) -> None:
    """By a search through the text or by looking at all entries: the same ones, in order."""
    random = Random(f"{SEED} {key}")
    for _ in range(TEXTS // 6):
        texts_of_it = [generated.text(random, key) for _ in range(2)]
        reading = parse_list(key, random.choice(("".join(texts_of_it), texts_of_it[0], mutated(random, texts_of_it))))
        known = sorted({mapped.principal.lower() for mapped in reading.mapped})
        wanted = {*random.sample(known, min(len(known), random.randrange(4))), "arn:aws:iam::000000000000:role/nobody"}
        if random.random() < 0.2:
            wanted |= {f"arn:aws:iam::000000000000:role/{index}" for index in range(SEARCHES)}
        expected = [
            index
            for index, entry in enumerate(reading.entries)
            if entry.mapped is not None and entry.mapped.principal.lower() in wanted
        ]
        found = [at for at, mapped in mapped_of(reading, wanted) if mapped.principal.lower() in wanted]
        assert found == expected


@examples(150)
@given(documents, CHANGES, st.sampled_from(("forth", "back")))
def test_guards_say_what_they_would_after_looking_at_everybody(
    data: dict[str, str], changes: list[Change], direction: str
) -> None:
    """They look at those whose mappings change; it is as if they had looked at all."""
    before = Document(data)
    try:
        after = merge(before, changes)
    except AwsAuthError:
        return
    if direction == "back":
        before, after = after, before
    context = guard_case.GuardContext(
        caller_arn="arn:aws:iam::111122223333:role/build",
        admin_usernames=frozenset({"ci", "arn:aws:iam::012345678901:role/ci"}),
    )
    narrow = run_guards(before, after, context)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guard_case, "_concerned", lambda *_: everybody(before) | everybody(after))
        patch.setattr(access_guards, "_may_lose_administrators", lambda _: True)
        assert run_guards(before, after, context) == narrow


def everybody(document: Doc) -> set[str]:
    """Return all principals, and the caller."""
    keys: tuple[Key, ...] = ("mapRoles", "mapUsers")
    found = {casefold_arn(mapped.principal) for key in keys for mapped in document.reading(key).mapped}
    return found | {"arn:aws:iam::111122223333:role/build"}


@given(documents)
def test_access_of_some_is_what_all_have_of_it(data: dict[str, str]) -> None:
    document = Document(data)
    whole = Access.of(document).by_principal
    some = set(sorted(whole)[::2])
    assert dict(Access.of(document, some).by_principal) == {arn: whole[arn] for arn in whole if arn in some}


def test_a_diff_shows_a_shadowed_entry_of_a_principal_far_from_the_change() -> None:
    """All entries of a principal are told, not only the ones in the part that differs."""
    entry = "- rolearn: arn:aws:iam::111122223333:role/{}\n  username: {}\n"
    text = entry.format("Twice", "first") + "".join(entry.format(n, n) for n in range(100))
    (found,) = diff(
        Document({"mapRoles": text}), Document({"mapRoles": text + entry.format("twice", "second")})
    ).mappings
    first, second = (
        MappingEntry("arn:aws:iam::111122223333:role/Twice", "first"),
        MappingEntry("arn:aws:iam::111122223333:role/twice", "second"),
    )
    assert (found.before, found.after) == ((first,), (first, second))

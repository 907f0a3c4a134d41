"""The plain reader: whatever it takes means the same to the full reader, and it takes almost everything."""

from __future__ import annotations

import itertools
import json
import os
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest
from hypothesis import given, strategies as st

from awsauth.core.document import fast_reader as plain, full_reader as full
from awsauth.core.document.document import parse_list
from awsauth.core.document.index import mapped_of
from awsauth.core.document.model import KEYS, Key, ParsedList
from tests.support.documents import generated
from tests.support.documents.mutations import mutated
from tests.support.documents.scripts import ODD, SCRIPTS, in_scripts
from tests.support.documents.strategies import broken_texts, examples, in_volume, texts
from tests.support.steps import steps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXTS: Final = int(os.environ.get("AWSAUTH_PLAIN_TEXTS", in_volume(6000)))
SEED: Final = int(os.environ.get("AWSAUTH_SEED", "20261122"))
_ALPHABET: Final = st.sampled_from((
    "- ", "rolearn", "userarn", "username", "groups", ": ", ":", "\n", "  ", " ", "a", "[", "]", "{", "}", ",", '"', "'", "#",
    "x: y", "yes", "12", "-", "\t", "\r\n", "é", "?", "&a", "*a", "|", "~", "- rolearn: a\n", "  username: b\n",
    "  groups:\n", '[{"rolearn":"a"}]', "---\n", "...\n", "\x85", "\u2028", "\ufeff", "\\", "!", "%", "<<", "\x00",
    "  - c\n", "  - d #\n",
))  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def _short_texts_are_read_as_long_ones() -> Iterator[None]:
    """Learn from an entry how the others are written, however few there are: texts here are short."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, "_WORTH_A_LOOK", 0)
        yield


def same_or_refused(key: Key, text: str) -> bool:
    """Check that the plain reader agrees with the full one, and return whether it took the text."""
    reading = plain.read_fast(key, text)
    if reading is None:
        return False
    other = full.read_fully(key, text)
    assert other.trusted, text
    assert other.findings == (), text
    assert _entries(reading) == _entries(other), text
    assert reading.layout == other.layout, text
    assert (reading.key, reading.text) == (key, text)
    return True


def _entries(reading: ParsedList) -> list[Any]:
    return [(entry.mapped, entry.shape) for entry in reading.entries]


@pytest.mark.parametrize("key", KEYS)
def test_generated_and_mutated_texts(key: Key) -> None:
    """In volume: of broken texts, and of texts under another key than theirs."""
    random = Random(f"{SEED} {key}")
    sources = [generated.text(random, random.choice((key, key, key, "mapRoles"))) for _ in range(500)]
    taken = sum(same_or_refused(key, mutated(random, sources)) for _ in range(TEXTS // 3))
    assert taken > TEXTS / 3 * 0.04


@pytest.mark.parametrize("key", ["mapRoles", "mapUsers"])
def test_texts_in_many_scripts(key: Key) -> None:
    random = Random(f"{SEED} {key} scripts")
    made = (in_scripts(random, generated.text(random, key)) for _ in range(2000))
    sources = [text for text in made if not text.isascii() and plain.read_fast(key, text)]
    texts = (random.choice((random.choice(sources), mutated(random, sources))) for _ in range(TEXTS // 3))
    taken = [same_or_refused(key, text) for text in (in_scripts(random, text) for text in texts) if not text.isascii()]
    assert len(taken) > TEXTS / 3 * 0.5
    assert sum(taken) > len(taken) * 0.3


_PLACES: Final = {
    "in lines": "- rolearn: a\n  username: {0}\n  groups: # {0}\n  - {0} # {0}\n# {0}\n",
    "in single quotes": "- rolearn: a\n  username: '{0}'\n  groups:\n  - '{0}'\n",
    "in double quotes": '- rolearn: a\n  username: "{0}"\n  groups:\n  - "{0}"\n',
    "in brackets": "- rolearn: a\n  username: {0}\n  groups: [{0}, '{0}', \"{0}\", a{0}]\n",
    "in JSON": '[{{"rolearn": "a", "username": "{0}", "groups": ["{0}"]}}]',
    "beside a colon": "- rolearn: a\n  username: {0}:{0}\n  groups:\n  - a:{0}\n  - {0}#{0}\n",
}


@pytest.mark.parametrize("place", _PLACES)
@pytest.mark.parametrize("script", SCRIPTS)
def test_names_in_every_script_are_taken(script: str, place: str) -> None:
    for name in (SCRIPTS[script], *SCRIPTS[script]):
        assert same_or_refused("mapRoles", _PLACES[place].format(name)), name


@pytest.mark.parametrize("place", _PLACES)
def test_characters_that_yaml_treats_in_a_way_of_its_own_are_refused(place: str) -> None:
    for odd in (*ODD, "\ud800", "\udfff"):
        for name in (odd, f"é{odd}", f"{odd}é", f"a{odd}a"):
            assert not plain.read_fast("mapRoles", _PLACES[place].format(name)), (odd, name)


@pytest.mark.parametrize("letter", ["\u212a", "\u0130", "é"])
def test_a_principal_beyond_ascii_is_found_in_any_case(letter: str) -> None:
    """In lower case it may be longer, or in ASCII alone, so that a search in the text would miss it."""
    reading = parse_list("mapRoles", f"- rolearn: arn:ro{letter}\n  username: é\n" * 3)
    assert [at for at, _ in mapped_of(reading, {f"arn:ro{letter}".lower()})] == [0, 1, 2]


def test_mutated_real_texts(corpus: Path) -> None:
    """The same, of what people really wrote."""
    random = Random(SEED)
    documents = [line["data"] for line in _expected(corpus) if "result" in line]
    for key in KEYS:
        sources = [data[key] for data in documents if key in data]
        taken = sum(same_or_refused(key, mutated(random, sources)) for _ in range(TEXTS // 3))
        assert taken > TEXTS / 3 * 0.2


@pytest.mark.parametrize("key", ["mapRoles", "mapUsers"])
def test_long_texts_of_which_some_entries_are_written_otherwise(key: Key) -> None:
    """Read by what they have in common, entry by entry by what they have not: the same, and taken as often."""
    random = Random(f"{SEED} {key}")
    taken = []
    sources = [text for text in (generated.text(random, key) for _ in range(500)) if plain.read_fast(key, text)]
    blocks = [text for text in sources if text.startswith("- ")]
    for _ in range(TEXTS // 3):
        few = random.choices(blocks, k=random.randint(1, 3))
        text = "".join(random.choices(few, k=random.randrange(12)))
        text = random.choice((text, mutated(random, [text])))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(plain, "_WORTH_A_LOOK", len(text))
            one_by_one = plain.read_fast(key, text)
        taken.append(same_or_refused(key, text))
        assert taken[-1] is (one_by_one is not None), text
    assert sum(taken) > len(taken) * 0.3


ENTRIES: Final = {
    "in lines": "- rolearn: {0}\n  username: {0}\n  groups:\n  - a\n",
    "in brackets": "- rolearn: {0}\n  username: {0}\n  groups: [a]\n",
    "username first": "- username: {0}\n  rolearn: {0}\n",
    "not in ASCII": "- rolearn: {0}\n  username: é{0}系\n  groups:\n  - \U0001f600\n",
}


@pytest.mark.parametrize(
    "forms",
    [
        ["in lines"],
        ["not in ASCII"],
        ["in brackets", *["in lines"] * 1000],
        ["in lines", "in brackets"],
        ["in lines", "in brackets", "username first"],
        [*["in lines"] * 3, *["in brackets"] * 3],
        [*["in lines"] * 50, *["in brackets"] * 50],
    ],
)
def test_it_takes_few_steps_more_where_entries_are_written_otherwise(forms: list[str]) -> None:
    """Six for each; and looking how others are written is given up where it does not help."""
    chosen = itertools.islice(itertools.cycle(forms), 1000)
    text = "".join(ENTRIES[form].format(f"role-{number}") for number, form in enumerate(chosen))
    assert plain.read_fast("mapRoles", text)  # what is made once
    taken = steps(partial(plain.read_fast, "mapRoles", text))
    assert taken < 1000 * 8


@examples(400)
@given(st.sampled_from(KEYS), st.lists(_ALPHABET, max_size=14).map("".join))
def test_texts_of_hostile_pieces(key: Key, text: str) -> None:
    same_or_refused(key, text)


@given(texts("mapRoles") | broken_texts("mapRoles"), texts("mapUsers"), texts("mapAccounts"))
def test_texts_of_each_key(roles: str, users: str, accounts: str) -> None:
    for key, text in zip(KEYS, (roles, users, accounts), strict=True):
        same_or_refused(key, text)


def test_takes_nine_of_ten_real_documents(corpus: Path) -> None:
    """Of those that the authenticator reads without complaint; a document counts when all its keys are taken."""
    readable = [line["data"] for line in _expected(corpus) if "result" in line and "error" not in line["result"]]
    taken = [data for data in readable if all(same_or_refused(key, data[key]) for key in KEYS if key in data)]
    assert len(readable) == 115
    assert len(taken) >= 0.9 * len(readable)


def _expected(corpus: Path) -> list[dict[str, Any]]:
    lines = (corpus / "expected.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]

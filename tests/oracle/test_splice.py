"""Edits by splices: the authenticator reads the old mappings with the change."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, Final

from awsauth.core.document.document import parse_list
from awsauth.core.document.model import KEYS, Key, MappingEntry, ParsedList
from awsauth.errors import EditError
from tests.support.documents import generated
from tests.support.documents.edits import REFUSED, Edit, checked, edits, edits_of, sibling

if TYPE_CHECKING:
    from tests.support.authenticator.authenticator import Answer, Authenticator

SEED: Final = 20261122
DOCUMENTS: Final = 400


def test_edits_of_real_documents_touch_nothing_else(
    readable: list[tuple[str, dict[Key, ParsedList]]], authenticator: Authenticator
) -> None:
    """Bytes outside the edit stay, and the authenticator reads the old mappings with the change."""
    made = []
    for file, readings in readable:
        for edit in edits_of(readings):
            if (file, edit.reading.key, edit.kind) not in REFUSED:
                made += [(edit, checked(edit, sibling(readings, edit.reading.key)))]
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
            reading = parse_list(key, text)
            if not reading.trusted or reading.layout.style == "other":
                continue
            for edit in edits(reading):
                try:
                    made.append((edit, checked(edit)))
                except EditError as error:
                    assert error.location.startswith(f"{key} line ")
                    assert error.hint
                    refused += 1
    assert refused < len(made) / 25, f"{refused} refused of {len(made)}"
    assert len(made) > 3000
    _ask(authenticator, made)


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

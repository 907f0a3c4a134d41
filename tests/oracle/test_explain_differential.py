"""Explanations, and what the guards go by, against the authenticator's own server: from the token to the groups.

``AWSAUTH_CALLERS`` sets how many callers are compared, ``AWSAUTH_SEED`` which.
"""

from __future__ import annotations

import json
import os
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from awsauth.core.access.caller import render
from awsauth.core.access.matching import Access
from awsauth.core.document.document import Document
from awsauth.core.explain.explain import explain
from tests.support.callers import attempt_of, callers_of, close_data
from tests.support.documents import generated
from tests.support.documents.strategies import in_volume

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from awsauth.core.access.caller import Caller
    from awsauth.core.document.model import MappingEntry
    from awsauth.core.explain.explanation import Explanation
    from tests.support.authenticator.authenticator import Admission, Authenticator

CALLERS: Final = int(os.environ.get("AWSAUTH_CALLERS", in_volume(10_000)))
SEED: Final = int(os.environ.get("AWSAUTH_SEED", "20261122"))
MOST_UNTRUSTED: Final = 0.03
_BATCH: Final = 200
NOT_MAPPED: Final = "identity is not mapped"


def test_callers_of_the_corpus(authenticator: Authenticator, corpus: Path) -> None:
    """Who is in a real document, and who is almost, gets what the authenticator gives."""
    lines = (corpus / "expected.jsonl").read_text(encoding="utf-8").split("\n")
    documents = [Document(data) for line in lines if line and (data := json.loads(line).get("data"))]
    compared, _ = _compare(authenticator, documents, 20)
    assert compared > 2000


def test_callers_of_generated_documents(authenticator: Authenticator) -> None:
    """So do the callers of documents in every shape, and of those whose entries are hard to tell from each other."""
    random = Random(SEED)
    compared, verdicts = _compare(authenticator, _documents(random), 20, CALLERS)
    assert compared >= CALLERS
    # Otherwise it would say nothing about them.
    for verdict in ("let-in", "not-mapped", "refused", "undefined"):
        assert verdicts.count(verdict) > compared / 1000, verdict
    assert verdicts.count("depends") <= compared * MOST_UNTRUSTED


def _documents(random: Random) -> Iterator[Document]:
    while True:
        yield Document(close_data(random) if random.random() < 0.7 else generated.data(random))


def _compare(
    authenticator: Authenticator, documents: Iterable[Document], most: int, enough: int | None = None
) -> tuple[int, list[str]]:
    """Compare until there are no more documents, or enough callers; return how many, and our verdicts."""
    random = Random(SEED)
    verdicts: list[str] = []
    waiting = iter(documents)
    while batch := list(islice(waiting, _BATCH)):
        asked = [(document, callers_of(random, document, most)) for document in batch]
        answers = authenticator.authenticate_many([attempt_of(document, callers) for document, callers in asked])
        for (document, callers), admissions in zip(asked, answers, strict=True):
            for caller, admission in zip(callers, admissions, strict=True):
                verdicts.append(_compared(document, caller, admission))
        if enough and len(verdicts) >= enough:
            break
    return len(verdicts), verdicts


def _compared(document: Document, caller: Caller, admission: Admission) -> str:
    explanation = explain(document, caller)
    if explanation.verdict == "depends":
        assert not all(document.reading(key).trusted for key in ("mapRoles", "mapUsers", "mapAccounts"))
        return "depends"
    found = _access_of(document, caller)
    if not (agrees(explanation, admission) and _allows(found, caller, admission)):
        pytest.fail(
            f"explained differently (seed {SEED})\n"
            f"data:      {dict(document.data)!r}\n"
            f"caller:    {caller!r}\n"
            f"we say:    {explanation}\n"
            f"guards:    {found}\n"
            f"it says:   {admission}",
            pytrace=False,
        )
    return explanation.verdict


def agrees(explanation: Explanation, admission: Admission) -> bool:
    caller = explanation.caller
    if not admission["error"] and admission["canonicalARN"] != caller.canonical_arn:
        return False
    if explanation.verdict == "not-mapped":
        return admission["error"] == NOT_MAPPED
    return _of(admission) in [
        None if outcome.refusal else (_filled(outcome.username, caller), [_filled(g, caller) for g in outcome.groups])
        for outcome in explanation.outcomes
    ] and (admission["error"] != NOT_MAPPED)


def _access_of(document: Document, caller: Caller) -> tuple[MappingEntry, ...]:
    return Access.of(document).of_caller(caller.canonical_arn)


def _allows(found: tuple[MappingEntry, ...], caller: Caller, admission: Admission) -> bool:
    """Whether the mapping that the guards take for the caller's is the one that the authenticator took."""
    if not found or admission["error"]:
        return (not found) == (admission["error"] == NOT_MAPPED)
    given = [
        (_filled(render(m.username, caller).text, caller), [_filled(render(g, caller).text, caller) for g in m.groups])
        for m in found
    ]
    return _of(admission) in given


def _of(admission: Admission) -> tuple[str, list[str]] | None:
    return None if admission["error"] else (admission["username"], admission["groups"])


def _filled(text: str, caller: Caller) -> str:
    """Fill in what EC2 alone knows, as the one that is played here."""
    return text.replace("{{EC2PrivateDNSName}}", f"{caller.session_name}.internal")

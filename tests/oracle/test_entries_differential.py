"""Access entries before ``aws-auth``: what decides, and what a caller gets, against the authenticator's own server.

The server asks ``DynamicFile`` first, whose mappings are found by the unique id of a principal as EKS's entries are, and
then ``EKSConfigMap``, as in the mode ``API_AND_CONFIG_MAP``; or the first alone, as in the mode ``API``.

``AWSAUTH_CALLERS`` sets how many callers are compared, ``AWSAUTH_SEED`` which.
"""

from __future__ import annotations

import json
from collections import Counter
from itertools import islice
from random import Random
from typing import TYPE_CHECKING, Final

import pytest

from awsauth.core.document.document import Document
from awsauth.core.entries.model import EntriesState
from awsauth.core.explain.explain import add_entries, explain
from tests.oracle.test_explain_differential import CALLERS, NOT_MAPPED, SEED, agrees
from tests.support.authenticator.authenticator import Attempt
from tests.support.callers import callers_of, close_data
from tests.support.documents import generated
from tests.support.entry_callers import GivenEntry, dynamic_file, entries_for, identity_with_id, working

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from awsauth.core.access.caller import Caller
    from awsauth.core.entries.model import AuthenticationMode
    from tests.support.authenticator.authenticator import Admission, Authenticator

BACKENDS: Final[dict[AuthenticationMode, tuple[str, ...]]] = {
    "CONFIG_MAP": ("EKSConfigMap",),
    "API_AND_CONFIG_MAP": ("DynamicFile", "EKSConfigMap"),
    "API": ("DynamicFile",),
}
_BATCH: Final = 100
_OTHER_ARN: Final = "mapper DynamicFile Map error: ARN does not match User ID"
"""A user who was moved to another path: the entry does not count, and the server asks the next backend."""


def test_callers_of_the_corpus(authenticator: Authenticator, corpus: Path) -> None:
    """A caller of a real document gets what the entry gives if it has a working one, and else what the map gives."""
    lines = (corpus / "expected.jsonl").read_text(encoding="utf-8").split("\n")
    documents = [Document(data) for line in lines if line and (data := json.loads(line).get("data"))]
    assert _compare(authenticator, documents).total() > 2000


def test_callers_of_generated_documents(authenticator: Authenticator) -> None:
    """So does a caller of a document in any shape, in each mode, with stale entries too."""
    random = Random(SEED)
    seen = _compare(authenticator, _documents(random), CALLERS)
    assert seen.total() >= CALLERS
    # Otherwise it would say nothing about them.
    for mode in BACKENDS:
        for verdict in ("let-in", "not-mapped", "refused"):
            assert seen[mode, verdict] > CALLERS / 1000, (mode, verdict)


def _documents(random: Random) -> Iterator[Document]:
    while True:
        yield Document(close_data(random) if random.random() < 0.7 else generated.data(random))


def _compare(
    authenticator: Authenticator, documents: Iterable[Document], enough: int | None = None
) -> Counter[tuple[AuthenticationMode, str]]:
    """Compare until there are no more documents, or enough callers; return how often each mode had each verdict."""
    random = Random(SEED)
    seen: Counter[tuple[AuthenticationMode, str]] = Counter()
    waiting = iter(documents)
    while batch := list(islice(waiting, _BATCH)):
        asked = []
        for document in batch:
            callers = callers_of(random, document, 20)
            mode = random.choice(list(BACKENDS))
            asked.append((document, callers, mode, entries_for(random, callers)))
        answers = authenticator.authenticate_many([_attempt(*one) for one in asked])
        for (document, callers, mode, entries), admissions in zip(asked, answers, strict=True):
            for caller, admission in zip(callers, admissions, strict=True):
                seen[mode, _compared(document, caller, mode, entries, admission)] += 1
        if enough and seen.total() >= enough:
            break
    return seen


def _attempt(document: Document, callers: list[Caller], mode: AuthenticationMode, entries: list[GivenEntry]) -> Attempt:
    return Attempt(
        data=dict(document.data),
        reserved=(),
        callers=[identity_with_id(caller) for caller in callers],
        modes=BACKENDS[mode],
        entries=dynamic_file(entries),
    )


def _compared(
    document: Document, caller: Caller, mode: AuthenticationMode, entries: list[GivenEntry], admission: Admission
) -> str:
    found = add_entries(explain(document, caller), EntriesState(mode, tuple(working(entries))))
    if found.verdict == "depends":
        assert not all(document.reading(key).trusted for key in ("mapRoles", "mapUsers", "mapAccounts")), found
    elif not agrees(found, {**admission, "error": admission["error"].replace(_OTHER_ARN, NOT_MAPPED)}):
        pytest.fail(
            f"explained differently (seed {SEED})\n"
            f"mode:      {mode}\n"
            f"data:      {dict(document.data)!r}\n"
            f"entries:   {entries!r}\n"
            f"caller:    {caller!r}\n"
            f"we say:    {found}\n"
            f"it says:   {admission}",
            pytrace=False,
        )
    return found.verdict

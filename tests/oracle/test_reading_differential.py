"""The reader against the authenticator's own code, and against answers of its that are kept with the corpus.

``AWSAUTH_TEXTS`` sets how many texts are compared, ``AWSAUTH_SEED`` which: the same seed makes the same texts.
"""

from __future__ import annotations

import json
import os
from itertools import chain
from random import Random
from typing import TYPE_CHECKING, Any, Final

import pytest

from awsauth.core.document.document import Document
from awsauth.core.goyaml.nodes import BOM
from tests.support.documents import generated
from tests.support.documents.mutations import mutated
from tests.support.documents.reduction import reduced
from tests.support.documents.scripts import in_scripts
from tests.support.documents.strategies import in_volume

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.authenticator.authenticator import Answer, Authenticator

TEXTS: Final = int(os.environ.get("AWSAUTH_TEXTS", in_volume(24_000)))
SEED: Final = int(os.environ.get("AWSAUTH_SEED", "20261122"))
MOST_UNTRUSTED: Final = 0.01
ODD_ITEMS: Final = (
    " [?]", " [? ]", " [a, ? ]", " [?\n ]", " [?,]", " [? # c\n ]", " [? a]", " {?}", " [?]]", " [? : a]",
    "\n! {s:{", "\n!x {s:{", '\n"x" {s:{', "\n&x [s:[", "\u2028[]\n\t", "\n{# c\n}x- ''[", "\n    \u2028{\\n:{'1'", "\n    \x85{\\/:? a",
    "\n{a?@", " !x {a?@", "\n# c\n[a?@", "\n# [what?]\n", "\n'x' []\n\t", "\n!x &a {}\n@",
    ' {"": x, y: .nan}', ' {"": .inf}', ' {"": {"": x, "": -.inf}}', ' {!!binary "": x, ~: .nan}', ' {? "" : x, ? : .inf}',
)  # fmt: skip
_BATCH: Final = 1000
_LISTS: Final = {"mapRoles": "roles", "mapUsers": "users", "mapAccounts": "accounts"}


def test_corpus_is_read_as_the_authenticator_read_it(corpus: Path) -> None:
    """Every answer that the authenticator gave about a real document is ours as well."""
    answered = [line for line in _expected(corpus) if "result" in line]
    different = [
        f"{line['file']}: ours {ours}, the authenticator's {line['result']}"
        for line in answered
        if (ours := _ours(document := Document(line["data"]))) != _as_ours(line["result"])
        or bool(document.problems) != ("error" in line["result"])
    ]
    assert not different, "\n".join(different)
    assert len(answered) == 135


def test_corpus_is_trusted(corpus: Path) -> None:
    """No real document that the authenticator reads without complaint is one we would not edit."""
    untrusted = [
        line["file"]
        for line in _expected(corpus)
        if "result" in line and "error" not in line["result"] and _untrusted(Document(line["data"]))
    ]
    assert untrusted == []


def test_generated_and_mutated_documents(
    authenticator: Authenticator, tmp_path: Path, real_texts: dict[str, list[str]]
) -> None:
    """Documents in every shape, and broken ones, are read or refused as the authenticator does it."""
    random = Random(SEED)
    texts = {
        key: real_texts.get(key, []) * 3 + [generated.text(random, key) for _ in range(400)] for key in generated.KEYS
    }
    well_formed = (generated.data(random) for _ in range(TEXTS * 2 // 5))
    broken = (_mutated_data(random, texts) for _ in range(TEXTS - TEXTS * 2 // 5))
    _compare(authenticator, chain(well_formed, broken), tmp_path)


def test_documents_in_many_scripts(authenticator: Authenticator, tmp_path: Path) -> None:
    """Names and comments beyond ASCII, most of which the fast reader takes."""
    random = Random(SEED)
    made = (generated.data(random) for _ in range(TEXTS // 4))
    documents = ({key: in_scripts(random, text) for key, text in data.items()} for data in made)
    _compare(authenticator, documents, tmp_path)


@pytest.mark.parametrize("key", generated.KEYS)
@pytest.mark.parametrize("item", ODD_ITEMS)
def test_odd_items(authenticator: Authenticator, tmp_path: Path, key: str, item: str) -> None:
    """What goyaml takes otherwise than libyaml is read as it does, or untrusted; also in a field that is overridden."""
    arn = {"mapRoles": "rolearn", "mapUsers": "userarn"}.get(key, "x")
    fields = (
        f"- {arn}: a\n  groups:{item}",
        f"- groups:{item}\n  {arn}: a\n  groups:\n",
        f"  - {arn}: a\n    e:{item}",
    )
    texts = [*fields, f"- a\n-{item}", f'[{{"{arn}":"a"}}]{item}', f"[]{item}"]
    _compare_batch(authenticator, [{key: text} for text in texts], tmp_path)


def test_byte_order_marks_wherever_goyamls_buffer_ends(authenticator: Authenticator, tmp_path: Path) -> None:
    """A byte order mark that comes to stand where goyaml's buffer begins is skipped, and what follows is another text."""
    documents = [
        {"mapRoles": f"- rolearn: r\n  x: {'a' * length}\n  username: {BOM}{end}"}
        for length in range(460, 500)
        for end in ("\n#-", "\n,", "\x85b")
    ]
    _compare_batch(authenticator, documents, tmp_path)
    assert not any(Document(data).reading("mapRoles").trusted for data in documents)


@pytest.fixture(scope="session")
def real_texts(request: pytest.FixtureRequest) -> dict[str, list[str]]:
    """Return the corpus's texts by data key; nothing where there is no corpus, generated texts have to do then."""
    try:
        folder: Path = request.getfixturevalue("corpus")
    except pytest.skip.Exception:
        return {}
    by_key: dict[str, set[str]] = {}
    for line in _expected(folder):
        for key, text in (line.get("data") or {}).items():
            by_key.setdefault(key, set()).add(text)
    return {key: sorted(texts) for key, texts in by_key.items()}


def _expected(corpus: Path) -> list[dict[str, Any]]:
    lines = (corpus / "expected.jsonl").read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def _mutated_data(random: Random, texts: dict[str, list[str]]) -> dict[str, str]:
    source = random.choices(generated.KEYS, (6, 3, 1))[0]
    # Now and then under another key: a list of users among the roles, accounts that are mappings.
    key = source if random.random() < 0.9 else random.choice(generated.KEYS)
    return {key: mutated(random, texts[source])}


def _compare(authenticator: Authenticator, documents: Iterator[dict[str, str]], folder: Path) -> None:
    """Fail, with the smallest text that shows it, where a reading is not the authenticator's."""
    compared = untrusted = 0
    batch: list[dict[str, str]] = []
    for data in documents:
        batch.append(data)
        if len(batch) == _BATCH:
            untrusted += _compare_batch(authenticator, batch, folder)
            compared += len(batch)
            batch.clear()
    untrusted += _compare_batch(authenticator, batch, folder)
    compared += len(batch)
    assert untrusted <= compared * MOST_UNTRUSTED, f"{untrusted} of {compared} documents are untrusted (seed {SEED})"


def _compare_batch(authenticator: Authenticator, batch: list[dict[str, str]], folder: Path) -> int:
    untrusted = 0
    for data, answer in zip(batch, authenticator.parse_many(batch), strict=True):
        document = Document(data)
        untrusted += bool(_untrusted(document))
        if _differs(document, answer):
            smallest = {key: _smallest(authenticator, key, text) for key, text in data.items()}
            _fail(data, {k: t for k, t in smallest.items() if t is not None} or data, authenticator, folder)
    return untrusted


def _smallest(authenticator: Authenticator, key: str, text: str) -> str | None:
    def still(candidate: str) -> bool:
        data = {key: candidate}
        return _differs(Document(data), authenticator.parse(data))

    return reduced(text, still) if still(text) else None


def _fail(data: dict[str, str], smallest: dict[str, str], authenticator: Authenticator, folder: Path) -> None:
    saved = folder / "mismatch.json"
    saved.write_text(json.dumps({"data": data, "smallest": smallest, "seed": SEED}), encoding="utf-8")
    document = Document(smallest)
    answer = authenticator.parse(smallest)
    pytest.fail(
        f"read differently (seed {SEED}, saved as {saved})\n"
        f"smallest: {smallest!r}\n"
        f"we read:  {_ours(document)}\n"
        f"problems: {[str(problem) for problem in document.problems]}\n"
        f"it reads: {_as_ours(answer)}\n"
        f"error:    {answer['error']}\n"
        f"found in: {data!r}",
        pytrace=False,
    )


def _differs(document: Document, answer: Answer) -> bool:
    untrusted = _untrusted(document)
    ours, its = _ours(document), _as_ours(answer)
    if any(ours[name] != its[name] for key, name in _LISTS.items() if key not in untrusted):
        return True
    return not untrusted and bool(document.problems) != bool(answer["error"])


def _untrusted(document: Document) -> set[str]:
    return {problem.location.key for problem in document.problems if problem.code == "untrusted" and problem.location}


def _ours(document: Document) -> dict[str, list[Any]]:
    roles = [
        (m.role_arn, m.username, m.groups, m.sso and (m.sso.permission_set_name, m.sso.account_id, m.sso.partition))
        for m in document.roles
    ]
    users = [(m.user_arn, m.username, m.groups) for m in document.users]
    return {"roles": roles, "users": users, "accounts": list(document.accounts)}


def _as_ours(answer: Any) -> dict[str, list[Any]]:
    """Bring the program's answer, or one from the corpus's file, which names the ARN `arn`, into our form."""
    roles = [
        (m.get("rolearn", m.get("arn", "")), m["username"], tuple(m["groups"] or ()), _sso(m.get("sso")))
        for m in answer["roles"]
    ]
    users = [(m.get("userarn", m.get("arn", "")), m["username"], tuple(m["groups"] or ())) for m in answer["users"]]
    return {"roles": roles, "users": users, "accounts": answer["accounts"]}


def _sso(match: dict[str, str] | None) -> tuple[str, str, str] | None:
    if match is None:
        return None
    return match["permissionSetName"], match["accountID"], match.get("partition", "")
